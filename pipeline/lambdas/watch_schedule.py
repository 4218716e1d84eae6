"""Notify subscribers once of each late run, each missed start of the schedule and each silent source."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3

from pipeline.lake.store import now, read_json, write_json
from pipeline.lake.uris import Lake, split
from pipeline.lateness import Delay, Schedule, delays, silent

s3 = boto3.client("s3")
sns = boto3.client("sns")
states = boto3.client("stepfunctions")
scheduler = boto3.client("scheduler")
lake = Lake.of(os.environ)

NEWEST = 100
"""Number of newest executions, and of newest batches, that are checked: those of several weeks."""

_SUBJECT = {
    "late": "Health data: a run is late",
    "never started": "Health data: a run has not started",
    "no batch": "Health data: a source is silent",
}
_RUNS = "Open the portal. The Runs page lists the runs; the Alerts page shows the schedule."
_NEXT = {
    "late": _RUNS,
    "never started": _RUNS,
    "no batch": "Ask the source whether its export ran, and look into incoming/ and incoming/refused/.",
}


@dataclass(frozen=True)
class Execution:
    """One attempt of a run."""

    run_id: str
    attempt: int
    status: str
    started_at: datetime
    seconds: float


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Map ``{}`` to ``{"sent": [messages sent by this call]}``."""
    schedule = Schedule.read(scheduler.get_schedule(Name=lake.schedule))
    at = datetime.now(UTC)
    late = delays(_executions(), schedule, at)
    if hours := json.loads(os.environ["HDP_FRESH_HOURS"]):
        late += silent(_newest(hours), hours, at)
    return {"sent": [delay.message_in_utc for delay in late if _send_once(delay)]}


def _executions() -> list[Execution]:
    """Return the newest attempts, newest first."""
    response = states.list_executions(stateMachineArn=os.environ["HDP_STATE_MACHINE_ARN"], maxResults=NEWEST)
    attempts = [_execution(each) for each in response["executions"]]
    return sorted(attempts, key=lambda each: each.started_at, reverse=True)


def _newest(sources: Iterable[str]) -> dict[str, datetime]:
    """Return the time of each source's newest batch; a source without one among the newest is left out.

    `sources` are sources of the SFTP gateway, or the uploaders of batches.
    """
    bucket, prefix = split(lake.manifests())
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    items = [item for page in pages for item in page.get("Contents", []) if item["Key"].endswith(".json")]
    missing, found = set(sources), {}
    for item in sorted(items, key=lambda each: each["LastModified"], reverse=True)[:NEWEST]:
        manifest = read_json(s3, f"s3://{bucket}/{item['Key']}")
        uploader = str(manifest[0]["uploader"]) if manifest else ""
        for source in missing & {uploader, uploader.removeprefix("delivery of ")}:
            found[source] = item["LastModified"]
        missing -= found.keys()
        if not missing:
            break
    return found


def _execution(execution: Any) -> Execution:
    run_id, dot, attempt = execution["name"].rpartition(".")
    is_resumed = bool(dot) and attempt.isdigit()
    ended = execution.get("stopDate") or datetime.now(UTC)
    return Execution(
        run_id if is_resumed else execution["name"],
        int(attempt) if is_resumed else 1,
        execution["status"],
        execution["startDate"],
        (ended - execution["startDate"]).total_seconds(),
    )


def _send_once(delay: Delay) -> bool:
    """Send the alert about a delay; return False if it was sent before."""
    uri = lake.sent_alert(f"{delay.kind.replace(' ', '-')}-{delay.about}")
    if read_json(s3, uri):
        return False
    message = {
        "run_id": delay.run_id,
        "alert": delay.kind,
        "cause": delay.message_in_utc,
        "next": _NEXT[delay.kind],
    }
    sns.publish(
        TopicArn=os.environ["HDP_TOPIC_ARN"], Subject=_SUBJECT[delay.kind], Message=json.dumps(message)
    )
    write_json(s3, uri, {"sent_at": now(), "message": delay.message_in_utc})
    return True
