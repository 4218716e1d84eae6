"""One block's encounters: when, of which class, for what, how long, ending how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.generator import BLOCK, Options
from pipeline.generator.people import YEAR, People, choose, day_of, identifier, moments
from pipeline.generator.pools import Pools, diagnoses

CLASSES = ("AMB", "EMER", "IMP", "OBSENC", "VR")
AMB, EMER, IMP, OBSENC, VR = range(5)

RATES = np.array([1.20, 0.43, 0.095, 0.03, 0.20])
"""Encounters a person and year by class. Emergency: 42.7 a 100 persons (NHAMCS 2021). Inpatient: 35.4 million stays
(HCUP NIS 2019), less the readmissions that are added below. Outpatient departments 41 a 100 persons (NHAMCS 2011) and
a judged quarter of the 321 office visits a 100 persons (NAMCS 2019). Observation and virtual: judged."""

INPATIENT_BY_AGE = np.array([1.0, 0.3, 0.35, 0.6, 0.85, 0.95, 1.1, 1.4, 2.0, 2.8])
"""Relative use of the hospital by decade of age (shape of HCUP NIS 2019 discharge rates); other classes follow half of it."""

READMITTED = 0.14
"""Share of stays followed by another within 30 days, all causes (HCUP Statistical Brief 278, 2018)."""

STAY_MEDIAN_DAYS, STAY_SIGMA = 3.1, 0.90
"""Inpatient stay, log-normal: mean 4.6 days, median 3 (HCUP NIS 2019)."""

MINUTES = {AMB: (35, 0.4), EMER: (160, 0.6), OBSENC: (1500, 0.35), VR: (20, 0.35)}
"""Median minutes and log-normal spread; the emergency department's median is CMS OP-18's 160 minutes."""

COSTS = {AMB: (260, 0.7), EMER: (620, 0.8), IMP: (2400, 0.5), OBSENC: (2500, 0.5), VR: (90, 0.4)}
"""Median dollars and spread; of a stay: a day (HCUP mean cost a stay about 14,000 dollars, 2019)."""

_SEASONS = {"winter": 15, "spring": 110, "summer": 200}
_HOURS = {AMB: (8, 17), VR: (8, 19)}


@dataclass
class Stays:
    """One block's encounters, in the order of patient and time; moments are seconds since 1970."""

    who: Any
    start: Any
    end: Any
    kind: Any
    diagnosis: Any
    provider: Any
    expired: Any
    cost: Any

    def only(self, keep: Any) -> Stays:
        return Stays(**{name: values[keep] for name, values in self.__dict__.items()})


