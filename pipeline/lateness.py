"""When a run is late, and when one that was due has never started: the one rule of the portal's banner and of the mail.

Standard library only: the watch_schedule Lambda ships it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, Literal, Protocol

LATE = 2.0
"""A run that takes this many times the slowest of the former ones is late."""

GRACE = timedelta(minutes=30)
"""Between the moment that a run was due and the alert that none has started."""

LOOK_BACK = 20
"""Former runs that are looked at."""

_DAILY = re.compile(r"cron\((\d{1,2}) (\d{1,2}) (?:\* \* \?|\? \* (MON-FRI)) \*\)")


@dataclass(frozen=True)
class Schedule:
    """`at` is UTC and None where the expression is one that nobody here reads; `since` is when it was set so."""

    is_on: bool
    expression: str
    at: time | None
    weekdays_only: bool
    since: datetime | None = field(default=None, compare=False)

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Schedule:
        """As EventBridge Scheduler tells it (GetSchedule)."""
        expression = told["ScheduleExpression"]
        found = _DAILY.fullmatch(expression)
        at = time(int(found[2]), int(found[1])) if found else None
        since = told.get("LastModificationDate")
        return cls(told["State"] == "ENABLED", expression, at, bool(found and found[3]), since)

    def next_due(self, now: datetime) -> datetime | None:
        """The first moment after `now` at which a run is due; None where it is off or not read."""
        later = (self.last_due(now + timedelta(days=days)) for days in range(1, 9))
        return next((due for due in later if due and due > now), None)

    def last_due(self, now: datetime) -> datetime | None:
        """The newest moment up to `now` at which a run was due; None where it is off or not read."""
        if not self.is_on or self.at is None:
            return None
        day = now.astimezone(UTC)
        for back in range(8):
            due = datetime.combine((day - timedelta(days=back)).date(), self.at, UTC)
            if due <= now and not (self.weekdays_only and due.weekday() > 4):
                return None if self.since and due < self.since else due
        return None


class Run(Protocol):
    """What the rule looks at."""

    @property
    def run_id(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def status(self) -> str: ...
    @property
    def started_at(self) -> datetime: ...
    @property
    def seconds(self) -> float: ...


@dataclass(frozen=True)
class Delay:
    """`about` tells one delay from another: the attempt of a run, or the moment at which one was due.

    `{at}` in the words stands for the moment `at`.
    """

    kind: Literal["late", "never started"]
    about: str
    words: str
    run_id: str | None = None
    at: datetime | None = None

    @property
    def words_in_utc(self) -> str:
        return self.words.replace("{at}", f"{self.at:%Y-%m-%d %H:%M} UTC") if self.at else self.words


def delays(past: Sequence[Run], starts: Schedule | None, at: datetime) -> list[Delay]:
    """By the newest runs, newest first, and the schedule."""
    return [*_late(past), *_never_started(past, starts, at)]


def _late(past: Sequence[Run]) -> list[Delay]:
    whole = [run.seconds for run in past if run.status == "SUCCEEDED" and run.attempt == 1][:LOOK_BACK]
    slowest = max(whole, default=0)
    working = _working(past)
    return [
        Delay(
            "late",
            f"{run.run_id}.{run.attempt}",
            f"Run {run.run_id} has taken {working[run.run_id] / 60:,.0f} minutes; "
            f"the slowest of the last {len(whole)} took {slowest / 60:,.1f}.",
            run.run_id,
        )
        for run in past
        if whole and working.get(run.run_id, 0) > max(LATE * slowest, 60)
    ]


def _working(past: Sequence[Run]) -> dict[str, float]:
    """Return the run that holds the lake, and for how many seconds: others wait their turn and are not late."""
    running = [run for run in past if run.status == "RUNNING"]
    if not running:
        return {}
    holder = min(running, key=lambda run: run.started_at)
    now = holder.started_at + timedelta(seconds=holder.seconds)
    ended = [run.started_at + timedelta(seconds=run.seconds) for run in past if run.status != "RUNNING"]
    begun = max([holder.started_at, *ended])
    return {holder.run_id: (now - begun).total_seconds()}


def _never_started(past: Sequence[Run], starts: Schedule | None, at: datetime) -> list[Delay]:
    due = starts.last_due(at - GRACE) if starts else None
    if due is None or any(run.started_at >= due - timedelta(minutes=1) for run in past):
        return []
    words = "A run was due at {at} and none has started."
    return [Delay("never started", f"{due:%Y%m%dT%H%MZ}", words, at=due)]
