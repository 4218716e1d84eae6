"""Detect late runs, scheduled runs that never started and silent sources, for the banner and alert mails.

Standard library only: the watch_schedule Lambda includes it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, Literal, Protocol

LATE = 2.0
"""A run is late once it has taken over a minute and this many times as long as the slowest previous run."""

GRACE = timedelta(minutes=30)
"""Time from a missed start to the alert."""

LOOK_BACK = 20
"""Number of previous runs, successful at the first attempt, that a run is compared with."""

_DAILY = re.compile(r"cron\((\d{1,2}) (\d{1,2}) (?:\* \* \?|\? \* (MON-FRI)) \*\)")


@dataclass(frozen=True)
class Schedule:
    """The schedule of runs.

    `at` is the start time in UTC, or None if the cron expression is not supported. `since` is the time when
    the schedule was last changed.
    """

    is_on: bool
    expression: str
    at: time | None
    weekdays_only: bool
    since: datetime | None = field(default=None, compare=False)

    @classmethod
    def read(cls, response: Mapping[str, Any]) -> Schedule:
        """Parse the response of EventBridge Scheduler's GetSchedule."""
        expression = response["ScheduleExpression"]
        found = _DAILY.fullmatch(expression)
        at = time(int(found[2]), int(found[1])) if found else None
        since = response.get("LastModificationDate")
        return cls(response["State"] == "ENABLED", expression, at, bool(found and found[3]), since)

    def next_due(self, now: datetime) -> datetime | None:
        """Return the first start time after `now`; None if the schedule is off or not supported."""
        later = (self.last_due(now + timedelta(days=days)) for days in range(1, 9))
        return next((due for due in later if due and due > now), None)

    def last_due(self, now: datetime) -> datetime | None:
        """Return the last start time up to `now`.

        Return None if the schedule is off, not supported, or was changed after that time.
        """
        if not self.is_on or self.at is None:
            return None
        today = now.astimezone(UTC)
        for back in range(8):
            due = datetime.combine((today - timedelta(days=back)).date(), self.at, UTC)
            if due <= now and not (self.weekdays_only and due.weekday() > 4):
                return None if self.since and due < self.since else due
        return None


class Run(Protocol):
    """The fields of a run that the check needs."""

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
    """A late run, a missed run or a silent source.

    `about` identifies it: the attempt of a run, the missed start time, or the source and its last batch.
    `message` contains `{at}` where the time `at` belongs.
    """

    kind: Literal["late", "never started", "no batch"]
    about: str
    message: str
    run_id: str | None = None
    at: datetime | None = None

    @property
    def message_in_utc(self) -> str:
        return self.message.replace("{at}", f"{self.at:%Y-%m-%d %H:%M} UTC") if self.at else self.message


def silent(newest: Mapping[str, datetime], hours: Mapping[str, float], at: datetime) -> list[Delay]:
    """Return a delay for each source without a batch in the last `hours` before `at`.

    `hours` is by source; `newest` has the time of each source's last batch, if there is one.
    """
    found = []
    for source, limit in sorted(hours.items()):
        last = newest.get(source)
        if last is None or at - last > timedelta(hours=limit):
            since = "the newest arrived {at}" if last else "none has ever arrived"
            message = f"Source {source} has sent no batch for {limit:g} hours; {since}."
            name = re.sub(r"[^A-Za-z0-9.-]+", "-", source)
            about = f"{name}-{last:%Y%m%dT%H%M%SZ}" if last else name
            found.append(Delay("no batch", about, message, at=last))
    return found


def delays(past: Sequence[Run], starts: Schedule | None, at: datetime) -> list[Delay]:
    """Return the delays of late and missed runs at the time `at`; `past` lists the newest runs first."""
    return [*_late(past), *_never_started(past, starts, at)]


def _late(past: Sequence[Run]) -> list[Delay]:
    whole = [run.seconds for run in past if run.status == "SUCCEEDED" and run.attempt == 1][:LOOK_BACK]
    slowest = max(whole, default=0)
    working = _working(past)
    return [
        Delay(
            "late",
            f"{run.run_id}.{run.attempt}",
            f"Run {run.run_id} has taken {working[run.run_id] / 60:,.1f} minutes; "
            f"the slowest of the last {len(whole)} successful runs took {slowest / 60:,.1f} minutes.",
            run.run_id,
        )
        for run in past
        if whole and working.get(run.run_id, 0) > max(LATE * slowest, 60)
    ]


def _working(past: Sequence[Run]) -> dict[str, float]:
    """Return the seconds that the run with the write lock has worked, by its id; empty if no run is running.

    The oldest running run has the lock. The time during which it waited for the lock does not count.
    """
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
    message = "The run scheduled for {at} has not started."
    return [Delay("never started", f"{due:%Y%m%dT%H%MZ}", message, at=due)]