def draw(rng: np.random.Generator, options: Options, people: People, pool: Pools) -> Stays:
    """All encounters of a whole block. A death in hospital moves the patient's death to the end of that stay."""
    who, start, kind = _arrivals(rng, options, people)
    diagnosis = _diagnoses(rng, people, who, start, kind)
    end = _ends(rng, start, kind, diagnosis)
    who, start, end, kind, diagnosis = _readmissions(rng, options, people, who, start, end, kind, diagnosis)
    order = np.lexsort((start, who))
    who, start, end, kind, diagnosis = (array[order] for array in (who, start, end, kind, diagnosis))
    keep = _without_overlap(who, start, end)
    who, start, end, kind, diagnosis = (array[keep] for array in (who, start, end, kind, diagnosis))
    expired = _deaths(people, who, start, end, kind)
    n = len(who)
    provider = _providers(rng, pool, diagnosis)
    median = np.array([COSTS[k][0] for k in range(5)])[kind]
    spread = np.array([COSTS[k][1] for k in range(5)])[kind]
    days = np.where(kind == IMP, np.maximum(1.0, (end - start) / 86_400), 1.0)
    cost = np.round(median * np.exp(spread * rng.standard_normal(n)) * days, 2)
    stays = Stays(who, start, end, kind, diagnosis, provider, expired, cost)
    dead = people.death_day[who]
    stays = stays.only((dead < 0) | (start // 86_400 <= dead) & (end // 86_400 <= dead))
    last_moment = (day_of(options.end) + 1) * 86_400
    return stays.only(stays.end < last_moment)


def _arrivals(rng: np.random.Generator, options: Options, people: People) -> tuple[Any, Any, Any]:
    start, end = day_of(options.start), day_of(options.end)
    years = (end - start + 1) / YEAR
    decade = np.clip(((start - people.birth_day) / YEAR / 10).astype(int), 0, 9)
    steep = INPATIENT_BY_AGE[decade] / INPATIENT_BY_AGE.mean()
    parts = []
    for kind in range(5):
        shape = steep if kind in {IMP, OBSENC} else (1 + steep) / 2
        frailty = rng.gamma(1.5, 1 / 1.5, BLOCK)
        number = rng.poisson(RATES[kind] * years * shape * frailty)
        who = np.repeat(np.arange(BLOCK), number)
        day = start + rng.integers(0, end - start + 1, len(who))
        if kind in _HOURS:
            low, high = _HOURS[kind]
            day -= np.isin((day + 3) % 7, [5, 6]) * 2  # clinics are closed on Saturdays and Sundays
            second = rng.integers(low * 12, high * 12, len(who)) * 300
        else:
            second = (rng.normal(14.5, 5.5, len(who)) % 24 * 3600).astype(np.int64) // 60 * 60
        parts.append((who, np.maximum(day, start) * 86_400 + second, np.full(len(who), kind)))
    who, moment, kinds = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return who, moment, kinds


def _diagnoses(rng: np.random.Generator, people: People, who: Any, start: Any, kind: Any) -> Any:
    """By class, age, sex and season, from the table of weights."""
    listed = diagnoses()
    weights = np.array([[d.weights[name] for d in listed] for name in CLASSES])
    age = people.age_at(who, start // 86_400)
    female = people.is_female[who]
    day_of_year = (start // 86_400) % 365.25
    boost = np.ones((len(listed), len(who)), dtype=np.float32)
    for i, d in enumerate(listed):
        fits = (age >= d.age_from) & (age <= d.age_to)
        if d.sex:
            fits &= female if d.sex == "F" else ~female
        boost[i] = fits
        if d.season:
            boost[i] *= 1 + 0.6 * np.cos((day_of_year - _SEASONS[d.season]) / 365.25 * 2 * np.pi)
    edges = np.cumsum(weights[kind].T * boost, axis=0)
    target = rng.random(len(who)) * edges[-1]
    return (edges <= target).sum(axis=0)


def _ends(rng: np.random.Generator, start: Any, kind: Any, diagnosis: Any) -> Any:
    n = len(start)
    factor = np.array([d.stay_factor for d in diagnoses()])[np.minimum(diagnosis, len(diagnoses()) - 1)]
    normal = rng.standard_normal(n)
    stay = STAY_MEDIAN_DAYS * np.exp(STAY_SIGMA * normal) * factor**0.5 * 86_400
    seconds = np.where(kind == IMP, np.clip(stay, 6 * 3600, 180 * 86_400), 0.0)
    for each, (median, spread) in MINUTES.items():
        limit = {AMB: 8, EMER: 48, OBSENC: 60, VR: 3}[each] * 3600
        length = np.minimum(median * 60 * np.exp(spread * normal), limit)
        seconds = np.where(kind == each, length, seconds)
    return start + (np.maximum(seconds, 600) // 60 * 60).astype(np.int64)


def _readmissions(
    rng: np.random.Generator,
    options: Options,
    people: People,
    who: Any,
    start: Any,
    end: Any,
    kind: Any,
    diagnosis: Any,
) -> tuple[Any, ...]:
    """Add stays that follow a stay within 30 days, mostly for the same diagnosis."""
    stays = np.flatnonzero(kind == IMP)
    back = stays[rng.random(len(stays)) < READMITTED]
    delay = 1 + np.minimum(rng.exponential(9.0, len(back)), 28.5)
    again = end[back] + (delay * 86_400).astype(np.int64) // 60 * 60
    imp = np.full(len(back), IMP)
    other = _diagnoses(rng, people, who[back], again, imp)
    cause = np.where(rng.random(len(back)) < 0.6, diagnosis[back], other)
    finish = _ends(rng, again, imp, cause)
    inside = again < (day_of(options.end) + 1) * 86_400
    added = (who[back], again, finish, imp, cause)
    return tuple(
        np.concatenate([old, new[inside]])
        for old, new in zip((who, start, end, kind, diagnosis), added, strict=True)
    )


def _without_overlap(who: Any, start: Any, end: Any) -> Any:
    """Nobody is at two places: of two encounters that overlap, the later one is left out."""
    if not len(who):
        return np.zeros(0, dtype=bool)
    far = 1 << 40
    latest = np.maximum.accumulate(end + who * far)
    before = np.concatenate([[-1], latest[:-1]])
    return start + who * far > before


def _deaths(people: People, who: Any, start: Any, end: Any, kind: Any) -> Any:
    """Of those who die in hospital, the last stay before their day of death ends with it."""
    stays = np.flatnonzero((kind == IMP) & people.dies_in_hospital[who] & (people.death_day[who] >= 0))
    expired = np.zeros(len(who), dtype=bool)
    stays = stays[(start[stays] // 86_400) <= people.death_day[who[stays]]]
    last = {int(who[i]): int(i) for i in stays}  # later stays come later
    for patient, index in last.items():
        expired[index] = True
        people.death_day[patient] = end[index] // 86_400
    return expired


def _providers(rng: np.random.Generator, pool: Pools, diagnosis: Any) -> Any:
    """A clinician of the diagnosis's specialty."""
    uniform = rng.random(len(diagnosis))
    provider = np.zeros(len(diagnosis), dtype=np.int64)
    departments = np.array([d.department for d in diagnoses()])[diagnosis]
    for specialty, members in pool.by_specialty.items():
        here = departments == specialty
        provider[here] = members[(uniform[here] * len(members)).astype(int)]
    return provider


def table(stays: Stays, people: People, rng: np.random.Generator, pool: Pools) -> tuple[pa.Table, pa.Array]:
    """The encounters' rows, and their identifiers."""
    n = len(stays.who)
    listed = diagnoses()
    number = people.first_index + stays.who + 1
    ordinal = _ordinal(stays.who)
    ids = pc.binary_join_element_wise(
        identifier(f"E{people.tag}", pa.array(number)),
        pc.utf8_lpad(pa.array(ordinal).cast(pa.string()), 3, "0"),
        "-",
    )
    home = rng.random(n)
    disposition = np.where(
        stays.expired, 5, np.where(stays.kind == IMP, np.searchsorted([0.72, 0.88, 0.93, 0.96], home), 0)
    )
    department = np.where(np.isin(stays.kind, [EMER]), -1, stays.diagnosis)
    names = pa.array([*(d.department for d in listed), "Emergency medicine"], pa.string())
    written = stays.end + rng.integers(1, 20, n) * 600
    table_ = pa.table(
        {
            "encounter_id": ids,
            "patient_id": identifier(f"P{people.tag}", pa.array(number)),
            "provider_npi": pool.provider_npi.take(pa.array(stays.provider)),
            "provider_name": pool.provider_name.take(pa.array(stays.provider)),
            "provider_specialty": pool.provider_specialty.take(pa.array(stays.provider)),
            "department": names.take(pa.array(np.where(department < 0, len(listed), department))),
            "encounter_class": choose(CLASSES, stays.kind),
            "admitted_at": moments(stays.start),
            "discharged_at": moments(stays.end),
            "diagnosis_code": choose(tuple(d.code for d in listed), stays.diagnosis),
            "diagnosis_code_system": pa.array(["ICD-10-CM"] * n, pa.string()),
            "diagnosis_description": choose(tuple(d.description for d in listed), stays.diagnosis),
            "discharge_disposition": choose(
                ("home", "snf", "hospice", "other", "ama", "expired"), disposition
            ),
            "total_cost": _money(stays.cost),
            "updated_at": moments(written),
        }
    )
    return table_, ids


def _ordinal(who: Any) -> Any:
    """1, 2, 3 … within each patient; `who` is sorted."""
    if not len(who):
        return who
    first = np.concatenate([[True], who[1:] != who[:-1]])
    starts = np.flatnonzero(first)
    return np.arange(len(who)) - np.repeat(starts, np.diff(np.append(starts, len(who)))) + 1


def _money(values: Any) -> pa.Array:
    cents = np.round(values * 100).astype(np.int64)
    whole, part = pa.array(cents // 100).cast(pa.string()), pa.array(cents % 100).cast(pa.string())
    return pc.binary_join_element_wise(whole, pc.utf8_lpad(part, 2, "0"), ".")
