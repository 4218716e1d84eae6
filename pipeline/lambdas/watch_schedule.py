"""Notify subscribers once of each late run, missed start, silent source and overdue query."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import boto3

from pipeline.lake.store import now, read_json, write_json
from pipeline.lake.uris import Lake, split
from pipeline.lateness import Delay, Schedule, delays, silent
from pipeline.reviews import log
from pipeline.reviews.queries import Pending, overdue

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
    "overdue": "Open the portal. The Quality page lists the queries: answer it, or close it.",
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
    sent = [delay.message_in_utc for delay in late if _send_once(delay)]
    return {"sent": [*sent, *_send_overdue(at.date())]}


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


_events: log.ObjectCache = {}
"""Events of the review log that earlier calls have read."""


def _send_overdue(on: date) -> list[str]:
    """Notify once of each query that is overdue; return the messages sent by this call."""
    events = [event for _, event in log.fetch(s3, lake, _events).events if event is not None]
    return [message for each in overdue(events, on) if (message := _send_overdue_once(each))]


def _send_overdue_once(query: Pending) -> str:
    """Send the reminder about a query and return it; return "" if it was sent before."""
    uri = lake.sent_alert(f"overdue-{query.query_id}-{query.due}")
    if read_json(s3, uri):
        return ""
    who = query.assignee or "nobody"
    about = f"Query {query.query_id} on {query.rule_id} of {query.table_name}"
    text = f"{about} was due on {query.due}; assignee: {who}."
    message = {"run_id": query.run_id, "alert": "overdue", "cause": text, "next": _NEXT["overdue"]}
    sns.publish(
        TopicArn=os.environ["HDP_TOPIC_REVIEWS_ARN"],
        Subject="Health data: a query is overdue",
        Message=json.dumps(message),
        MessageAttributes={"assignee": {"DataType": "String", "StringValue": who}},
    )
    write_json(s3, uri, {"sent_at": now(), "message": text})
    return text


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
