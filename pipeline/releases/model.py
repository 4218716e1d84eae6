"""Releases and the record of the published release, as JSON objects in the lake.

Standard library only; the caller passes the S3 client. The publish_release Lambda and the portal use the same
code.
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
    "dim_department",
    "fact_encounter",
    "fact_medication_admin",
    "fact_medication_order",
    "bridge_encounter_diagnosis",
)


class ReleaseError(Exception):
    """A release does not exist, or cannot be published or rolled back; the message says what to do."""


class ReleaseConflict(ReleaseError):
    """Another release was published in the meantime; nothing was changed."""


@dataclass(frozen=True)
class Release:
    """The release created by one run; immutable.

    `files` has size and SHA-256 of each file of gold, rule results and audit (`pipeline.releases.files`).
    """

    release_id: str
    run_id: str
    batch_ids: list[str]
    decision: str
    created_at: str
    tables: dict[str, int] = field(default_factory=dict)
    parent_release_id: str | None = None
    reasons: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)


HISTORY_LIMIT = 100
"""Maximum number of previous releases in the history."""

LOG_LIMIT = 500
"""Maximum number of publications in the log."""


@dataclass(frozen=True)
class Publication:
    """A publication or rollback; `before` is the release that was published until then."""

    release_id: str
    at: str
    by: str
    reason: str
    is_rollback: bool = False
    before: str | None = None


@dataclass(frozen=True)
class Published:
    """The content of ``releases/current.json``: the published release and its history.

    `log` lists all publications and rollbacks, oldest first, for the page Releases.
    `history` lists the previously published releases, oldest first. Publishing appends to it; rolling back
    truncates it, so a rolled-back release is not in it and a second rollback goes further back. Release and
    history are in one object because one conditional write must change both or neither. S3 object versions
    keep every published state.
    """

    release_id: str
    published_at: str
    published_by: str
    reason: str
    history: list[str] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)

    @property
    def publications(self) -> list[Publication]:
        """Return all publications and rollbacks, newest first; of older installations the last one alone."""
        stored = [Publication(**each) for each in self.log]
        return stored[::-1] or [
            Publication(self.release_id, self.published_at, self.published_by, self.reason)
        ]

    def followed_by(self, release_id: str, at: str, by: str, reason: str) -> Published:
        """Return the record after `release_id` is published next."""
        is_rollback = release_id in self.history
        next_ = Publication(release_id, at, by, reason, is_rollback, self.release_id)
        log = [asdict(each) for each in (next_, *self.publications)][:LOG_LIMIT][::-1]
        return Published(release_id, at, by, reason, self.history_to(release_id), log)

    @property
    def previous_release_id(self) -> str | None:
        """Id of the release that a rollback publishes, or None if there is none."""
        return self.history[-1] if self.history else None

    def history_to(self, release_id: str) -> list[str]:
        """Return what the history becomes if `release_id` is published next.

        If the history contains that release, only the releases before it are kept; otherwise the release that
        is published now is appended, and the newest `HISTORY_LIMIT` are kept.
        """
        if release_id in self.history:
            return self.history[: self.history.index(release_id)]
        return [*self.history, self.release_id][-HISTORY_LIMIT:]


def current(s3: Any, lake: Lake) -> Published | None:
    """Return the record of the published release, or None before the first publication."""
    found = read_json(s3, lake.current_release())
    return Published(**found[0]) if found else None


def find(s3: Any, lake: Lake, release_id: str) -> Release | None:
    """Return the release, or None if no release has this id ('current' names the published record)."""
    if not re.fullmatch(r"[\w.-]{1,100}", release_id) or release_id == "current":
        return None
    found = read_json(s3, lake.release(release_id))
    return Release(**found[0]) if found else None


def get(s3: Any, lake: Lake, release_id: str) -> Release:
    """Return the release; raise `ReleaseError` if it does not exist."""
    found = find(s3, lake, release_id)
    if found is None:
        raise ReleaseError(f"There is no release '{release_id}': 'hdp releases list' lists the releases.")
    return found


def ids(s3: Any, lake: Lake) -> list[str]:
    """Return the id of every release, newest first by the time of its object."""
    bucket, prefix = split(lake.releases())
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    items = [item for page in pages for item in page.get("Contents", []) if item["Key"].endswith(".json")]
    items.sort(key=lambda item: (item["LastModified"], item["Key"]), reverse=True)
    found = [str(item["Key"]).removeprefix(prefix).removesuffix(".json") for item in items]
    return [release_id for release_id in found if release_id != "current"]


def all_releases(s3: Any, lake: Lake) -> list[Release]:
    """Return every release, newest first."""
    releases = [get(s3, lake, release_id) for release_id in ids(s3, lake)]
    return sorted(releases, key=lambda release: (release.created_at, release.release_id), reverse=True)


def write(s3: Any, lake: Lake, release: Release) -> None:
    """Write a release; a repeated audit of the same run overwrites it."""
    write_json(s3, lake.release(release.release_id), asdict(release))
