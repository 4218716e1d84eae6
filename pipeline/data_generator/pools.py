"""Names, streets, cities and providers to draw from; names and streets come from Faker."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.data_generator import BadOptions
from pipeline.data_generator.classes import CLASSES

NAMES = 1500
PROVIDERS = 480


@dataclass(frozen=True)
class Diagnosis:
    """One row of tables/diagnoses.csv; `weights` has a number for each encounter class."""

    code: str
    description: str
    weights: dict[str, float]
    age_from: int
    age_to: int
    sex: str
    season: str
    stay_factor: float
    department: str
    medications: tuple[str, ...]


@dataclass(frozen=True)
class Pools:
    """Arrow string arrays to draw from.

    All `place_*` arrays share indexes, and so do all `provider_*` arrays. `by_specialty` has the indexes of
    the providers of each specialty.
    """

    first_female: pa.Array
    first_male: pa.Array
    last: pa.Array
    street: pa.Array
    place_city: pa.Array
    place_state: pa.Array
    place_zip: pa.Array
    provider_npi: pa.Array
    provider_name: pa.Array
    provider_specialty: pa.Array
    by_specialty: dict[str, Any]


@cache
def diagnoses() -> tuple[Diagnosis, ...]:
    return tuple(
        Diagnosis(
            row["code"],
            row["description"],
            {name: float(row[name]) for name in CLASSES},
            int(row["age_from"]),
            int(row["age_to"]),
            row["sex"],
            row["season"],
            float(row["stay_factor"]),
            row["department"],
            tuple(row["medications"].split()),
        )
        for row in _table("diagnoses.csv")
    )


Names = dict[str, list[str]]
"""Lists of names by kind."""

_GIVEN: dict[str, Names] = {}


def set_names(locale: str, names: Names) -> None:
    """Set the names that `pools` uses for a locale, because AWS Glue has no Faker to draw them."""
    _GIVEN[locale] = names


def draw_names(locale: str) -> Names:
    """Return names of a locale, the same on every machine; raise `BadOptions` if Faker lacks the locale."""
    from faker import Faker  # noqa: PLC0415  (not on Glue)
    from faker.config import AVAILABLE_LOCALES  # noqa: PLC0415

    if locale not in AVAILABLE_LOCALES:
        raise BadOptions(
            f"Unknown locale '{locale}'. Use a locale of Faker such as en_US, de_DE, es_MX or ja_JP."
        )
    fake = Faker(locale)
    fake.seed_instance(20240101)
    return {
        "provider": [f"{fake.first_name()} {fake.last_name()}" for _ in range(PROVIDERS)],
        "first_female": [fake.first_name_female() for _ in range(NAMES)],
        "first_male": [fake.first_name_male() for _ in range(NAMES)],
        "last": [fake.last_name() for _ in range(NAMES)],
        "street": [fake.street_name() for _ in range(NAMES)],
    }


@cache
def pools(locale: str) -> Pools:
    """Return the pools of a locale."""
    names = _GIVEN.get(locale) or draw_names(locale)
    places = [(p["city"], p["state"], z) for p in _table("places.csv") for z in p["zips"].split()]
    specialties = sorted({diagnosis.department for diagnosis in diagnoses()})
    named = [specialties[number % len(specialties)] for number in range(PROVIDERS)]
    return Pools(
        first_female=_texts(names["first_female"]),
        first_male=_texts(names["first_male"]),
        last=_texts(names["last"]),
        street=_texts(names["street"]),
        place_city=_texts(city for city, _, _ in places),
        place_state=_texts(state for _, state, _ in places),
        place_zip=_texts(code for _, _, code in places),
        provider_npi=_texts(npi(1_000_000 + 7919 * number) for number in range(PROVIDERS)),
        provider_name=_texts(f"Dr. {name}" for name in names["provider"]),
        provider_specialty=_texts(named),
        by_specialty={specialty: np.flatnonzero(np.array(named) == specialty) for specialty in specialties},
    )


def npi(number: int) -> str:
    """Return a National Provider Identifier: 1, eight digits, and the Luhn check digit after prefix 80840."""
    body = f"1{number % 10**8:08d}"
    total = 24
    for position, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if position % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return f"{body}{-total % 10}"


def _texts(values: Any) -> pa.Array:
    return pa.array([value.strip().replace(",", "") for value in values], pa.string())


def _table(name: str) -> list[dict[str, str]]:
    with (files("pipeline.data_generator") / "tables" / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))
