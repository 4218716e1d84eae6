"""Last step of a run: publish the release unless it is held, rejected or its parent is superseded."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3

from pipeline.lake.uris import Lake
from pipeline.releases import model as release_model
from pipeline.releases import publish as publishing
from pipeline.releases.model import Release, ReleaseConflict
from pipeline.reviews import log as review_log

s3 = boto3.client("s3")
athena = boto3.client("athena")
lake = Lake.of(os.environ)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Publish a run's release, unless the audit held it, a reviewer rejected it or `auto_publish` is false.

    A release can be rejected before this step if the run was stopped and resumed.

    Map ``{"run_id", "auto_publish"}`` to ``{"release_id", "decision", "published", "state", "why",
    "reasons"}``. `why` explains a rejection or the state OVERTAKEN and is empty otherwise; `reasons` are the
    ids of rules with findings.
    """
    release_ = release_model.get(s3, lake, event["run_id"])
    if release_.decision == "hold" or not event["auto_publish"]:
        state, why = "HELD", ""
    elif why := _rejection(release_.run_id):
        state = "HELD"
    else:
        state, why = _publish(release_)
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


def _rejection(run_id: str) -> str:
    """Return a sentence if the newest signature of the release is a rejection, else an empty text."""
    signed = [e for e in review_log.read(s3, lake).events if e.kind == "release_signed"]
    newest = next((e for e in reversed(signed) if e.subject["run_id"] == run_id), None)
    return f"{newest.by} rejected it." if newest and newest.payload["verdict"] == "reject" else ""


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
