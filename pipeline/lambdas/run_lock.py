"""One run writes at a time: the lock is one object, and it is stale once its execution has ended."""

from __future__ import annotations

from typing import Any

from pipeline.lake.store import now, read_json, write_json
from pipeline.lake.uris import Lake


class LakeBusy(Exception):
    """Another run is writing; this one is refused and has changed nothing."""


def take(s3: Any, states: Any, lake: Lake, run_id: str, execution: str) -> None:
    """Claim the lake for `execution`; `LakeBusy` where another execution holds it and still runs."""
    mine = {"run_id": run_id, "execution": execution, "since": now()}
    if write_json(s3, lake.run_lock(), mine, IfNoneMatch="*"):
        return
    found = read_json(s3, lake.run_lock())
    if found is None:
        raise LakeBusy("Another run let go of the lake just now: start this one again.")
    held, etag = found
    if held["execution"] == execution:
        return
    if _is_running(states, held["execution"]) or not write_json(s3, lake.run_lock(), mine, IfMatch=etag):
        raise LakeBusy(
            f"Run '{held['run_id']}' has been writing since {held['since']}: wait for its end or stop it."
        )


def _is_running(states: Any, execution: str) -> bool:
    try:
        return bool(states.describe_execution(executionArn=execution)["status"] == "RUNNING")
    except states.exceptions.ExecutionDoesNotExist:
        return False
