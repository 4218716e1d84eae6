"""Sample data that makes clinical sense: patients, encounters, medication administrations, and seeded defects.

Patients are made in blocks of `BLOCK`; a block depends on the seed, its number and the options, and on nothing
else. So any number of processes, or Spark partitions, gives the same rows in the same order, and a larger size
keeps the smaller one's patients.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date

VERSION = "1"
BLOCK = 4096
MAX_PATIENTS = 5_000_000


class BadOptions(ValueError):
    """An option is out of its range; the text says which, and what is allowed."""


@dataclass(frozen=True)
class Options:
    """What to make. `start` and `end` bound the encounters; `defect_rate` is a share of the rows, 0 to 0.5."""

    patients: int = 1000
    seed: int = 7
    start: date = date(2024, 1, 1)
    end: date = date(2025, 12, 31)
    locale: str = "en_US"
    defect_rate: float = 0.0
    defects: tuple[str, ...] = ()

    def checked(self) -> Options:
        """Itself, or `BadOptions`."""
        if not 1 <= self.patients <= MAX_PATIENTS:
            raise BadOptions(f"{self.patients} patients: between 1 and {MAX_PATIENTS:,} can be made.")
        if not 0 <= self.seed < 2**63:
            raise BadOptions(f"The seed {self.seed} is not a whole number between 0 and 2^63.")
        if not date(1990, 1, 1) <= self.start < self.end or (self.end - self.start).days > 3660:
            raise BadOptions(
                f"{self.start} to {self.end} is no period: it begins in 1990 or later, its end comes after its start, "
                "within ten years."
            )
        if self.end >= date.today():  # noqa: DTZ011
            raise BadOptions(f"The period ends on {self.end}: it has to end before today.")
        if not 0 <= self.defect_rate <= 0.5:
            raise BadOptions(f"A defect rate of {self.defect_rate} is not between 0 and 0.5.")
        return self

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
    """What the options will come to: rows by table, bytes of CSV, seconds on this kind of machine."""

    rows: dict[str, int]
    bytes: int
    seconds: float


def estimate(options: Options) -> Estimate:
    """From the rates of `encounters` and the sizes measured on two cores of this project's machine."""
    years = (options.end - options.start).days / 365.25
    patients = int(options.patients * (1 + 0.136 * years))
    encounters = int(options.patients * 1.66 * years)
    medications = int(encounters * 1.12)
    size = patients * 215 + encounters * 270 + medications * 172
    slower = 4 if options.defect_rate else 1
    seconds = 2 + (patients + encounters + medications) / 400_000 * slower
    return Estimate(
        {"patients": patients, "encounters": encounters, "medications": medications}, size, seconds
    )
