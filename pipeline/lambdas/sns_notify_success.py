"""Notify subscribers of the state of a release, or the assignee of a query."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3

sns = boto3.client("sns")

_SUBJECTS = {
    "PUBLISHED": "published",
    "HELD": "is held for review",
    "OVERTAKEN": "not published: another release was published in the meantime",
    "APPROVED": "approved by its reviewer",
    "REJECTED": "rejected by its reviewer",
}


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Send a message about ``{"run_id", "release": {...}}`` or ``{"query": {...}}``; return release or query.

    Messages have no data of rows and no text of a reviewer.
    """
    if "query" in event:
        return _query_assigned(event["query"])
    outcome = event["release"]
    state = outcome["state"]
    subject = f"Health data: release {outcome['release_id']} {_SUBJECTS[state]}"
    message = {"run_id": event["run_id"], "state": state, "rules_with_findings": outcome["reasons"]}
    message |= {name: outcome[name] for name in ("why", "reviewed_by") if outcome.get(name)}
    sns.publish(TopicArn=os.environ["HDP_TOPIC_ARN"], Subject=subject[:100], Message=json.dumps(message))
    return dict(outcome)


def _query_assigned(query: dict[str, str]) -> dict[str, Any]:
    """Notify the assignee; the attribute `assignee` lets a subscription filter for one person."""
    subject = f"Health data: query {query['query_id']} was assigned to {query['assignee']}"
    message = {**query, "state": "ASSIGNED", "next": "Open the portal. The Quality page lists the queries."}
    sns.publish(
        TopicArn=os.environ["HDP_TOPIC_ARN"],
        Subject=subject[:100],
        Message=json.dumps(message),
        MessageAttributes={"assignee": {"DataType": "String", "StringValue": query["assignee"]}},
    )
    return dict(query)
