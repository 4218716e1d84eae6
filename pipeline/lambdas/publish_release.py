"""Last step of a run: publish the release, unless it is held or its parent is no longer published."""

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
    """Publish a run's release, unless the audit decided to hold it or `auto_publish` is false.

    Map ``{"run_id", "auto_publish"}`` to ``{"release_id", "decision", "published", "state", "why",
    "reasons"}``. `why` explains the state OVERTAKEN and is empty otherwise; `reasons` are the ids of rules
    with findings.
    """
    release_ = release_model.get(s3, lake, event["run_id"])
    state, why = _publish(release_) if release_.decision != "hold" and event["auto_publish"] else ("HELD", "")
    outcome = {
        "release_id": release_.release_id,
        "decision": release_.decision,
        "published": state == "PUBLISHED",
        "state": state,
        "why": why,
        "reasons": [reason["rule_id"] for reason in release_.reasons],
    }
    print(json.dumps(outcome))  # noqa: T201  (an alarm counts held releases)
    return outcome


def _publish(release_: Release) -> tuple[str, str]:
    """Publish the release if its parent is still published; return state and, for OVERTAKEN, reason.

    If the published release has changed during the run, publishing this one would silently revert that. The
    run still succeeds, and reports OVERTAKEN so that a person can decide.
    """
    try:
        publishing.publish(
            s3,
            lake,
            release_.release_id,
            expect=release_.parent_release_id,
            by="pipeline",
            reason=f"audit decided: {release_.decision}",
            refresh_views=publishing.view_refresher(athena, lake),
        )
    except ReleaseConflict as conflict:
        return "OVERTAKEN", str(conflict)
    return "PUBLISHED", ""
