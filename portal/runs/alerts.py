"""What needs somebody now: a failed run, a held release, a run that is late or never started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pipeline.lateness import Schedule, delays
from pipeline.releases.model import Published, Release
from portal.core.context import Context
from portal.releases import service as releases
from portal.reviews import read_model as review_log
from portal.runs import schedule
from portal.runs import service as runs
from portal.runs.service import Run

Kind = Literal["failed", "held", "rejected", "late", "never started"]


@dataclass(frozen=True)
class Alert:
    """`{at}` in the words stands for the moment `at`, which is told in the reader's time zone."""

    kind: Kind
    words: str
    run_id: str | None = None
    at: datetime | None = None


def now(context: Context, past: Sequence[Run]) -> list[Alert]:
    """The alerts of this moment, by the newest runs with their job runs."""
    context.require("watch_runs")
    ended = next((run for run in past if run.status == "SUCCEEDED"), None)
    newest = releases.find(context, ended.run_id) if ended else None
    present = releases.current(context)
    names = {each for each in (ended and ended.run_id, present and present.release_id) if each}
    signatures = {name: review_log.of_run(context, name).signature for name in names}
    signature = signatures.get(ended.run_id) if ended else None
    judged = bool(signature and signature.stands)
    by_hand = ended is not None and runs.get(context, ended.run_id, details=False).is_published is False
    found = alerts(past, newest, present, schedule.find(context), judged, by_hand)
    of_present = signatures.get(present.release_id) if present else None
    if present and of_present and of_present.verdict == "reject":
        words = f"Readers see release {present.release_id}, which {of_present.by} has rejected: go back to the former one."
        found.insert(0, Alert("rejected", words, present.release_id))
    return found


def alerts(
    past: Sequence[Run],
    newest: Release | None,
    published: Published | None,
    starts: Schedule | None,
    is_judged: bool,
    is_by_hand: bool = False,
    at: datetime | None = None,
) -> list[Alert]:
    """By the newest runs with their job runs, the newest release, and of that one: whether a signature stands on it,
    and whether its run left publishing to a person.
    """
    at = at or datetime.now(UTC)
    found = []
    if past and past[0].status in {"FAILED", "TIMED_OUT"}:
        found.append(Alert("failed", f"Run {past[0].run_id} did not succeed. {_left(past[0], published)}", past[0].run_id))  # fmt: skip
    if (
        newest
        and newest.decision == "hold"
        and not is_judged
        and (published is None or published.release_id != newest.release_id)
    ):
        found.append(Alert("held", f"Release {newest.release_id} is held: it waits for a clinician's signature.", newest.run_id))  # fmt: skip
    waits = newest and is_by_hand and newest.decision != "hold" and not is_judged
    if newest and waits and _may_follow(newest, published):
        found.append(Alert("held", f"Release {newest.release_id} passed the audit and waits for a person to publish it.", newest.run_id))  # fmt: skip
    if newest and published and _is_overtaken(newest, published):
        found.append(Alert("held", f"Release {newest.release_id} is not published: it was made on {newest.base_release_id}, and {published.release_id} is published by now. Look at both, then publish it or start a run that holds both.", newest.run_id))  # fmt: skip
    found += [Alert(each.kind, each.words, each.run_id, each.at) for each in delays(past, starts, at)]
    return found


def _may_follow(newest: Release, published: Published | None) -> bool:
    """Whether readers see what it was made on, as then: who went back to that since has decided."""
    if published is None:
        return newest.base_release_id is None
    return published.release_id == newest.base_release_id and published.published_at <= newest.created_at


def _is_overtaken(newest: Release, published: Published) -> bool:
    """Whether the audit let it through and another one than it was made on is what readers see."""
    seen = {newest.release_id, newest.base_release_id}
    return (
        newest.decision != "hold"
        and published.release_id not in seen
        and newest.release_id not in published.line
    )


def _left(run: Run, published: Published | None) -> str:
    """What a failed run has left readers with."""
    if published is None:
        return "Nothing has been published yet."
    if published.release_id == run.run_id:
        return "Its release is published all the same; what was left to do after that is not done."
    return f"Analysts still see release {published.release_id}."
