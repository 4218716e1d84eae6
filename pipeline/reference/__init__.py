"""Reference tables: formulary, ICD-10-CM codes and chapters, states, ZIP prefixes.

Sources: RxNorm concept numbers (NLM RxNav); ICD-10-CM chapter ranges (CDC/CMS tabular list 2025); ICD-10-CM
codes (CDC release of April 2026, compared with simple-icd-10-cm 1.5.0 by a test); USPS state codes and
Publication 65 ZIP prefixes; the restricted ZIP prefixes of 45 CFR 164.514(b)(2)(i)(B), Census 2000. The usual
doses are single adult doses from the product labels; they are not approved by a pharmacist.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

RESTRICTED_ZIP3 = frozenset(
    [
        "036",
        "059",
        "063",
        "102",
        "203",
        "556",
        "692",
        "790",
        "821",
        "823",
        "830",
        "831",
        "878",
        "879",
        "884",
        "890",
        "893",
    ]
)
"""ZIP prefixes with a population of 20,000 or less: Safe Harbor requires 000 instead."""


@dataclass(frozen=True)
class Medication:
    """One medication of the formulary; the usual single adult dose is from `usual_low` to `usual_high`.

    `unit` is the UCUM unit of the dose.
    """

    code: str
    name: str
    therapeutic_class: str
    form: str
    usual_low: float
    usual_high: float
    unit: str
    routes: tuple[str, ...]


@dataclass(frozen=True)
class Chapter:
    """One chapter of ICD-10-CM; `first` and `last` are three-character categories."""

    number: int
    first: str
    last: str
    title: str


@dataclass(frozen=True)
class Comorbidity:
    """A condition of the Charlson index: points, severe grade that replaces it, and ICD-10 codes.

    A code stands for all codes that begin with it; ``I60-I69`` is a range.
    """

    name: str
    weight: int
    replaced_by: str
    codes: tuple[str, ...]


@cache
def charlson() -> tuple[Comorbidity, ...]:
    """Return the conditions of the Charlson index with the codes of Quan 2005."""
    return tuple(
        Comorbidity(row["condition"], int(row["weight"]), row["replaced_by"], tuple(row["codes"].split()))
        for row in _rows("charlson.csv")
    )


@cache
def formulary() -> tuple[Medication, ...]:
    """Return the medications of the formulary."""
    return tuple(
        Medication(
            code=row["code"],
            name=row["name"],
            therapeutic_class=row["therapeutic_class"],
            form=row["form"],
            usual_low=float(row["usual_low"]),
            usual_high=float(row["usual_high"]),
            unit=row["unit"],
            routes=tuple(row["routes"].split()),
        )
        for row in _rows("formulary.csv")
    )


@cache
def icd10_chapters() -> tuple[Chapter, ...]:
    """Return the chapters of ICD-10-CM."""
    return tuple(
        Chapter(int(row["number"]), row["first"], row["last"], row["title"])
        for row in _rows("icd10_chapters.csv")
    )


@cache
def icd10cm_codes() -> tuple[str, ...]:
    """Return every ICD-10-CM code without its point: billable codes and category headings.

    Headings are included, because a billable code becomes a heading when a later release subdivides it.
    """
    text = (files("pipeline.reference") / "icd10cm_codes.csv").read_text(encoding="utf-8")
    return tuple(text.split()[1:])


@cache
def code_systems() -> dict[str, str]:
    """Return the standard names of code systems by lower-case spelling, OID or FHIR URL."""
    return {row["spelling"]: row["system"] for row in _rows("code_systems.csv")}


@cache
def units() -> dict[str, str]:
    """Return the UCUM codes of dose units by lower-case spelling, without rates such as mL/h."""
    return {row["spelling"]: row["ucum"] for row in _rows("units.csv")}


@cache
def state_codes() -> dict[str, str]:
    """Return the USPS codes by lower-case state name."""
    return {row["name"].lower(): row["code"] for row in _rows("states.csv")}


@cache
def zip_states() -> dict[str, tuple[str, ...]]:
    """Return the states that each three-digit ZIP prefix serves."""
    return {
        f"{prefix:03d}": tuple(row["states"].split())
        for row in _rows("zip_prefixes.csv")
        for prefix in range(int(row["first"]), int(row["last"]) + 1)
    }


def _rows(name: str) -> list[dict[str, str]]:
    with (files("pipeline.reference") / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))
