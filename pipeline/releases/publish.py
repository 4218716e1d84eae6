"""Publish a release: one conditional write to `releases/current.json`, then the Athena views follow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from pipeline.lake.store import now, read_json, write_json
from pipeline.lake.uris import Lake
from pipeline.lake.views import view_sql
from pipeline.releases.model import (
    GOLD_TABLES,
    Published,
    Release,
    ReleaseConflict,
    ReleaseError,
    current,
    find,
    get,
)


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
