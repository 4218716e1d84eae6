"""Convert arrays of times between the hospital's local time and UTC, by the rules of `zoneinfo`."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

DAY = 86_400


@dataclass(frozen=True)
class Clock:
    """UTC offset changes of one time zone. All times are seconds since 1970-01-01, local or UTC."""

    changes_utc: Any
    changes_local: Any
    offsets: Any

    def to_utc(self, local: Any) -> Any:
        """Return UTC times.

        An ambiguous time in autumn takes the first offset; a skipped time in spring moves forward.
        """
        return local - self.offsets[np.searchsorted(self.changes_local, local, side="right")]

    def to_local(self, utc: Any) -> Any:
        return utc + self.offsets[np.searchsorted(self.changes_utc, utc, side="right")]

    def local_day(self, utc: Any) -> Any:
        """Return the local date as days since 1970-01-01."""
        return self.to_local(utc) // DAY


@cache
def clock(time_zone: str, first_day: int, last_day: int) -> Clock:
    """Return the clock of a time zone for the days (since 1970-01-01) `first_day` to `last_day`."""
    zone = ZoneInfo(time_zone)
    days = range(first_day - 1, last_day + 2)
    changes, offsets = [], [_offset(zone, days[0] * DAY)]
    for day, next_day in pairwise(days):
        after = _offset(zone, next_day * DAY)
        if after == offsets[-1]:
            continue
        seconds = range(day * DAY, next_day * DAY)
        changes.append(
            seconds[0] + bisect_left(seconds, True, key=lambda second: _offset(zone, second) == after)
        )
        offsets.append(after)
    values = np.array(offsets, dtype=np.int64)
    utc = np.array(changes, dtype=np.int64)
    return Clock(utc, utc + np.maximum(values[:-1], values[1:]), values)


def _offset(zone: ZoneInfo, utc: int) -> int:
    offset = datetime.fromtimestamp(utc, UTC).astimezone(zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0
