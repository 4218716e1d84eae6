"""Alerts: a failed run, a held or rejected release, a run that is late or was missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pipeline.lateness import Schedule, delays
from pipeline.releases.model import Published, Release
from portal.core.context import Context
from portal.core.rights import requires
from portal.releases import service as releases
from portal.reviews import read_model
from portal.runs import schedule
from portal.runs import service as runs
from portal.runs.model import Run

Kind = Literal["failed", "held", "rejected", "late", "never started", "no batch"]


@dataclass(frozen=True)
class Alert:
    """An alert; the page replaces `{at}` in `message` with the timestamp `at` in the user's time zone."""

    kind: Kind
    message: str
    run_id: str | None = None
    at: datetime | None = None


@requires("watch_runs")
def now(context: Context, past: Sequence[Run]) -> list[Alert]:
    """Return the current alerts; `past` are the newest runs with their job runs, newest first."""
    ended = next((run for run in past if run.status == "SUCCEEDED"), None)
    newest = releases.find(context, ended.run_id) if ended else None
    published = releases.current(context)
    names = {each for each in (ended and ended.run_id, published and published.release_id) if each}
    signatures = {name: read_model.of_run(context, name).signature for name in names}
    signature = signatures.get(ended.run_id) if ended else None
    is_signed = bool(signature and signature.is_valid)
    is_manual = ended is not None and runs.get(context, ended.run_id, details=False).is_published is False
    found = alerts(past, newest, published, schedule.find(context), is_signed, is_manual)
    published_signature = signatures.get(published.release_id) if published else None
    if published and published_signature and published_signature.verdict == "reject":
        message = (
            f"{published_signature.by} rejected the published release {published.release_id}. "
            "Roll back to the previous release."
        )
        found.insert(0, Alert("rejected", message, published.release_id))
    return found


def alerts(
    past: Sequence[Run],
    newest: Release | None,
    published: Published | None,
    starts: Schedule | None,
    is_signed: bool,
    is_manual: bool = False,
    at: datetime | None = None,
) -> list[Alert]:
    """Return the alerts about the newest runs, the newest release and the published one.

    `is_signed` is true if the newest release has a valid signature, `is_manual` if its run did not publish
    it.
    """
    at = at or datetime.now(UTC)
    found = _failed(past, published)
    if newest:
        found += _waiting(newest, published, is_signed, is_manual)
    return found + [Alert(each.kind, each.message, each.run_id, each.at) for each in delays(past, starts, at)]


def _failed(past: Sequence[Run], published: Published | None) -> list[Alert]:
    if not past or past[0].status not in {"FAILED", "TIMED_OUT"}:
        return []
    run = past[0]
    return [
        Alert("failed", f"Run {run.run_id} did not succeed. {_visible_release(run, published)}", run.run_id)
    ]


def _waiting(newest: Release, published: Published | None, is_signed: bool, is_manual: bool) -> list[Alert]:
    """Return the alerts about the newest release if it waits for a signature or for publication."""
    name, found = newest.release_id, []
    is_published = published is not None and published.release_id == name
    if newest.decision == "hold" and not is_signed and not is_published:
        message = f"Release {name} is held and waits for a clinician's signature."
        found.append(Alert("held", message, newest.run_id))
    if newest.decision != "hold" and is_manual and not is_signed and _may_follow(newest, published):
        message = f"Release {name} passed the audit and waits for manual publication."
        found.append(Alert("held", message, newest.run_id))
    if published and _is_overtaken(newest, published):
        message = (
            f"Release {name} is not published. Its parent is {newest.parent_release_id}, but "
            f"{published.release_id} is published now. Compare both, then publish it or start a run "
            "with the batches of both."
        )
        found.append(Alert("held", message, newest.run_id))
    return found


def _may_follow(newest: Release, published: Published | None) -> bool:
    """Return whether the parent of `newest` is published, and no rollback published it again since."""
    if published is None:
        return newest.parent_release_id is None
    return published.release_id == newest.parent_release_id and published.published_at <= newest.created_at


def _is_overtaken(newest: Release, published: Published) -> bool:
    """Return whether `newest` passed the audit but was not published, and its parent is not published."""
    seen = {newest.release_id, newest.parent_release_id}
    return (
        newest.decision != "hold"
        and published.release_id not in seen
        and newest.release_id not in published.history
    )


def _visible_release(run: Run, published: Published | None) -> str:
    """Return a sentence about the release that analysts see after a failed run."""
    if published is None:
        return "Nothing has been published yet."
    if published.release_id == run.run_id:
        return "Its release is published, but the steps after publication were not done."
    return f"Analysts still see release {published.release_id}."
