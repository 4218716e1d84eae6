"""Notify subscribers of late runs and of scheduled runs that have not started, once each."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3

from pipeline.lake.store import now, read_json, write_json
from pipeline.lake.uris import Lake
from pipeline.lateness import Delay, Schedule, delays

s3 = boto3.client("s3")
sns = boto3.client("sns")
states = boto3.client("stepfunctions")
scheduler = boto3.client("scheduler")
lake = Lake.of(os.environ)

NEWEST = 100
"""Number of newest executions to check, which are weeks of nightly runs."""


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
    late = delays(_executions(), schedule, datetime.now(UTC))
    return {"sent": [delay.message_in_utc for delay in late if _send_once(delay)]}


def _executions() -> list[Execution]:
    """Return the newest attempts, newest first."""
    response = states.list_executions(stateMachineArn=os.environ["HDP_STATE_MACHINE_ARN"], maxResults=NEWEST)
    attempts = [_execution(each) for each in response["executions"]]
    return sorted(attempts, key=lambda each: each.started_at, reverse=True)


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
    """Send an alert unless it was sent before; return True if it was sent."""
    uri = lake.sent_alert(f"{delay.kind.replace(' ', '-')}-{delay.about}")
    if read_json(s3, uri):
        return False
    message = {
        "run_id": delay.run_id,
        "alert": delay.kind,
        "cause": delay.message_in_utc,
        "next": "Open the portal. The Runs page lists the runs; the Alerts page shows the schedule.",
    }
    subject = f"Health data: a run is {delay.kind}" if delay.run_id else "Health data: a run has not started"
    sns.publish(TopicArn=os.environ["HDP_TOPIC_ARN"], Subject=subject, Message=json.dumps(message))
    write_json(s3, uri, {"sent_at": now(), "message": delay.message_in_utc})
    return True
