"""Erase objects with all their versions; what a lock or a retention keeps is returned with its date."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pipeline.lake.uris import Lake
from portal.lake import objects


@dataclass
class Erased:
    """What was erased: numbers by kind; and what a lock keeps, as name and date."""

    counts: dict[str, int] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, number: int) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + number


def erase(s3: Any, lake: Lake, names: Iterable[str], done: Erased) -> None:
    """Delete objects, given as ``<zone>/<key>``, with all versions."""
    for name in sorted(set(names)):
        bucket, key = objects.bucket_of(lake, name)
        former_versions(s3, lake, name, done, is_all=True)
        s3.delete_object(Bucket=bucket, Key=key)
        if is_versioned(s3, bucket):
            former_versions(s3, lake, name, done, is_all=True)  # the delete marker
        done.add(name.partition("/")[0], 1)


def rewrite(s3: Any, lake: Lake, name: str, body: bytes, done: Erased) -> None:
    """Replace the content of an object, and delete its former versions."""
    bucket, key = objects.bucket_of(lake, name)
    s3.put_object(Bucket=bucket, Key=key, Body=body)
    former_versions(s3, lake, name, done, is_all=False)


def is_versioned(s3: Any, bucket: str) -> bool:
    """Return whether a bucket keeps, or once kept, versions."""
    return "Status" in s3.get_bucket_versioning(Bucket=bucket)


def former_versions(s3: Any, lake: Lake, name: str, done: Erased, *, is_all: bool) -> None:
    """Delete the former versions of an object, and the present one if `is_all`; note locked ones."""
    bucket, key = objects.bucket_of(lake, name)
    if not is_versioned(s3, bucket):
        return
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
        for each in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            if each["Key"] != key or (each["IsLatest"] and not is_all):
                continue
            found = (
                s3.head_object(Bucket=bucket, Key=key, VersionId=each["VersionId"]) if "Size" in each else {}
            )
            if until := found.get("ObjectLockRetainUntilDate"):
                done.kept[f"{name} (version {each['VersionId']})"] = until.date().isoformat()
            else:
                s3.delete_object(Bucket=bucket, Key=key, VersionId=each["VersionId"])
