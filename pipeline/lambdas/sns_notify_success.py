"""Tells subscribers that a run has ended well, or that its release waits for a reviewer."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3

sns = boto3.client("sns")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """``{"run_id", "release": {...}}`` to the same, once the message is sent. Carries no row data."""
    outcome = event["release"]
    state, words = ("PUBLISHED", "published") if outcome["published"] else ("HELD", "waits for review")
    subject = f"Health data: release {outcome['release_id']} {words}"
    message = {"run_id": event["run_id"], "state": state, "rules_with_findings": outcome["reasons"]}
    sns.publish(TopicArn=os.environ["HDP_TOPIC_ARN"], Subject=subject[:100], Message=json.dumps(message))
    return {**outcome, "state": state}
