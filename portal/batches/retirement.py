"""Retired batches: kept in bronze, left out of later releases, with a record of who decided so and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.lake.store import now, read_json, write_json
from pipeline.lake.uris import RETIRED, split
from portal.core.context import Context
from portal.core.errors import ServiceError

_LONGEST_REASON = 500


@dataclass(frozen=True)
class Retirement:
    """Who left a batch out of later releases, when and why."""

    batch_id: str
    retired_by: str
    retired_at: str
    reason: str


def retire(context: Context, batch_id: str, *, reason: str) -> Retirement:
    """Leave a batch out of the next release; its files stay in bronze and the record is never changed."""
    context.require("run_pipeline")
    cleaned = reason.strip()
    if not cleaned:
        raise ServiceError(f"Say why batch '{batch_id}' is retired: the audit trail requires a reason.")
    if len(cleaned) > _LONGEST_REASON:
        raise ServiceError(f"The reason has {len(cleaned):,} characters: at most {_LONGEST_REASON} are kept.")
    if batch_id not in _names(context)[0]:
        raise ServiceError(unknown([batch_id]))
    record = Retirement(batch_id, context.settings.user, now(), cleaned)
    if not write_json(context.client("s3"), context.lake.retirement(batch_id), vars(record), IfNoneMatch="*"):
        raise ServiceError(_said(retired(context)[batch_id]))
    return record


def retired(context: Context) -> dict[str, Retirement]:
    """By batch the record of its retirement."""
    _, gone = _names(context)
    found = (read_json(context.client("s3"), context.lake.retirement(batch_id)) for batch_id in gone)
    records = [Retirement(**document[0]) for document in found if document]
    return {record.batch_id: record for record in records}


def refuse_unusable(context: Context, batch_ids: Sequence[str]) -> None:
    """`ServiceError` where a run cannot process these batches (none: all that are new)."""
    there, gone = _names(context)
    if missing := [batch_id for batch_id in batch_ids if batch_id not in there]:
        raise ServiceError(unknown(missing))
    if refused := [batch_id for batch_id in batch_ids if batch_id in gone]:
        raise ServiceError(_said(retired(context)[refused[0]]))
    if not set(there) - set(gone):
        raise ServiceError(
            "There is no batch to process: import one with 'hdp batches import DIR' "
            "or make sample data with 'hdp batches generate'."
        )


def unknown(batch_ids: Sequence[str]) -> str:
    """The sentence about batches that the lake does not hold."""
    names = ", ".join(f"'{batch_id}'" for batch_id in batch_ids)
    return f"There is no batch {names}: 'hdp batches list' lists the batches."


def _said(record: Retirement) -> str:
    return f"Batch '{record.batch_id}' was retired by {record.retired_by} at {record.retired_at}: {record.reason}"


def _names(context: Context) -> tuple[list[str], list[str]]:
    """The ids of the batches that the lake holds, and of those that were retired."""
    bucket, prefix = split(context.lake.manifests())
    pages = context.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    names = [item["Key"].removeprefix(prefix) for page in pages for item in page.get("Contents", [])]
    there = [name.removesuffix(".json") for name in names if name.endswith(".json")]
    return there, [name.removesuffix(RETIRED) for name in names if name.endswith(RETIRED)]
