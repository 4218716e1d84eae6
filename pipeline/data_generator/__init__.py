"""Generate clinically plausible sample data: patients, encounters, medication administrations and seeded
defects.

Patients come in blocks of `BLOCK`. A block depends only on the seed, its number and the options, so any
number of processes or Spark partitions gives the same rows in the same order, and a larger sample contains
the patients of a smaller one.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

BLOCK = 4096
MAX_PATIENTS = 5_000_000


class BadOptions(ValueError):
    """An option is not valid; the message names the value and says what is allowed."""


@dataclass(frozen=True)
class Options:
    """Size and content of a sample.

    Encounters begin from `start` to `end`, both local dates of the hospital in `time_zone`. `defect_rate` is
    the share of rows that get a defect, 0 to 0.5; `defects` names the kinds, or is empty for all kinds.
    """

    patients: int = 1000
    seed: int = 7
    start: date = date(2024, 1, 1)
    end: date = date(2025, 12, 31)
    locale: str = "en_US"
    defect_rate: float = 0.0
    defects: tuple[str, ...] = ()
    time_zone: str = "America/New_York"

    def checked(self) -> Options:
        """Return these options; raise `BadOptions` if one is not valid."""
        if not 1 <= self.patients <= MAX_PATIENTS:
            raise BadOptions(f"Cannot generate {self.patients} patients. Choose from 1 to {MAX_PATIENTS:,}.")
        if not 0 <= self.seed < 2**63:
            raise BadOptions(
                f"The seed {self.seed} is out of range. Choose a whole number from 0 to 2^63 - 1."
            )
        if not date(1990, 1, 1) <= self.start < self.end or (self.end - self.start).days > 3660:
            raise BadOptions(
                f"The period {self.start} to {self.end} is not valid. "
                "Choose a start in 1990 or later and an end after it, within ten years."
            )
        if self.end >= datetime.now(self._zone()).date():
            raise BadOptions(f"The period ends on {self.end}. Choose an end before today.")
        if not 0 <= self.defect_rate <= 0.5:
            raise BadOptions(f"The defect rate {self.defect_rate} is out of range. Choose from 0 to 0.5.")
        return self

    def _zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise BadOptions(
                f"Unknown time zone '{self.time_zone}'. Use an IANA name such as America/New_York."
            ) from None

    def as_json(self) -> str:
        return json.dumps({**asdict(self), "start": str(self.start), "end": str(self.end)})

    @classmethod
    def from_json(cls, text: str) -> Options:
        given = json.loads(text)
        days = {name: date.fromisoformat(given[name]) for name in ("start", "end")}
        return cls(**{**given, **days, "defects": tuple(given["defects"])})

    @property
    def blocks(self) -> int:
        return -(-self.patients // BLOCK)


@dataclass(frozen=True)
class Estimate:
    """Expected size of a sample: rows by table, bytes of CSV, seconds on two cores."""

    rows: dict[str, int]
    bytes: int
    seconds: float


def estimate(options: Options) -> Estimate:
    """Estimate rows, bytes and time from the rates in `encounters.py` and from measurements on two cores."""
    years = (options.end - options.start).days / 365.25
    patients = int(options.patients * (1 + 0.136 * years))
    encounters = int(options.patients * 1.66 * years)
    medications = int(encounters * 1.66)
    size = patients * 215 + encounters * 270 + medications * 230
    slower = 1.6 if options.defect_rate else 1
    seconds = 2 + (patients + encounters + medications) / 500_000 * slower
    return Estimate(
        {"patients": patients, "encounters": encounters, "medications": medications}, size, seconds
    )
