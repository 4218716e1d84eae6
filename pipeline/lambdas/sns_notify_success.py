"""Tells subscribers that a run has ended well, that its release waits for a reviewer, or what the reviewer decided."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3

sns = boto3.client("sns")

_WORDS = {
    "PUBLISHED": "published",
    "HELD": "waits for review",
    "OVERTAKEN": "not published: another one was in the meantime",
    "APPROVED": "approved by its reviewer",
    "REJECTED": "rejected by its reviewer",
}


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """``{"run_id", "release": {...}}`` to the same, once the message is sent. Carries no row data."""
    outcome = event["release"]
    state = outcome["state"]
    subject = f"Health data: release {outcome['release_id']} {_WORDS[state]}"
    message = {"run_id": event["run_id"], "state": state, "rules_with_findings": outcome["reasons"]}
    message |= {name: outcome[name] for name in ("why", "reviewed_by") if outcome.get(name)}
    sns.publish(TopicArn=os.environ["HDP_TOPIC_ARN"], Subject=subject[:100], Message=json.dumps(message))
    return dict(outcome)
