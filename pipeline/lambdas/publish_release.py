"""Last step of a run: publish the release, or hold it if the audit says so or its parent is outdated."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3

from pipeline.lake.uris import Lake
from pipeline.releases import model as release_model
from pipeline.releases import publish as publishing
from pipeline.releases.model import Release, ReleaseConflict

s3 = boto3.client("s3")
athena = boto3.client("athena")
lake = Lake.of(os.environ)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Map ``{"run_id", "auto_publish"}`` to the `state` of the release and the reason (`why`)."""
    made = release_model.get(s3, lake, event["run_id"])
    state, why = _publish(made) if made.decision != "hold" and event["auto_publish"] else ("HELD", "")
    outcome = {
        "release_id": made.release_id,
        "decision": made.decision,
        "published": state == "PUBLISHED",
        "state": state,
        "why": why,
        "reasons": [reason["rule_id"] for reason in made.reasons],
    }
    print(json.dumps(outcome))  # noqa: T201  (an alarm counts held releases)
    return outcome


def _publish(made: Release) -> tuple[str, str]:
    """Publish the release if its parent is still published; return state and reason.

    If another release was published or rolled back during the run, publishing this one would silently revert
    that. The run still succeeds and reports OVERTAKEN for a person to decide.
    """
    try:
        publishing.publish(
            s3,
            lake,
            made.release_id,
            expect=made.parent_release_id,
            by="pipeline",
            reason=f"audit decided: {made.decision}",
            refresh_views=publishing.view_refresher(athena, lake),
        )
    except ReleaseConflict as conflict:
        return "OVERTAKEN", str(conflict)
    return "PUBLISHED", ""
