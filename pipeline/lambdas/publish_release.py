"""Last step of a run: publish what the audit let through, hold what it did not."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3

from pipeline import release
from pipeline.lake import Lake

s3 = boto3.client("s3")
athena = boto3.client("athena")
lake = Lake.of(os.environ)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """``{"run_id", "auto_publish"}`` to ``{"release_id", "decision", "published", "reasons"}``."""
    made = release.get(s3, lake, event["run_id"])
    published = made.decision != "hold" and event["auto_publish"]
    if published:
        refresh = release.view_refresher(athena, lake)
        reason = f"audit decided: {made.decision}"
        release.publish(s3, lake, made.release_id, by="pipeline", reason=reason, refresh_views=refresh)
    outcome = {
        "release_id": made.release_id,
        "decision": made.decision,
        "published": published,
        "reasons": [reason["rule_id"] for reason in made.reasons],
    }
    print(json.dumps(outcome))  # noqa: T201  (an alarm counts the held ones)
    return outcome
