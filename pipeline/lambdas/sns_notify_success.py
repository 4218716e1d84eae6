"""Notify subscribers that a release was published, is held for review, or was approved or rejected."""

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
    """Send a message about ``{"run_id", "release": {...}}``, without row data, and return the release."""
    outcome = event["release"]
    state = outcome["state"]
    subject = f"Health data: release {outcome['release_id']} {_SUBJECTS[state]}"
    message = {"run_id": event["run_id"], "state": state, "rules_with_findings": outcome["reasons"]}
    message |= {name: outcome[name] for name in ("why", "reviewed_by") if outcome.get(name)}
    sns.publish(TopicArn=os.environ["HDP_TOPIC_ARN"], Subject=subject[:100], Message=json.dumps(message))
    return dict(outcome)
