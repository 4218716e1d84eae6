"""Expire superseded releases.

Standard library only; the caller passes the AWS clients. The expire_releases Lambda includes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from pipeline.lake.uris import Lake, split
from pipeline.releases import files
from pipeline.releases.model import GOLD_TABLES, Published, Release

_DELETE_LIMIT = 1000
"""Maximum number of objects per S3 delete request."""

_PARTITION_LIMIT = 25
"""Maximum number of partitions per Glue delete request."""


def superseded(
    releases: Sequence[Release], published: Published | None, keep: timedelta, now: datetime
) -> list[Release]:
    """Return the releases to expire: those whose next newer release was created more than `keep` ago.

    `releases` are sorted newest first. The published release, the previous release (rollback target) and
    releases whose parent is published (they may await review) are not returned. Before the first publication,
    no release is returned.
    """
    if published is None:
        return []
    kept = {published.release_id, published.previous_release_id}
    return [
        old
        for newer, old in pairwise(releases)
        if now - datetime.fromisoformat(newer.created_at) > keep
        and old.release_id not in kept
        and old.parent_release_id != published.release_id
    ]


def remove(s3: Any, glue: Any, lake: Lake, release: Release, others: Iterable[Release]) -> int:
    """Delete a release's partitions, its gold files, then its record; return the number of files.

    Files that one of the `others`, all remaining releases, has too are kept until the last of these is
    removed. The record is deleted last, so that an interrupted removal is repeated.
    """
    for table in GOLD_TABLES:
        _delete_partitions(glue, lake, table, release.release_id)
    own = files.listed(s3, lake, [lake.gold_release(table, release.release_id) for table in GOLD_TABLES])
    recorded = {name for name in release.files if name.startswith("gold/")}
    used = {name for other in others if other.release_id != release.release_id for name in other.files}
    removed = sorted((own.keys() | recorded) - used)
    for start in range(0, len(removed), _DELETE_LIMIT):
        keys = [{"Key": name.partition("/")[2]} for name in removed[start : start + _DELETE_LIMIT]]
        s3.delete_objects(Bucket=lake.bucket("gold"), Delete={"Objects": keys, "Quiet": True})
    bucket, key = split(lake.release(release.release_id))
    s3.delete_object(Bucket=bucket, Key=key)
    return len(removed)


def _delete_partitions(glue: Any, lake: Lake, table: str, release_id: str) -> None:
    """Delete a release's partitions: those of shared months would still lead to rows."""
    names = {"DatabaseName": lake.database("gold_releases"), "TableName": table}
    pages = glue.get_paginator("get_partitions").paginate(**names, Expression=f"release_id = '{release_id}'")
    values = [{"Values": each["Values"]} for page in pages for each in page["Partitions"]]
    for start in range(0, len(values), _PARTITION_LIMIT):
        some = values[start : start + _PARTITION_LIMIT]
        glue.batch_delete_partition(**names, PartitionsToDelete=some)
