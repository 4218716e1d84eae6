"""Releases and the record of the published one, as JSON objects in the lake.

Standard library only, beside the S3 and Athena clients that the caller hands in: the publish_release Lambda
and the portal run the same code.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Any

from pipeline.lake.store import read_json, write_json
from pipeline.lake.uris import Lake, split

GOLD_TABLES = (
    "dim_patient",
    "dim_time",
    "dim_medication",
    "dim_provider",
    "dim_diagnosis",
    "fact_encounter",
    "fact_medication_admin",
)


class ReleaseError(Exception):
    """A release cannot be read or published; the text says which one and what to do."""


class ReleaseConflict(ReleaseError):
    """Somebody else published in the meantime: nothing was changed."""


@dataclass(frozen=True)
class Release:
    """What one run made: immutable once written.

    `reviewed` names the newest review event of that moment (`pipeline.reviews.Anchor`), so that a log of reviews
    that is cut off later does not fit.
    """

    release_id: str
    run_id: str
    batch_ids: list[str]
    decision: str
    created_at: str
    tables: dict[str, int] = field(default_factory=dict)
    base_release_id: str | None = None
    reasons: list[dict[str, Any]] = field(default_factory=list)
    reviewed: dict[str, Any] | None = None


LINE = 100
"""How many former releases can be gone back to."""


@dataclass(frozen=True)
class Published:
    """The content of ``releases/current.json``: the release that readers see, and those it followed.

    `line` is the history that led to it, oldest first. Publishing adds to it; going back takes from it, so that
    what was rolled back is not in it and a second rollback goes further back. It is in the same object as the
    release itself, because one conditional write changes both or neither; S3's versions of the object keep what
    was published in between.
    """

    release_id: str
    published_at: str
    published_by: str
    reason: str
    line: list[str] = field(default_factory=list)
    reviewed: dict[str, Any] | None = None

    @property
    def previous_release_id(self) -> str | None:
        return self.line[-1] if self.line else None

    def line_to(self, release_id: str) -> list[str]:
        """The line of `release_id` if it is published now: back to its place in this one, or after all of it."""
        if release_id in self.line:
            return self.line[: self.line.index(release_id)]
        return [*self.line, self.release_id][-LINE:]


def current(s3: Any, lake: Lake) -> Published | None:
    """The published release, or None before the first one."""
    found = read_json(s3, lake.current_release())
    return Published(**found[0]) if found else None


def find(s3: Any, lake: Lake, release_id: str) -> Release | None:
    """The release, or None where there is none; 'current' names what is published, and is no release."""
    if not re.fullmatch(r"[\w.-]{1,100}", release_id) or release_id == "current":
        return None
    found = read_json(s3, lake.release(release_id))
    return Release(**found[0]) if found else None


def get(s3: Any, lake: Lake, release_id: str) -> Release:
    found = find(s3, lake, release_id)
    if found is None:
        raise ReleaseError(f"There is no release '{release_id}': 'hdp releases list' lists the releases.")
    return found


def all_releases(s3: Any, lake: Lake) -> list[Release]:
    """Every release, newest first."""
    bucket, prefix = split(lake.releases())
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    ids = [key.removeprefix(prefix).removesuffix(".json") for key in keys if key.endswith(".json")]
    releases = [get(s3, lake, release_id) for release_id in ids if release_id != "current"]
    return sorted(releases, key=lambda release: (release.created_at, release.release_id), reverse=True)


def write(s3: Any, lake: Lake, release: Release) -> None:
    """Write down what a run made; the same run may do so again (its audit was run again)."""
    write_json(s3, lake.release(release.release_id), asdict(release))
