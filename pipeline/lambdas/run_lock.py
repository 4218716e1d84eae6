"""The write lock of the lake: an S3 object, which is stale once the execution that it names has ended."""

from __future__ import annotations

from typing import Any

from pipeline.lake.store import now, read_json, write_json
from pipeline.lake.uris import Lake


class LakeBusy(Exception):
    """Another run has the write lock; this run changes nothing."""


def take(s3: Any, states: Any, lake: Lake, run_id: str, execution: str) -> None:
    """Acquire the lock for `execution`, unless it has the lock already.

    Raise `LakeBusy` if another running execution has the lock, takes it first or has only just released it.
    """
    mine = {"run_id": run_id, "execution": execution, "since": now()}
    if write_json(s3, lake.run_lock(), mine, IfNoneMatch="*"):
        return
    found = read_json(s3, lake.run_lock())
    if found is None:
        raise LakeBusy("Another run has just released the lock: start this run again.")
    lock, etag = found
    if lock["execution"] == execution:
        return
    if _is_running(states, lock["execution"]) or not write_json(s3, lake.run_lock(), mine, IfMatch=etag):
        raise LakeBusy(
            f"Run '{lock['run_id']}' has been writing since {lock['since']}: wait until it ends, or stop it."
        )


def _is_running(states: Any, execution: str) -> bool:
    try:
        return bool(states.describe_execution(executionArn=execution)["status"] == "RUNNING")
    except states.exceptions.ExecutionDoesNotExist:
        return False
