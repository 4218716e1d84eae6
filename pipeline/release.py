"""Releases: which one is published, and the one conditional write that changes it.

Standard library only, beside the S3 and Athena clients that the caller hands in: the publish_release Lambda
and the portal run the same code.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from pipeline.lake import Lake, split

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


def read_json(s3: Any, address: str) -> tuple[dict[str, Any], str] | None:
    """The JSON object at `address` and its ETag, or None where there is no such object."""
    bucket, key = split(address)
    try:
        answer = s3.get_object(Bucket=bucket, Key=key)
    except s3.exceptions.NoSuchKey:
        return None
    return json.loads(answer["Body"].read()), answer["ETag"]


_LOST = {"PreconditionFailed", "NoSuchKey", "ConditionalRequestConflict"}
"""How S3 refuses a condition: If-Match on a key that is gone is a 404, and a write at the same time a 409."""

_TRIES = 3
"""Attempts at a write that met another one at the same time: S3 says so before it has looked at the condition."""


def write_json(s3: Any, address: str, document: dict[str, Any], **options: Any) -> bool:
    """Write `document`; False where a condition among S3's options (IfMatch, IfNoneMatch) no longer holds."""
    bucket, key = split(address)
    body = json.dumps(document, indent=1, sort_keys=True).encode()
    wanted = {"Bucket": bucket, "Key": key, "Body": body, "ContentType": "application/json", **options}
    refusal = _put(s3, wanted)
    for _ in range(_TRIES - 1):
        if refusal == "ConditionalRequestConflict":
            refusal = _put(s3, wanted)
    return refusal is None


def _put(s3: Any, wanted: dict[str, Any]) -> str | None:
    """Write an object; the name of the condition's refusal, or None."""
    try:
        s3.put_object(**wanted)
    except s3.exceptions.ClientError as error:
        code = str(error.response["Error"]["Code"])
        if code not in _LOST:
            raise
        return code
    return None


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


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


def publish(
    s3: Any,
    lake: Lake,
    release_id: str,
    *,
    expect: str | None,
    by: str,
    reason: str,
    refresh_views: Callable[[str], None],
    reviewed: dict[str, Any] | None = None,
) -> Published:
    """Make `release_id` the one that readers see.

    `expect` is the release that it is to follow, None for none: where another one is published by now, nothing
    is changed and `ReleaseConflict` says so. Publishing what is published already only refreshes the views, so
    that a publisher who was killed half-way can be repeated.
    """
    made = get(s3, lake, release_id)
    found = read_json(s3, lake.current_release())
    before = Published(**found[0]) if found else None
    if before and before.release_id == release_id:
        refresh_views(release_id)
        return before
    if expect != (before.release_id if before else None):
        raise ReleaseConflict(_conflict(release_id, before))
    line = before.line_to(release_id) if before else []
    after = Published(release_id, now(), by, reason, line, reviewed or made.reviewed)
    condition = {"IfMatch": found[1]} if found else {"IfNoneMatch": "*"}
    if not write_json(s3, lake.current_release(), asdict(after), **condition):
        raise ReleaseConflict(_conflict(release_id, current(s3, lake)))
    refresh_views(release_id)
    return after


def former(s3: Any, lake: Lake) -> tuple[Published, Release]:
    """What is published, and the release that a rollback goes back to."""
    present = current(s3, lake)
    if present is None or present.previous_release_id is None:
        raise ReleaseError("There is no earlier published release to go back to.")
    return present, get(s3, lake, present.previous_release_id)


def batches_taken_back(s3: Any, lake: Lake, made: Release, present: Published) -> list[str]:
    """Batches that readers see now and would no longer see with `made`."""
    seen = find(s3, lake, present.release_id)
    return sorted(set(seen.batch_ids if seen else []) - set(made.batch_ids))


def view_sql(lake: Lake, table: str, release_id: str) -> str:
    """The plain view for people who bring their own SQL tool."""
    source = f'"{lake.database("gold_releases")}"."{table}"'
    view = f'"{lake.database("gold")}"."{table}"'
    return f"CREATE OR REPLACE VIEW {view} AS SELECT * FROM {source} WHERE release_id = '{release_id}'"


def view_refresher(athena: Any, lake: Lake, seconds: float = 60) -> Callable[[str], None]:
    """A function that points the plain views at a release, and waits until Athena has done so."""

    def refresh(release_id: str) -> None:
        queries = [
            athena.start_query_execution(
                QueryString=view_sql(lake, table, release_id),
                QueryExecutionContext={"Database": lake.database("gold")},
                WorkGroup=lake.workgroup,
            )["QueryExecutionId"]
            for table in GOLD_TABLES
        ]
        _wait(athena, queries, seconds)

    return refresh


def _wait(athena: Any, query_ids: Iterable[str], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    for query_id in query_ids:
        while True:
            status = athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]["Status"]
            if status["State"] == "SUCCEEDED":
                break
            if status["State"] in {"FAILED", "CANCELLED"}:
                why = status.get("StateChangeReason", "no reason given")
                raise ReleaseError(f"The views could not be pointed at the release: {why}. Publish it again.")
            if time.monotonic() > deadline:
                raise ReleaseError(f"The views were not ready after {seconds:.0f} s. Publish it again.")
            time.sleep(0.1)


def _conflict(release_id: str, found: Published | None) -> str:
    there = f"'{found.release_id}' was published by {found.published_by}" if found else "none is published"
    return (
        f"Release '{release_id}' was not published: in the meantime {there}. "
        "Review it, then publish again, or start a run that holds both."
    )
