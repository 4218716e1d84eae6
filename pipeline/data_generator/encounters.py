"""The encounters of one block: patient, time, class, diagnosis, length, provider, outcome and cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data_generator import BLOCK, Options, arrivals, illness
from pipeline.data_generator.classes import AMB, CLASSES, EMER, IMP, OBSENC, VR
from pipeline.data_generator.clock import DAY, Clock, clock
from pipeline.data_generator.patients import YEAR, People, day_of
from pipeline.data_generator.pools import Pools, diagnoses
from pipeline.data_generator.text import choose, column, digits, identifier, timestamps

RATES = np.array([0.95, 0.43, 0.095, 0.03, 0.17])
"""Encounters per person and year by class. Emergency: 42.7 per 100 persons (NHAMCS 2021). Inpatient: 35.4
million stays (HCUP NIS 2019), less readmissions and stays that end in death, which are added below.
Ambulatory: 41 visits to outpatient departments per 100 persons (NHAMCS 2011) and a sixth (an estimate) of the
321 office visits (NAMCS 2019). Observation and virtual: estimates."""

INPATIENT_BY_AGE = np.array([0.9, 0.3, 0.7, 0.8, 0.75, 0.95, 1.2, 1.8, 2.6, 3.4])
"""Relative number of inpatient and observation stays by decade of age: an estimate.

