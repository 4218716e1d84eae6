"""First step of a run: validate its input, acquire the write lock, select its batches."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from pipeline.lake.store import now, read_json, write_json
from pipeline.lake.uris import RETIRED, Lake, split
from pipeline.lambdas import run_lock
from pipeline.releases.model import current, get
from pipeline.run_input import AUTOMATIC, check

s3 = boto3.client("s3")
states = boto3.client("stepfunctions")
lake = Lake.of(os.environ)


MAX_WAIT = timedelta(minutes=60)
"""Maximum time that a run started by the schedule or by a new batch waits for the write lock."""

NAMED_LIMIT = 5
"""Maximum number of batch ids in an error message."""


class NoBatches(Exception):
    """There is no batch to process: import an extract or generate one first."""


class UnknownBatch(Exception):
    """The run names a batch that is not in the lake."""


class RetiredBatch(Exception):
    """The run names a batch that is retired, which no run processes."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Map ``{"input", "execution", "name", "since"}`` to ``{"run_id", "auto_publish", "outcome", "why"}``.

    `input`, `execution`, `name` and `since` are the execution's input, ARN, name and start time. The batches
    are listed only in the run plan in S3, because Step Functions limits the data of a state to 262,144 bytes.
    `outcome` is "ready" if the run may write. Without the lock, an automatic run is "busy" and, after
    `MAX_WAIT`, "skipped"; for other runs, `LakeBusy` is raised. The run id defaults to `name`, as in
    scheduled runs.
    """
    wanted = check({"run_id": event["name"], **event["input"]})
    run_id = wanted["run_id"]
    result = {"run_id": run_id, "auto_publish": wanted["auto_publish"]}
    try:
        run_lock.take(s3, states, lake, run_id, event["execution"])
    except run_lock.LakeBusy as busy:
        if wanted["started_by"] not in AUTOMATIC:
            raise
        return {**result, **_turn(event["since"], str(busy))}
    plan = {"started_by": wanted["started_by"], **_plan(run_id, wanted["batch_ids"])}
    write_json(s3, lake.run_plan(run_id), plan)
    print(json.dumps({"run_id": run_id, "batches": len(plan["batch_ids"])}))  # noqa: T201
    return {**result, "outcome": "ready", "why": ""}


def _turn(since: str, busy: str) -> dict[str, str]:
    """Return outcome and reason for a run without the lock: "busy" up to `MAX_WAIT`, then "skipped"."""
    if datetime.now(UTC) - datetime.fromisoformat(since) < MAX_WAIT:
        return {"outcome": "busy", "why": busy}
    minutes = int(MAX_WAIT.total_seconds() / 60)
    return {
        "outcome": "skipped",
        "why": f"Skipped after {minutes} minutes: {busy} The next run loads its batches.",
    }


def _plan(run_id: str, batch_ids: list[str]) -> dict[str, Any]:
    existing = read_json(s3, lake.run_plan(run_id))
    if existing:
        return existing[0]
    available, retired = _batches()
    if missing := [batch_id for batch_id in batch_ids if batch_id not in available]:
        raise UnknownBatch(f"There is no batch {_listed(missing)}: 'hdp batches list' lists the batches.")
    if gone := [batch_id for batch_id in batch_ids if batch_id in retired]:
        raise RetiredBatch(f"Batch {_listed(gone)} is retired: 'hdp batches show' shows by whom and why.")
    published = current(s3, lake)
    loaded = get(s3, lake, published.release_id).batch_ids if published else []
    kept = [batch_id for batch_id in loaded if batch_id not in retired]
    new = [batch_id for batch_id in available if batch_id not in {*kept, *retired}]
    chosen = list(dict.fromkeys(batch_ids)) or new or kept
    if not chosen:
        raise NoBatches("There is no batch to process: generate sample data or import an extract first.")
    return {
        "run_id": run_id,
        "batch_ids": chosen,
        "release_batch_ids": sorted({*kept, *chosen}),
        "parent_release_id": published.release_id if published else None,
        "started_at": now(),
        "time_zone": os.environ["HDP_TIME_ZONE"],
    }


def _listed(batch_ids: list[str]) -> str:
    more = len(batch_ids) - NAMED_LIMIT
    return ", ".join(batch_ids[:NAMED_LIMIT]) + (f" and {more:,} more" if more > 0 else "")


def _batches() -> tuple[list[str], set[str]]:
    """Return the ids of all batches in the lake, and of the retired ones among them."""
    bucket, prefix = split(lake.manifests())
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    names = [item["Key"].removeprefix(prefix) for page in pages for item in page.get("Contents", [])]
    available = sorted(name.removesuffix(".json") for name in names if name.endswith(".json"))
    return available, {name.removesuffix(RETIRED) for name in names if name.endswith(RETIRED)}
