"""Publish a release: one conditional write to `releases/current.json`, then update the Athena views."""

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
) -> Published:
    """Publish `release_id`, so that readers see it; return the published record.

    `expect` is the id of the release that the caller expects to be published now, None for no release. If
    another one is, raise `ReleaseConflict` and change nothing. Raise `ReleaseError` if `release_id` does not
    exist. Publishing the published release again only updates the views, so an interrupted call can be
    repeated.
    """
    get(s3, lake, release_id)  # raises `ReleaseError` if it does not exist
    found = read_json(s3, lake.current_release())
    previous = Published(**found[0]) if found else None
    if previous and previous.release_id == release_id:
        refresh_views(release_id)
        return previous
    if expect != (previous.release_id if previous else None):
        raise ReleaseConflict(_conflict(release_id, previous))
    if previous:
        published = previous.followed_by(release_id, now(), by, reason)
    else:
        published = Published(release_id, now(), by, reason)
    condition = {"IfMatch": found[1]} if found else {"IfNoneMatch": "*"}
    if not write_json(s3, lake.current_release(), asdict(published), **condition):
        raise ReleaseConflict(_conflict(release_id, current(s3, lake)))
    refresh_views(release_id)
    return published


def rollback_target(s3: Any, lake: Lake) -> tuple[Published, Release]:
    """Return the published record and the release that a rollback publishes.

    Raise `ReleaseError` if there is no earlier release.
    """
    present = current(s3, lake)
    if present is None or present.previous_release_id is None:
        raise ReleaseError("There is no earlier published release to roll back to.")
    return present, get(s3, lake, present.previous_release_id)


def batches_lost(s3: Any, lake: Lake, release: Release, present: Published) -> list[str]:
    """Return the ids of the batches that readers see in `present` and would not see in `release`."""
    visible = find(s3, lake, present.release_id)
    return sorted(set(visible.batch_ids if visible else []) - set(release.batch_ids))


def view_refresher(athena: Any, lake: Lake, seconds: float = 60) -> Callable[[str], None]:
    """Return a function that points the Athena views at a release.

    It raises `ReleaseError` if Athena fails, or has not updated the views within `seconds`.
    """

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
                raise ReleaseError(f"The views could not be updated: {why}. Publish the release again.")
            if time.monotonic() > deadline:
                raise ReleaseError(
                    f"The views were not updated within {seconds:.0f} s. Publish the release again."
                )
            time.sleep(0.1)


def _conflict(release_id: str, found: Published | None) -> str:
    state = f"'{found.release_id}' was published by {found.published_by}" if found else "none is published"
    return (
        f"Release '{release_id}' was not published: in the meantime {state}. "
        "Review it, then publish again, or start a run that includes both."
    )
