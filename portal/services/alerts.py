"""What needs somebody now: a failed run, a held release, a run that is late or never started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from pipeline.release import Published, Release
from portal.services import releases, review_log, schedule
from portal.services.aws import Aws
from portal.services.run_history import estimate
from portal.services.runs import Run
from portal.services.schedule import Schedule

Kind = Literal["failed", "held", "late", "never started"]

LATE = 2.0
"""A run that takes this many times the slowest of the former ones is late."""

GRACE = timedelta(minutes=30)
"""Between the moment that a run was due and the alert that none has started."""


@dataclass(frozen=True)
class Alert:
    kind: Kind
    words: str
    run_id: str | None = None


def now(aws: Aws, past: Sequence[Run]) -> list[Alert]:
    """The alerts of this moment, by the newest runs with their job runs."""
    ended = next((run for run in past if run.status == "SUCCEEDED"), None)
    newest = releases.find(aws, ended.run_id) if ended else None
    judged = bool(
        ended and (signature := review_log.of_run(aws, ended.run_id).signature) and signature.stands
    )
    return alerts(past, newest, releases.current(aws), schedule.get(aws), is_judged=judged)


def alerts(
    past: Sequence[Run],
    newest: Release | None,
    published: Published | None,
    starts: Schedule | None,
    is_judged: bool,
    at: datetime | None = None,
) -> list[Alert]:
    """By the newest runs with their job runs, the newest release, and whether a signature stands on that one."""
    at = at or datetime.now(UTC)
    found = []
    if past and past[0].status in {"FAILED", "TIMED_OUT"}:
        found.append(Alert("failed", f"Run {past[0].run_id} did not succeed. The published release is the former one.", past[0].run_id))  # fmt: skip
    if (
        newest
        and newest.decision == "hold"
        and not is_judged
        and (published is None or published.release_id != newest.release_id)
    ):
        found.append(Alert("held", f"Release {newest.release_id} is held: it waits for a clinician's signature.", newest.run_id))  # fmt: skip
    if newest and published and _is_overtaken(newest, published):
        found.append(Alert("held", f"Release {newest.release_id} is not published: it was made on {newest.base_release_id}, and {published.release_id} is published by now. Look at both, then publish it or start a run that holds both.", newest.run_id))  # fmt: skip
    usual = estimate(past)
    for run in past:
        if not run.is_over and usual and run.seconds > max(LATE * usual.slowest, 60):
            found.append(Alert("late", f"Run {run.run_id} has taken {run.seconds / 60:,.0f} minutes; the slowest of the last {usual.of} took {usual.slowest / 60:,.1f}.", run.run_id))  # fmt: skip
    due = starts.last_due(at - GRACE) if starts else None
    if due and not any(run.started_at >= due - timedelta(minutes=1) for run in past):
        found.append(
            Alert("never started", f"A run was due at {due:%Y-%m-%d %H:%M} UTC and none has started.")
        )
    return found


def _is_overtaken(newest: Release, published: Published) -> bool:
    """Whether the audit let it through and another one than it was made on is what readers see."""
    seen = {newest.release_id, newest.base_release_id}
    return (
        newest.decision != "hold"
        and published.release_id not in seen
        and newest.release_id not in published.line
    )