Other classes depend on age half as much.
"""

READMITTED = 0.14
"""Share of stays followed by another stay within 30 days, all causes (HCUP Statistical Brief 278, 2018)."""

STAY_MEDIAN_DAYS, STAY_SIGMA = 3.1, 0.90
"""Median and log-normal spread of inpatient stays: mean 4.6 days, median 3 (HCUP NIS 2019)."""

MINUTES = {AMB: (35, 0.4), EMER: (160, 0.6), OBSENC: (1500, 0.35), VR: (20, 0.35)}
"""Median minutes and log-normal spread by class; EMER has the median of CMS OP-18, 160 minutes."""

COSTS = {AMB: (260, 0.7), EMER: (620, 0.8), IMP: (2400, 0.5), OBSENC: (2500, 0.5), VR: (90, 0.4)}
"""Median dollars and log-normal spread by class; for IMP, per day (HCUP 2019: about $14,000 a stay)."""

LONGEST_STAY = 180

CANDIDATES = 4
"""Number of dates drawn per readmission, one of which is chosen by the weekday pattern of admissions."""


@dataclass
class Stays:
    """Encounters of one block, ordered by patient and time; times are UTC seconds since 1970-01-01."""

    clock: Clock
    who: Any
    start: Any
    end: Any
    kind: Any
    diagnosis: Any
    provider: Any
    expired: Any
    cost: Any


def draw(rng: np.random.Generator, options: Options, people: People, pool: Pools) -> Stays:
    """Draw all encounters of a whole block.

    For a patient who dies in hospital, move the date of death in `people` to the end of the last stay.
    """
    first, last = day_of(options.start), day_of(options.end)
    time = clock(options.time_zone, first, last + LONGEST_STAY + 1)
    who, local, kind = _arrivals(rng, people, first, last)
    diagnosis = _diagnoses(rng, people, who, local, kind)
    start = time.to_utc(local)
    end = _ends(rng, start, kind, diagnosis)
    again = _readmissions(rng, time, people, who, end, kind, diagnosis)
    final = _final_stays(rng, time, people, first)
    drawn = (who, start, end, kind, diagnosis)
    joined = [np.concatenate(parts) for parts in zip(drawn, again, final, strict=True)]
    end_of_period = time.to_utc(np.array([(last + 1) * DAY]))[0]
    order = np.lexsort((joined[1], joined[0]))
    order = order[joined[2][order] < end_of_period]
    who, start, end, kind, diagnosis = (values[order] for values in joined)
    keep = _without_overlap(who, start, end)
    who, start, end, kind, diagnosis = (values[keep] for values in (who, start, end, kind, diagnosis))
    expired = _deaths(people, time, who, start, end, kind)
    keep = expired | _leaves_alive(people, time, who, end)
    who, start, end, kind, diagnosis, expired = (
        values[keep] for values in (who, start, end, kind, diagnosis, expired)
    )
    provider = _providers(rng, pool, diagnosis)
    return Stays(time, who, start, end, kind, diagnosis, provider, expired, _costs(rng, kind, end - start))


def _arrivals(rng: np.random.Generator, people: People, first: int, last: int) -> tuple[Any, Any, Any]:
    """Draw patient, local time and class of the encounters of a period, without readmissions."""
    years = (last - first + 1) / YEAR
    decade = np.clip(((first - people.birth_day) / YEAR / 10).astype(int), 0, 9)
    steep = INPATIENT_BY_AGE[decade] / INPATIENT_BY_AGE[decade].mean()
    parts = []
    for kind in range(len(CLASSES)):
        shape = steep if kind in {IMP, OBSENC} else (1 + steep) / 2
        frailty = rng.gamma(1.5, 1 / 1.5, BLOCK)
        number = rng.poisson(RATES[kind] * years * shape * frailty)
        who = np.repeat(np.arange(BLOCK), number)
        parts.append((who, arrivals.draw(rng, kind, first, last, len(who)), np.full(len(who), kind)))
    who, local, kinds = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return who, local, kinds


def _diagnoses(rng: np.random.Generator, people: People, who: Any, local: Any, kind: Any) -> Any:
    day = local // DAY
    month = day.astype("datetime64[D]").astype("datetime64[M]").astype(int) % 12
    return illness.draw(rng, kind, people.age_at(who, day), people.is_female[who], month)


def _ends(rng: np.random.Generator, start: Any, kind: Any, diagnosis: Any) -> Any:
    n = len(start)
    factor = np.array([d.stay_factor for d in diagnoses()])[np.minimum(diagnosis, len(diagnoses()) - 1)]
    normal = rng.standard_normal(n)
    stay = STAY_MEDIAN_DAYS * np.exp(STAY_SIGMA * normal) * factor**0.5 * DAY
    seconds = np.where(kind == IMP, np.clip(stay, 6 * 3600, LONGEST_STAY * DAY), 0.0)
    for each, (median, spread) in MINUTES.items():
        limit = {AMB: 8, EMER: 48, OBSENC: 60, VR: 3}[each] * 3600
        length = np.minimum(median * 60 * np.exp(spread * normal), limit)
        seconds = np.where(kind == each, length, seconds)
    return start + (np.maximum(seconds, 600) // 60 * 60).astype(np.int64)


def _readmissions(
    rng: np.random.Generator, time: Clock, people: People, who: Any, end: Any, kind: Any, diagnosis: Any
) -> tuple[Any, ...]:
    """Draw readmissions within 30 days of a stay, mostly for the same diagnosis."""
    stays = np.flatnonzero(kind == IMP)
    back = stays[rng.random(len(stays)) < READMITTED]
    delay = 2 + np.minimum(rng.exponential(9.0, (len(back), CANDIDATES)), 27).astype(np.int64)
    day = arrivals.keep_pattern(rng, IMP, time.local_day(end[back])[:, None] + delay)
    local = day * DAY + arrivals.draw_seconds(rng, IMP, len(back))
    again = np.full(len(back), IMP)
    other = _diagnoses(rng, people, who[back], local, again)
    cause = np.where(rng.random(len(back)) < 0.6, diagnosis[back], other)
    start = time.to_utc(local)
    return who[back], start, _ends(rng, start, again, cause), again, cause


def _final_stays(rng: np.random.Generator, time: Clock, people: People, first: int) -> tuple[Any, ...]:
    """Draw the stays in which patients die.

    They end on the day of death. Stays that would begin before the period are left out."""
    who = np.flatnonzero((people.death_day >= 0) & people.dies_in_hospital)
    kind = np.full(len(who), IMP)
    end = time.to_utc(people.death_day[who] * DAY + rng.integers(0, DAY // 60, len(who)) * 60)
    diagnosis = _diagnoses(rng, people, who, people.death_day[who] * DAY, kind)
    start = 2 * end - _ends(rng, end, kind, diagnosis)
    inside = time.local_day(start) >= first
    return tuple(values[inside] for values in (who, start, end, kind, diagnosis))


def _without_overlap(who: Any, start: Any, end: Any) -> Any:
    """Return a mask of the encounters that begin after the end of all earlier ones of the patient."""
    if not len(who):
        return np.zeros(0, dtype=bool)
    far = 1 << 40
    latest = np.maximum.accumulate(end + who * far)
    before = np.concatenate([[-1], latest[:-1]])
    return start + who * far > before


def _deaths(people: People, time: Clock, who: Any, start: Any, end: Any, kind: Any) -> Any:
    """Return a mask of the stays that end in death.

    For a patient who dies in hospital, that is the last inpatient stay that begins on or before the date of
    death; that date is moved to the end of the stay."""
    stays = np.flatnonzero((kind == IMP) & people.dies_in_hospital[who] & (people.death_day[who] >= 0))
    expired = np.zeros(len(who), dtype=bool)
    stays = stays[time.local_day(start[stays]) <= people.death_day[who[stays]]]
    last = {int(who[i]): int(i) for i in stays}  # the last stay of a patient replaces earlier ones
    for patient, index in last.items():
        expired[index] = True
        people.death_day[patient] = time.local_day(end[index])
    return expired


def _leaves_alive(people: People, time: Clock, who: Any, end: Any) -> Any:
    """Return whether each encounter ends before the patient's date of death, by both local and UTC date."""
    dead = people.death_day[who]
    return (dead < 0) | (np.maximum(time.local_day(end), end // DAY) < dead)


def _providers(rng: np.random.Generator, pool: Pools, diagnosis: Any) -> Any:
    """Draw a provider of the diagnosis's specialty."""
    members = [pool.by_specialty[d.department] for d in diagnoses()]
    sizes = np.array([len(each) for each in members])
    begins = np.cumsum(sizes) - sizes
    chosen = (rng.random(len(diagnosis)) * sizes[diagnosis]).astype(int)
    return np.concatenate(members)[begins[diagnosis] + chosen]


def _costs(rng: np.random.Generator, kind: Any, seconds: Any) -> Any:
    median = np.array([COSTS[each][0] for each in range(len(CLASSES))])[kind]
    spread = np.array([COSTS[each][1] for each in range(len(CLASSES))])[kind]
    days = np.where(kind == IMP, np.maximum(1.0, seconds / DAY), 1.0)
    return np.round(median * np.exp(spread * rng.standard_normal(len(kind))) * days, 2)


def table(
    stays: Stays, people: People, rng: np.random.Generator, pool: Pools
) -> tuple[pa.Table, tuple[Any, Any]]:
    """Return the encounters as bronze rows, and the patient number and ordinal of each encounter."""
    n = len(stays.who)
    listed = diagnoses()
    number = people.first_index + stays.who + 1
    ordinal = _ordinal(stays.who)
    home = rng.random(n)
    disposition = np.where(
        stays.expired, 5, np.where(stays.kind == IMP, np.searchsorted([0.72, 0.88, 0.93, 0.96], home), 0)
    )
    department = np.where(stays.kind == EMER, -1, stays.diagnosis)
    names = pa.array([*(d.department for d in listed), "Emergency medicine"], pa.string())
    written = stays.end + rng.integers(1, 20, n) * 600
    table_ = pa.table(
        {
            "encounter_id": column(f"E{people.tag}", digits(number, 8), "-", digits(ordinal, 3)),
            "patient_id": identifier(f"P{people.tag}", number),
            "provider_npi": pool.provider_npi.take(pa.array(stays.provider)),
            "provider_name": pool.provider_name.take(pa.array(stays.provider)),
            "provider_specialty": pool.provider_specialty.take(pa.array(stays.provider)),
            "department": names.take(pa.array(np.where(department < 0, len(listed), department))),
            "encounter_class": choose(CLASSES, stays.kind),
            "admitted_at": timestamps(stays.start),
            "discharged_at": timestamps(stays.end),
            "diagnosis_code": choose(tuple(d.code for d in listed), stays.diagnosis),
            "diagnosis_code_system": pa.array(["ICD-10-CM"] * n, pa.string()),
            "diagnosis_description": choose(tuple(d.description for d in listed), stays.diagnosis),
            "discharge_disposition": choose(
                ("home", "snf", "hospice", "other", "ama", "expired"), disposition
            ),
            "total_cost": _money(stays.cost),
            "updated_at": timestamps(written),
        }
    )
    return table_, (number, ordinal)


def _ordinal(who: Any) -> Any:
    """Return 1, 2, 3 … within each patient; `who` is sorted."""
    if not len(who):
        return who
    first = np.concatenate([[True], who[1:] != who[:-1]])
    starts = np.flatnonzero(first)
    return np.arange(len(who)) - np.repeat(starts, np.diff(np.append(starts, len(who)))) + 1


def _money(values: Any) -> pa.Array:
    cents = np.round(values * 100).astype(np.int64)
    whole = pa.array(cents // 100).cast(pa.string())
    return pc.binary_join_element_wise(whole, column(digits(cents % 100, 2)), ".")
