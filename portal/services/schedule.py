"""When the pipeline starts by itself (EventBridge Scheduler), and who is told of its runs (SNS)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from portal.services.aws import Aws, ServiceError

_DAILY = re.compile(r"cron\((\d{1,2}) (\d{1,2}) (?:\* \* \?|\? \* (MON-FRI)) \*\)")
TOPICS = {
    "HDP_TOPIC_FAILED_ARN": "A run failed",
    "HDP_TOPIC_SUCCEEDED_ARN": "A run ended: published, or held for a review",
}


@dataclass(frozen=True)
class Schedule:
    """`at` is UTC and None where the expression is one that the portal does not read."""

    is_on: bool
    expression: str
    at: time | None
    weekdays_only: bool

    def next_due(self, now: datetime) -> datetime | None:
        """The first moment after `now` at which a run is due; None where it is off or not read."""
        later = (self.last_due(now + timedelta(days=days)) for days in range(1, 9))
        return next((due for due in later if due and due > now), None)

    def last_due(self, now: datetime) -> datetime | None:
        """The newest moment up to `now` at which a run was due; None where it is off or not read."""
        if not self.is_on or self.at is None:
            return None
        day = now.astimezone(UTC)
        for back in range(8):
            due = datetime.combine((day - timedelta(days=back)).date(), self.at, UTC)
            if due <= now and not (self.weekdays_only and due.weekday() > 4):
                return due
        return None


def _name(aws: Aws) -> str:
    return f"{aws.lake.prefix}-nightly"


def get(aws: Aws) -> Schedule:
    found = aws.client("scheduler").get_schedule(Name=_name(aws))
    expression = found["ScheduleExpression"]
    read = _DAILY.fullmatch(expression)
    at = time(int(read[2]), int(read[1])) if read else None
    return Schedule(found["State"] == "ENABLED", expression, at, bool(read and read[3]))


def find(aws: Aws) -> Schedule | None:
    """The schedule, or None where AWS does not tell it: whoever only looks for alerts can do without."""
    try:
        return get(aws)
    except (ClientError, BotoCoreError):
        return None


def change(aws: Aws, *, is_on: bool, at: time, weekdays_only: bool) -> Schedule:
    """Set the schedule; everything else of it stays as Terraform made it."""
    aws.require("run_pipeline")
    scheduler = aws.client("scheduler")
    found = scheduler.get_schedule(Name=_name(aws))
    days = "? * MON-FRI" if weekdays_only else "* * ?"
    kept: dict[str, Any] = {
        name: found[name]
        for name in ("FlexibleTimeWindow", "Target", "ScheduleExpressionTimezone", "KmsKeyArn")
        if found.get(name)
    }
    scheduler.update_schedule(
        Name=_name(aws),
        ScheduleExpression=f"cron({at.minute} {at.hour} {days} *)",
        State="ENABLED" if is_on else "DISABLED",
        **kept,
    )
    return get(aws)


@dataclass(frozen=True)
class Subscription:
    """Somebody who is told; `is_confirmed` once the mail's link was followed."""

    topic: str
    endpoint: str
    is_confirmed: bool


def subscriptions(aws: Aws) -> list[Subscription]:
    found = []
    for topic in topics():
        pages = aws.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        found += [
            Subscription(topic, each["Endpoint"], each["SubscriptionArn"].startswith("arn:"))
            for page in pages
            for each in page["Subscriptions"]
            if each["Protocol"] == "email"
        ]
    return found


def subscribe(aws: Aws, topic: str, address: str) -> None:
    """Ask SNS to send the topic's messages to an e-mail address; the mail's link confirms it."""
    aws.require("query")
    address = address.strip()
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", address):
        raise ServiceError(f"'{address}' is no e-mail address: it should look like name@hospital.org.")
    if topic not in topics():
        raise ServiceError("There is no such topic.")
    aws.client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint=address)


def topics() -> dict[str, str]:
    """Topics of this installation with what they tell."""
    return {os.environ[name]: words for name, words in TOPICS.items() if os.environ.get(name)}
