"""The schedule of the pipeline (EventBridge Scheduler) and the subscribers of its notifications (SNS)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.lateness import Schedule
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires

TOPICS = {
    "HDP_TOPIC_FAILED_ARN": "A run failed",
    "HDP_TOPIC_SUCCEEDED_ARN": "A run ended, or a query was assigned or is overdue",
}


@requires("see_charts")
def get(context: Context) -> Schedule:
    """Return the schedule of the pipeline."""
    found = context.client("scheduler").get_schedule(Name=context.lake.schedule)
    return Schedule.read(found)


@requires("see_charts")
def find(context: Context) -> Schedule | None:
    """Return the schedule, or None if it cannot be read; alerts work without it."""
    try:
        return get(context)
    except (ClientError, BotoCoreError):
        return None


@requires("run_pipeline")
def change(context: Context, *, is_on: bool, at: time, weekdays_only: bool) -> Schedule:
    """Change the schedule and return it; keep its other settings. `at` is in the schedule's time zone."""
    scheduler = context.client("scheduler")
    found = scheduler.get_schedule(Name=context.lake.schedule)
    days = "? * MON-FRI" if weekdays_only else "* * ?"
    kept: dict[str, Any] = {
        name: found[name]
        for name in ("FlexibleTimeWindow", "Target", "ScheduleExpressionTimezone", "KmsKeyArn")
        if found.get(name)
    }
    scheduler.update_schedule(
        Name=context.lake.schedule,
        ScheduleExpression=f"cron({at.minute} {at.hour} {days} *)",
        State="ENABLED" if is_on else "DISABLED",
        **kept,
    )
    return get(context)


@dataclass(frozen=True)
class Subscription:
    """An e-mail subscription; it is confirmed once the link in the confirmation e-mail was opened.

    `arn` is empty until then, because SNS gives none before.
    """

    topic: str
    endpoint: str
    arn: str = ""

    @property
    def is_confirmed(self) -> bool:
        return bool(self.arn)


@requires("see_charts")
def subscriptions(context: Context) -> list[Subscription]:
    """Return the e-mail subscriptions of all topics."""
    found = []
    for topic in topics():
        pages = context.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        found += [
            Subscription(topic, each["Endpoint"], _arn(each["SubscriptionArn"]))
            for page in pages
            for each in page["Subscriptions"]
            if each["Protocol"] == "email"
        ]
    return found


def _arn(stored: str) -> str:
    return stored if stored.startswith("arn:") else ""  # else "PendingConfirmation"


@requires("query")
def unsubscribe(context: Context, subscription: str) -> None:
    """End a confirmed subscription, named by its ARN.

    Raise `ServiceError` if it is not one of this installation's topics.
    """
    if subscription.rpartition(":")[0] not in topics():
        raise ServiceError(f"There is no subscription '{subscription}'. Reload the page and select one.")
    context.client("sns").unsubscribe(SubscriptionArn=subscription)


@requires("query")
def send_test(context: Context, topic: str) -> None:
    """Send a test message to the subscribers of a topic; raise `ServiceError` if the topic does not exist."""
    if topic not in topics():
        raise ServiceError(f"There is no topic '{topic}'. Reload the page and select one.")
    context.client("sns").publish(
        TopicArn=topic,
        Subject="Test message of the Health Data Portal",
        Message=f"{context.user.name} sent this test message. It needs no action.",
    )


@requires("query")
def subscribe(context: Context, topic: str, address: str) -> None:
    """Subscribe an e-mail address to a topic; SNS sends a confirmation e-mail.

    Raise `ServiceError` if the address is not valid or the topic does not exist.
    """
    address = address.strip()
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", address):
        raise ServiceError(f"'{address}' is not an e-mail address. Enter one like name@hospital.org.")
    if topic not in topics():
        raise ServiceError(f"There is no topic '{topic}'. Reload the page and select one.")
    context.client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint=address)


def topics() -> dict[str, str]:
    """Return the ARNs of the topics of this installation, each with a description of its event."""
    return {os.environ[name]: words for name, words in TOPICS.items() if os.environ.get(name)}
