"""Delete releases superseded more than HDP_KEEP_DAYS days ago; S3 keeps old object versions for a while."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from pipeline.lake.uris import Lake
from pipeline.releases.model import all_releases, current
from pipeline.releases.retention import remove, superseded

s3 = boto3.client("s3")
glue = boto3.client("glue")
lake = Lake.of(os.environ)


def handler(event: dict[str, Any], context: object) -> dict[str, list[str]]:  # noqa: ARG001
    """Map ``{}`` to ``{"expired": [release ids]}``."""
    keep = timedelta(days=float(os.environ["HDP_KEEP_DAYS"]))
    remaining = all_releases(s3, lake)
    old = superseded(remaining, current(s3, lake), keep, datetime.now(UTC))
    for release in old:
        remaining.remove(release)
        removed = remove(s3, glue, lake, release, remaining)
        print(json.dumps({"expired": release.release_id, "files": removed}))  # noqa: T201
    return {"expired": [release.release_id for release in old]}
