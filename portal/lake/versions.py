"""Restore a lake to an earlier time from the versions of its objects, which versioned buckets keep.

No version is deleted: the object of that time is copied over the newer one, and an object that did not exist
gets a delete marker. So a wrong restore is undone by a second one to a later time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.lake.uris import split
from portal.audit import service as audit_log
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires
from portal.lake import catalog
from portal.lake.objects import KEPT

_LARGEST_COPY = 5 << 30


@dataclass(frozen=True)
class Rewound:
    """Number of objects that were copied from an earlier version, and of those that were deleted."""

    copied: int
    deleted: int


@requires("back_up")
def restore_at(context: Context, at: datetime) -> Rewound:
    """Restore every object of the lake to its version at a time, except the locked logs, which only grow.

    Raise `ServiceError` if a bucket keeps no versions.
    """
    s3, lake = context.client("s3"), context.lake
    for zone in KEPT:
        if s3.get_bucket_versioning(Bucket=lake.bucket(zone)).get("Status") != "Enabled":
            raise ServiceError(
                f"Bucket '{lake.bucket(zone)}' keeps no versions, so no earlier time can be restored. "
                "Restore a backup: hdp lake restore DIR."
            )
    with audit_log.recorded(context, "restore", {"to": at.isoformat()}):
        changes = [change for zone in KEPT for change in _changes(s3, lake.bucket(zone), at)]
        growing = tuple(split(uri)[1] for uri in (lake.audit_log(), lake.reviews()))
        last = split(lake.current_release())[1]
        wanted = [change for change in changes if not change[1].startswith(growing)]
        for bucket, key, version in sorted(wanted, key=lambda change: change[1] == last):
            _apply(s3, bucket, key, version)
        catalog.register(context)
    return Rewound(sum(v is not None for *_, v in wanted), sum(v is None for *_, v in wanted))


def _changes(s3: Any, bucket: str, at: datetime) -> Iterator[tuple[str, str, dict[str, Any] | None]]:
    """Yield bucket, key and version of that time (None if there was no object) of each changed object."""
    versions: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for each in page.get("Versions", []):
            versions[each["Key"]].append(each)
        for each in page.get("DeleteMarkers", []):
            versions[each["Key"]].append({**each, "IsMarker": True})
    for key, found in versions.items():
        before = [each for each in found if each["LastModified"] <= at]
        then = max(before, key=lambda each: each["LastModified"], default=None)
        newest = next((each for each in found if each["IsLatest"]), None)
        is_gone = then is None or "IsMarker" in then
        if is_gone and newest and "IsMarker" not in newest:
            yield bucket, key, None
        elif not is_gone and then is not newest:
            yield bucket, key, then


def _apply(s3: Any, bucket: str, key: str, version: dict[str, Any] | None) -> None:
    if version is None:
        s3.delete_object(Bucket=bucket, Key=key)
        return
    source = {"Bucket": bucket, "Key": key, "VersionId": version["VersionId"]}
    if version["Size"] < _LARGEST_COPY:
        s3.copy_object(Bucket=bucket, Key=key, CopySource=source)
    else:
        s3.copy(source, bucket, key)
