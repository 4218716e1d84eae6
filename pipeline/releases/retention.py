"""How long a release is kept once another has taken its place, and how it goes.

Standard library only, beside the clients that the caller hands in: the expire_releases Lambda ships it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from pipeline.lake.uris import Lake, split
from pipeline.releases.model import GOLD_TABLES, Published, Release

_AT_ONCE = 1000
"""Objects that S3 deletes in one request."""


def superseded(
    releases: Sequence[Release], published: Published | None, keep: timedelta, now: datetime
) -> list[Release]:
    """Of all releases, newest first, those that were followed by a newer one more than `keep` ago.

    The published one stays, the one before it (a rollback goes there), and what was made on the published one: it may
    still wait for its reviewer.
    """
    if published is None:
        return []
    kept = {published.release_id, published.previous_release_id}
    return [
        old
        for newer, old in pairwise(releases)
        if now - datetime.fromisoformat(newer.created_at) > keep
        and old.release_id not in kept
        and old.base_release_id != published.release_id
    ]


def remove(s3: Any, lake: Lake, release: Release) -> int:
    """Delete a release's files, then the note of it, so that a remover who was killed is repeated; how many files."""
    removed = sum(_empty(s3, lake.gold_release(table, release.release_id)) for table in GOLD_TABLES)
    bucket, key = split(lake.release(release.release_id))
    s3.delete_object(Bucket=bucket, Key=key)
    return removed


def _empty(s3: Any, address: str) -> int:
    bucket, prefix = split(address)
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": _AT_ONCE}
    )
    removed = 0
    for page in pages:
        if found := [{"Key": item["Key"]} for item in page.get("Contents", [])]:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": found, "Quiet": True})
            removed += len(found)
    return removed
