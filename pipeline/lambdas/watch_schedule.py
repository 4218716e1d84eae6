"""Tells the topic of failed runs, once each, of a run that is late and of one that was due and never started."""

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
"""Executions that are looked at: weeks of nights."""


@dataclass(frozen=True)
class Execution:
    """An attempt of a run."""

    run_id: str
    attempt: int
    status: str
    started_at: datetime
    seconds: float


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """``{}`` to ``{"told": [what was told now]}``."""
    found = scheduler.get_schedule(Name=lake.schedule)
    starts = Schedule.read(found)
    told = [each.words_in_utc for each in delays(_executions(), starts, datetime.now(UTC)) if _tell(each)]
    return {"told": told}


def _executions() -> list[Execution]:
    """The newest attempts, newest first."""
    answer = states.list_executions(stateMachineArn=os.environ["HDP_STATE_MACHINE_ARN"], maxResults=NEWEST)
    found = [_execution(each) for each in answer["executions"]]
    return sorted(found, key=lambda each: each.started_at, reverse=True)


def _execution(found: Any) -> Execution:
    run_id, dot, attempt = found["name"].rpartition(".")
    is_again = bool(dot) and attempt.isdigit()
    ended = found.get("stopDate") or datetime.now(UTC)
    return Execution(
        run_id if is_again else found["name"],
        int(attempt) if is_again else 1,
        found["status"],
        found["startDate"],
        (ended - found["startDate"]).total_seconds(),
    )


def _tell(delay: Delay) -> bool:
    """Whether this is news: what was told is written down, so that the next look finds it."""
    place = lake.told(f"{delay.kind.replace(' ', '-')}-{delay.about}")
    if read_json(s3, place):
        return False
    message = {
        "run_id": delay.run_id,
        "alert": delay.kind,
        "cause": delay.words_in_utc,
        "next": "Open the portal: its Runs page shows what is running, its Alerts page the schedule.",
    }
    subject = f"Health data: a run is {delay.kind}" if delay.run_id else "Health data: a run has not started"
    sns.publish(TopicArn=os.environ["HDP_TOPIC_ARN"], Subject=subject, Message=json.dumps(message))
    write_json(s3, place, {"told_at": now(), "words": delay.words_in_utc})
    return True
