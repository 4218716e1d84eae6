"""Kill each writing operation before every write, lose or double the response of every write, then repeat it.

Everything is tried on a small lake in memory. A kill is exact: from the write on, no call reaches AWS.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.client
import pytest
from botocore.exceptions import ConnectionClosedError

from pipeline.releases import model as release_model
from pipeline.releases import publish as publishing
from pipeline.releases.model import Release
from pipeline.reviews import log as review_log
from portal.batches import retirement
from portal.batches import service as batches
from portal.batches.source_file import SourceFile
from portal.core.context import Context
from portal.lake import backup, purge, restore, verify
from portal.releases import service as releases
from portal.reviews import entry
from tests.support import small_lake

WRITES = {
    "BatchCreatePartition", "BatchDeletePartition", "CopyObject", "DeleteObject", "DeleteObjects",
    "PutObject", "PutSecretValue",
}  # fmt: skip
FAULTS = ("killed before", "response lost", "request doubled")
EXTRACT = b"patient_id,birth_date,updated_at\nP7,1980-01-01,2025-01-01\n"


class Killed(Exception):
    """The process is gone; nothing that it still tries reaches AWS."""


@contextlib.contextmanager
def faulty(fault: str, at: int) -> Iterator[list[str]]:
    """Disturb the write of number `at` (from 0; -1 for none); yield the names of the writes so far."""
    call, writes, dead = botocore.client.BaseClient._make_api_call, [], []

    def disturbed(client: Any, name: str, arguments: Any) -> Any:
        if dead:
            raise Killed
        if name not in WRITES:
            return call(client, name, arguments)
        writes.append(name)
        if len(writes) - 1 != at:
            return call(client, name, arguments)
        if fault == "killed before":
            dead.append(name)
            raise Killed
        if fault == "response lost":
            call(client, name, arguments)
            raise ConnectionClosedError(endpoint_url="https://aws")
        with contextlib.suppress(Exception):
            call(client, name, arguments)
        if hasattr(arguments.get("Body"), "seek"):
            arguments["Body"].seek(0)
        return call(client, name, arguments)

    botocore.client.BaseClient._make_api_call = disturbed
    try:
        yield writes
    finally:
        botocore.client.BaseClient._make_api_call = call


@dataclass(frozen=True)
class Operation:
    """What a person does, and whether its outcome is there exactly once; `prepare` returns the arguments."""

    name: str
    prepare: Callable[[Context, Path], Any]
    act: Callable[[Context, Any], Any]
    is_done: Callable[[Context], bool]
    is_restore: bool = False


def _import(context: Context, _: Any) -> None:
    batches.import_files(context, [SourceFile.from_bytes("patients.csv", EXTRACT)], uploader="eve")


def _second_release(context: Context, _: Path) -> None:
    made = Release("run-2", "run-2", [small_lake.BATCH], "publish", "2026-01-02T00:00:00Z")
    release_model.write(context.client("s3"), context.lake, made)


def _published_second(context: Context, folder: Path) -> None:
    _second_release(context, folder)
    releases.publish(context, "run-2", reason="better")


def _history(context: Context) -> tuple[str, list[str]]:
    found = release_model.current(context.client("s3"), context.lake)
    assert found
    return found.release_id, found.history


def _decide(context: Context, _: Any) -> None:
    subject = {"run_id": small_lake.RUN, "table_name": "patients", "rule_id": "PAT-C02"}
    entry.append_event(
        small_lake.acting(context, "lee", "clinician"), "finding_rejected", subject, {"text": "wrong"}, 2
    )


def _decisions(context: Context) -> int:
    log = review_log.read(context.client("s3"), context.lake)
    return sum(event.kind == "finding_rejected" for event in log.events)


def _approved(context: Context, _: Path) -> str:
    made = purge.request(context, batch_id=small_lake.BATCH, reason="wrong")
    purge.approve(small_lake.acting(context, "pat", "privacy_officer"), made.purge_id)
    return made.purge_id


def _is_purged(context: Context) -> bool:
    names = [
        name for zone in ("bronze", "silver", "gold") for name in _keys(context, context.lake.bucket(zone))
    ]
    return not any(f"batch_id={small_lake.BATCH}/" in name or "release_id=run-1" in name for name in names)


def _keys(context: Context, bucket: str) -> list[str]:
    return [each["Key"] for each in context.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])]


OPERATIONS = (
    Operation("import", lambda *_: None, _import, lambda c: len(batches.list_batches(c)) == 2),
    Operation(
        "retire",
        lambda *_: None,
        lambda c, _: retirement.retire(c, small_lake.BATCH, reason="wrong"),
        lambda c: small_lake.BATCH in retirement.retired(c),
    ),
    Operation(
        "publish",
        _second_release,
        lambda c, _: releases.publish(c, "run-2", reason="better"),
        lambda c: _history(c) == ("run-2", ["run-1"]),
    ),
    Operation(
        "roll back",
        _published_second,
        lambda c, _: releases.rollback(c, reason="worse", shown="run-2"),
        lambda c: _history(c) == ("run-1", []),
    ),
    Operation("decide on a finding", lambda *_: None, _decide, lambda c: _decisions(c) == 1),
    Operation("purge a batch", _approved, purge.run, _is_purged),
    Operation(
        "restore a backup",
        lambda c, folder: backup.back_up(c, folder / "backup").folder,
        restore.restore,
        lambda c: _history(c) == ("run-1", []),
        is_restore=True,
    ),
)


def tried(operation: Operation, fault: str, at: int) -> tuple[bool, int]:
    """Disturb an operation and repeat it; return whether all is there once, and the number of writes."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        for module in (publishing, restore.publishing):
            patch.setattr(module, "view_refresher", lambda *_: lambda release_id: None)
        patch.setattr(purge, "_rebuild", lambda _: "")
        with small_lake.moto(patch) as context:
            small_lake.fill(context)
            given = operation.prepare(context, Path(folder))
            if not operation.is_restore:
                return _disturbed(operation, context, given, fault, at)
        with small_lake.moto(patch, "other") as context:
            return _disturbed(operation, context, given, fault, at)


def _disturbed(operation: Operation, context: Context, given: Any, fault: str, at: int) -> tuple[bool, int]:
    with faulty(fault, at) as writes, contextlib.suppress(Exception):
        operation.act(context, given)
    if at >= 0:
        with contextlib.suppress(Exception):  # that it was done before is no failure
            operation.act(context, given)
    return operation.is_done(context) and verify.lake(context).problems == [], len(writes)
