"""One block of patients: demographics, moves, changes of payer, and the row versions that record them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data_generator import BLOCK, Options
from pipeline.data_generator.pools import Pools
from pipeline.data_generator.text import choose, column, dates, digits, identifier, timestamps

AGE_BANDS = np.array(
    [5.7, 6.1, 6.5, 6.6, 6.6, 6.8, 6.9, 6.6, 6.2, 6.0, 6.2, 6.6, 6.5, 5.5, 4.4, 2.9, 1.9, 2.0]
)
"""Percent of the US population by five-year band, the last one 85+ (2020 Census, DHC P12, rounded)."""

FEMALE_BY_BAND = np.array([
    0.489, 0.489, 0.489, 0.489, 0.49, 0.49, 0.495, 0.5, 0.502,
    0.503, 0.505, 0.513, 0.52, 0.528, 0.537, 0.553, 0.575, 0.64,
])  # fmt: skip
"""Share of women in each band (same table)."""

RACES = ("White", "Black or African American", "Asian", "American Indian or Alaska Native", "Other")
RACE_SHARES = np.array([0.64, 0.13, 0.06, 0.02, 0.15])
"""Share of each race alone (2020 Census, P1, rounded); two or more races count as other."""

HISPANIC_SHARE = 0.187
"""Share of Hispanic or Latino people (2020 Census, P2)."""

MOVES_A_YEAR = 0.084
"""Share of people who move per year (Census, ACS 2021)."""

PAYER_CHANGES_A_YEAR = 0.05

DEATHS_A_YEAR = (
    np.array(
        [1.3, 0.15, 0.15, 0.6, 1.0, 1.3, 1.6, 1.9, 2.3, 3.0, 4.3, 6.5, 9.6, 13.9, 21.4, 34.4, 56.9, 145.0]
    )
    / 1000
)
"""Deaths per person and year, by band (CDC NCHS, United States life tables 2020, rounded)."""

IN_HOSPITAL_DEATHS = 0.35
"""Share of deaths that occur in a hospital (NCHS, place of death 2018); each ends an inpatient stay."""

YEAR = 365.25


@dataclass
class People:
    """One block of patients.

    `tag` is the part of identifiers that depends on the seed. Arrays have an element for each of `BLOCK`
    patients, of whom the first `count` are used; dates are days since 1970-01-01, and -1 means never.
    """

    tag: str
    first_index: int
    count: int
    birth_day: Any
    is_female: Any
    death_day: Any
    place: Any
    move_day: Any
    new_place: Any
    payer: Any
    payer_day: Any
    new_payer: Any
    registered: Any
    dies_in_hospital: Any = field(default=None)

    def age_at(self, who: Any, day: Any) -> Any:
        """Return the age of patients `who` on `day` in whole years."""
        return np.floor((day - self.birth_day[who]) / YEAR).astype(np.int64)


def draw(rng: np.random.Generator, options: Options, block: int, pool: Pools) -> People:
    """Draw the patients of a whole block, even if only part of it is used."""
    start, end = day_of(options.start), day_of(options.end)
    n = BLOCK
    band = rng.choice(len(AGE_BANDS), n, p=AGE_BANDS / AGE_BANDS.sum())
    within = rng.random(n) * 5
    oldest = rng.exponential(5.0, n)
    age = np.where(band == 17, np.minimum(85 + oldest, 108), band * 5 + within)
    birth = (start - age * YEAR).astype(np.int64)
    days = end - start + 1
    years = days / YEAR
    risk = 1 - (1 - DEATHS_A_YEAR[band]) ** years
    dies = rng.random(n) < risk
    death = start + rng.integers(0, days, n)
    places = len(pool.place_city)
    payer = _payer(rng.random(n), age)
    moves = rng.random(n) < 1 - (1 - MOVES_A_YEAR) ** years
    changes = rng.random(n) < 1 - (1 - PAYER_CHANGES_A_YEAR) ** years
    return People(
        tag=tag(options.seed),
        first_index=block * BLOCK,
        count=max(0, min(BLOCK, options.patients - block * BLOCK)),
        birth_day=birth,
        is_female=rng.random(n) < FEMALE_BY_BAND[band],
        death_day=np.where(dies, death, -1),
        place=rng.integers(0, places, n),
        move_day=np.where(moves, start + rng.integers(30, max(31, days), n), -1),
        new_place=rng.integers(0, places, n),
        payer=payer,
        payer_day=np.where(changes, start + rng.integers(30, max(31, days), n), -1),
        new_payer=_payer(rng.random(n), age),
        registered=start - rng.integers(1, 700, n),
        dies_in_hospital=rng.random(n) < IN_HOSPITAL_DEATHS,
    )


PAYERS = ("Medicare", "Medicaid", "Blue Cross Blue Shield", "UnitedHealthcare", "Aetna", "Cigna", "Self-pay")
_OLD = np.cumsum([0.86, 0.05, 0.03, 0.03, 0.01, 0.01, 0.01])
_YOUNG = np.cumsum([0.03, 0.24, 0.25, 0.19, 0.11, 0.09, 0.09])
"""Cumulative shares of payers by age, from 65 and under 65 (after Census, Health Insurance Coverage 2021)."""


def _payer(uniform: Any, age: Any) -> Any:
    old, young = np.searchsorted(_OLD, uniform), np.searchsorted(_YOUNG, uniform)
    return np.minimum(np.where(age >= 65, old, young), len(PAYERS) - 1)


def table(people: People, rng: np.random.Generator, pool: Pools) -> pa.Table:
    """Return the patients as bronze rows, one per version, ordered by patient and day."""
    n = BLOCK
    first_female, first_male = (
        rng.integers(0, len(pool.first_female), n),
        rng.integers(0, len(pool.first_male), n),
    )
    drawn = {
        "last": rng.integers(0, len(pool.last), n),
        "street": rng.integers(0, len(pool.street), n),
        "house": rng.integers(1, 2000, n),
        "new_street": rng.integers(0, len(pool.street), n),
        "race": rng.choice(len(RACES), n, p=RACE_SHARES),
        "hispanic": rng.random(n) < HISPANIC_SHARE,
        "married": rng.random(n),
        "language": rng.random(n),
        "phone": rng.integers(2_000_000_000, 9_999_999_999, n),
        "has_email": rng.random(n) < 0.8,
        "second": rng.integers(0, 86_400, n),
    }
    who, version_day, moved, changed = _versions(people)
    female = people.is_female[who]
    first = pc.if_else(
        pa.array(female),
        pool.first_female.take(pa.array(first_female[who])),
        pool.first_male.take(pa.array(first_male[who])),
    )
    last = pool.last.take(pa.array(drawn["last"][who]))
    number = people.first_index + who + 1
    place = np.where(moved, people.new_place[who], people.place[who])
    street = pool.street.take(pa.array(np.where(moved, drawn["new_street"][who], drawn["street"][who])))
    payer = np.where(changed, people.new_payer[who], people.payer[who])
    death = people.death_day[who]
    is_dead = death >= 0
    plain = pc.ascii_lower(pc.replace_substring_regex(last, "[^A-Za-z]", ""))
    text = pa.array(number).cast(pa.string())
    address = pc.binary_join_element_wise(plain, text, ".").cast(pa.string())
    email = pc.binary_join_element_wise(address, pa.scalar("example.org"), "@")
    phone = digits(drawn["phone"][who], 10)
    age = people.age_at(who, version_day)
    return pa.table(
        {
            "patient_id": identifier(f"P{people.tag}", number),
            "mrn": identifier(f"MRN{people.tag}", number),
            "first_name": first,
            "last_name": last,
            "birth_date": dates(people.birth_day[who]),
            "death_date": pc.if_else(
                pa.array(is_dead), dates(np.where(is_dead, death, 0)), pa.scalar(None, pa.string())
            ),
            "sex": pc.if_else(pa.array(female), "F", "M"),
            "race": choose(RACES, drawn["race"][who]),
            "ethnicity": pc.if_else(
                pa.array(drawn["hispanic"][who]), "Hispanic or Latino", "Not Hispanic or Latino"
            ),
            "marital_status": choose(("M", "S", "W", "D"), _marital(drawn["married"][who], age)),
            "language": choose(
                ("en", "es", "zh", "vi"), np.searchsorted([0.78, 0.92, 0.96], drawn["language"][who])
            ),
            "street": pc.binary_join_element_wise(
                pa.array(drawn["house"][who]).cast(pa.string()), street, " "
            ),
            "city": pool.place_city.take(pa.array(place)),
            "state": pool.place_state.take(pa.array(place)),
            "postal_code": pool.place_zip.take(pa.array(place)),
            "phone": column(phone[:, :3], "-", phone[:, 3:6], "-", phone[:, 6:]),
            "email": pc.if_else(pa.array(drawn["has_email"][who]), email, pa.scalar(None, pa.string())),
            "payer": choose(PAYERS, payer),
            "updated_at": timestamps(version_day * 86_400 + drawn["second"][who]),
        }
    )


def _versions(people: People) -> tuple[Any, Any, Any, Any]:
    """Return patient, day, "has moved" and "has changed payer" of each row version, by patient and day."""
    everyone = np.arange(people.count)
    alive: Any = lambda day: (day >= 0) & ((people.death_day < 0) | (day < people.death_day))  # noqa: E731
    moves = everyone[alive(people.move_day)[: people.count]]
    changes = everyone[
        alive(people.payer_day)[: people.count] & (people.payer_day != people.move_day)[: people.count]
    ]
    dead = everyone[(people.death_day[: people.count] >= 0)]
    who = np.concatenate([everyone, moves, changes, dead])
    day = np.concatenate(
        [
            people.registered[: people.count],
            people.move_day[moves],
            people.payer_day[changes],
            people.death_day[dead] + 1,
        ]
    )
    order = np.lexsort((day, who))
    who, day = who[order], day[order]
    moved = (people.move_day[who] >= 0) & (day >= people.move_day[who])
    changed = (people.payer_day[who] >= 0) & (day >= people.payer_day[who])
    return who, day, moved, changed


def _marital(uniform: Any, age: Any) -> Any:
    """Return marital statuses by age: married, single, widowed, divorced (0 to 3; Census, ACS S1201)."""
    shares = np.where(age < 18, 1, np.where(age < 35, 2, np.where(age < 65, 3, 4)))
    table = np.array(
        [
            [0, 0, 0, 0],
            [0, 1, 0, 0],
            [0.35, 0.58, 0.01, 0.06],
            [0.58, 0.24, 0.03, 0.15],
            [0.56, 0.07, 0.23, 0.14],
        ]
    )
    edges = np.cumsum(table, axis=1)[shares]
    return np.minimum((uniform[:, None] > edges).sum(axis=1), 3)


def tag(seed: int) -> str:
    """Return four hexadecimal digits for all identifiers, so that samples of two seeds rarely share any."""
    return f"{(seed * 2654435761 >> 12) & 0xFFFF:04x}"


def day_of(day: Any) -> int:
    return int(np.datetime64(day, "D").astype(np.int64))
