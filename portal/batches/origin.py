"""Facility and time zone of an extract: stated at the import, remembered for the next one of the sender."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from zoneinfo import available_timezones

from portal.core.errors import ServiceError

_LONGEST = 100

Extract = Literal["full", "delta"]
"""Whether a batch has all records of its source and facility, so that others have ended, or changed ones."""


@dataclass(frozen=True)
class Origin:
    """What the files of an extract do not say themselves.

    `facility` is the hospital of encounters that name none. `time_zone` is the IANA name of the time zone of
    times without an offset; without it, the format decides: UTC, or the hospital's time zone. An empty text
    means: not stated, although the previous extract stated it.
    """

    facility: str | None = None
    time_zone: str | None = None

    def checked(self) -> Origin:
        """Return the origin without surrounding blanks; raise `ServiceError` if a value is not usable."""
        facility, time_zone = (value.strip() if value else None for value in (self.facility, self.time_zone))
        if time_zone and time_zone not in available_timezones():
            raise ServiceError(
                f"Unknown time zone '{time_zone}'. Choose an IANA name such as America/New_York."
            )
        if facility and (len(facility) > _LONGEST or not facility.isprintable()):
            raise ServiceError(
                f"The facility's name has {len(facility)} characters or a line break. "
                f"Choose a name of at most {_LONGEST} characters."
            )
        return Origin(facility or None, time_zone or None)

    def or_else(self, remembered: Origin) -> Origin:
        """Return the origin with values that are None taken from the previous extract."""
        return Origin(
            remembered.facility if self.facility is None else self.facility,
            remembered.time_zone if self.time_zone is None else self.time_zone,
        )

    def __str__(self) -> str:
        return (
            f"facility {self.facility or 'not stated'}, times without offset {self.time_zone or 'as usual'}"
        )


NOT_STATED = Origin()


def remembered(origins: Iterable[tuple[str, str, Origin]], sender: str, source: str) -> Origin:
    """Return the origin of the sender's newest extract of a format; `origins` is sorted, newest first."""
    return next((each for by, of, each in origins if (by, of) == (sender, source)), NOT_STATED)
