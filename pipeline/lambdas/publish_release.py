"""Last step of a run: publish what the audit let through and nothing has overtaken, hold what it did not."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3

from pipeline.lake.uris import Lake
from pipeline.releases import model as release
from pipeline.releases import publish
from pipeline.releases.model import Release, ReleaseConflict

s3 = boto3.client("s3")
athena = boto3.client("athena")
lake = Lake.of(os.environ)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """``{"run_id", "auto_publish"}`` to what became of the release: its `state`, and in `why` a sentence of it."""
    made = release.get(s3, lake, event["run_id"])
    state, why = _publish(made) if made.decision != "hold" and event["auto_publish"] else ("HELD", "")
    outcome = {
        "release_id": made.release_id,
        "decision": made.decision,
        "published": state == "PUBLISHED",
        "state": state,
        "why": why,
        "reasons": [reason["rule_id"] for reason in made.reasons],
    }
    print(json.dumps(outcome))  # noqa: T201  (an alarm counts the held ones)
    return outcome


def _publish(made: Release) -> tuple[str, str]:
    """Publish what was made on the release that is still published.

    Where another one is by now, a reviewer approved it or somebody went back during the run: published here,
    this release would take that back unseen. The run has done its work all the same, so it ends well and says
    what a person is to look at.
    """
    try:
        publish.publish(
            s3,
            lake,
            made.release_id,
            expect=made.base_release_id,
            by="pipeline",
            reason=f"audit decided: {made.decision}",
            refresh_views=publish.view_refresher(athena, lake),
        )
    except ReleaseConflict as conflict:
        return "OVERTAKEN", str(conflict)
    return "PUBLISHED", ""
