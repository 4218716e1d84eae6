"""Retire batches: later releases leave them out, but their files stay in bronze."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.lake.store import now, read_json, write_json
from pipeline.lake.uris import RETIRED, split
from portal.audit import service as audit_log
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires

_LONGEST_REASON = 500


@dataclass(frozen=True)
class Retirement:
    """The record of a retired batch."""

    batch_id: str
    retired_by: str
    retired_at: str
    reason: str


@requires("run_pipeline")
def retire(context: Context, batch_id: str, *, reason: str) -> Retirement:
    """Retire a batch: later releases leave it out. The record cannot be changed.

    Raise `ServiceError` if `reason` is empty or too long, or if the batch does not exist or is retired.
    """
    cleaned = reason.strip()
    if not cleaned:
        raise ServiceError(f"Enter why batch '{batch_id}' is retired. The audit log requires a reason.")
    if len(cleaned) > _LONGEST_REASON:
        raise ServiceError(f"The reason has {len(cleaned):,} characters. The maximum is {_LONGEST_REASON}.")
    if batch_id not in _ids(context).all:
        raise ServiceError(not_found([batch_id]))
    record = Retirement(batch_id, context.settings.user, now(), cleaned)
    uri = context.lake.retirement(batch_id)
    with audit_log.recorded(context, "retire_batch", {"batch": batch_id}, reason=cleaned):
        if not write_json(context.client("s3"), uri, vars(record), IfNoneMatch="*"):
            raise ServiceError(_message(retired(context)[batch_id]))
    return record


@requires("see_charts")
def retired(context: Context) -> dict[str, Retirement]:
    """Return the records of all retired batches, by batch id."""
    found = (
        read_json(context.client("s3"), context.lake.retirement(batch_id))
        for batch_id in _ids(context).retired
    )
    records = [Retirement(**document[0]) for document in found if document]
    return {record.batch_id: record for record in records}


@requires("run_pipeline")
def check_usable(context: Context, batch_ids: Sequence[str]) -> None:
    """Raise `ServiceError` if one of the batches is missing or retired, or if no batch can be processed.

    An empty list means all new batches.
    """
    ids = _ids(context)
    if missing := [batch_id for batch_id in batch_ids if batch_id not in ids.all]:
        raise ServiceError(not_found(missing))
    if refused := [batch_id for batch_id in batch_ids if batch_id in ids.retired]:
        raise ServiceError(_message(retired(context)[refused[0]]))
    if not set(ids.all) - set(ids.retired):
        raise ServiceError(
            "There is no batch to process. Import one with 'hdp batches import DIR' "
            "or generate sample data with 'hdp batches generate'."
        )


def not_found(batch_ids: Sequence[str]) -> str:
    """Return a message: the batches do not exist."""
    names = ", ".join(f"'{batch_id}'" for batch_id in batch_ids)
    return f"There is no batch {names}. 'hdp batches list' lists the batches."


def _message(record: Retirement) -> str:
    who_and_when = f"{record.retired_by} at {record.retired_at}"
    return f"Batch '{record.batch_id}' was retired by {who_and_when}: {record.reason}"


@dataclass(frozen=True)
class _BatchIds:
    all: list[str]
    retired: list[str]


def _ids(context: Context) -> _BatchIds:
    """Return the ids of all batches and of the retired ones, read from the names of their objects."""
    bucket, prefix = split(context.lake.manifests())
    pages = context.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    names = [item["Key"].removeprefix(prefix) for page in pages for item in page.get("Contents", [])]
    return _BatchIds(
        all=[name.removesuffix(".json") for name in names if name.endswith(".json")],
        retired=[name.removesuffix(RETIRED) for name in names if name.endswith(RETIRED)],
    )
