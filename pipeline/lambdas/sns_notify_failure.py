"""Notify subscribers of a failed run: run, error, next step."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import boto3

sns = boto3.client("sns")


def handler(event: dict[str, Any], context: object) -> dict[str, str]:  # noqa: ARG001
    """Map ``{"run_id", "execution", "error": {"Error", "Cause"}}`` to ``{"run_id", "error", "cause"}``."""
    cause = _sentence(event["error"].get("Cause", ""))
    # the execution of a later attempt has the attempt number as suffix
    run_id = re.sub(r"\.\d+$", "", event["run_id"])
    message = {
        "run_id": run_id,
        "execution": event["execution"],
        "error": event["error"].get("Error", "Unknown"),
        "cause": cause,
        "next": "Open the run in the portal to see the failed job and its log, and to resume the run.",
    }
    subject = f"Health data: run {run_id} failed"
    sns.publish(TopicArn=os.environ["HDP_TOPIC_ARN"], Subject=subject[:100], Message=json.dumps(message))
    return {"run_id": run_id, "error": message["error"], "cause": cause}


def _sentence(cause: str) -> str:
    """Return the `errorMessage` if the cause is the JSON of a Lambda error, otherwise the cause itself."""
    try:
        document = json.loads(cause)
    except ValueError:
        return cause
    return str(document.get("errorMessage", cause)) if isinstance(document, dict) else cause
