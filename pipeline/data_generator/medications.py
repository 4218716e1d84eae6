"""The medication administrations of one block: medication, dose, times and status."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data_generator.classes import AMB, EMER, IMP, OBSENC, VR
from pipeline.data_generator.encounters import Stays
from pipeline.data_generator.patients import People
from pipeline.data_generator.pools import Pools, diagnoses
from pipeline.data_generator.text import choose, column, digits, identifier, timestamps
from pipeline.reference import Medication, formulary

STATUSES = ("completed", "not-done", "stopped", "in-progress")
STATUS_SHARES = np.array([0.945, 0.04, 0.01, 0.005])
"""Share of each status.

About 4 % of doses are missed or refused (Poon et al., NEJM 2010, BCMA); the rest is an estimate.
"""

ORDERS = {AMB: 0.22, EMER: 0.95, IMP: 1.6, OBSENC: 1.4, VR: 0.0}
"""Mean number of different medications per encounter, by class: an estimate below that of a real ward, to
keep samples small.
"""

INTERVALS = np.array([6, 8, 12, 24])
INTERVAL_SHARES = np.array([0.2, 0.25, 0.3, 0.25])
"""Share of orders with each of the `INTERVALS`, in hours between doses: an estimate."""

FIRST_ROUND = np.array([6, 6, 9, 9])
"""Hour of the first medication round of the day for each interval: 6-12-18-24, 6-14-22, 9-21 and 9 o'clock.

The first dose follows its order, later ones the rounds (standard administration times, ISMP Acute Care
Guidelines for Timely Administration of Scheduled Medications, 2011); the hours are an estimate.
"""

STEP_SHARES = np.array([0.493, 0.345, 0.15, 0.007, 0.005])
"""Shares of five doses: low, middle and high usual dose, half the low one, one and a half times the high one.

Doses outside the usual range are those of children, renal impairment or tolerance: an estimate.
"""

LATE_MINUTES, LATE_SIGMA = 14.0, 0.9
"""Median (minutes) and log-normal spread of delays: nine in ten are within an hour (CMS 60-minute rule)."""

MAX_DOSES = 24


@cache
def _by_diagnosis() -> tuple[Any, Any]:
    """Return two arrays by diagnosis: formulary indexes of its medications, padded with -1, and how many."""
    position = {m.code: i for i, m in enumerate(formulary())}
    lists = [[position[code] for code in d.medications] for d in diagnoses()]
    width = max(len(each) for each in lists)
    padded = np.full((len(lists), width), -1)
    for row, each in enumerate(lists):
        padded[row, : len(each)] = each
    return padded, np.array([len(each) for each in lists])


@cache
def _doses() -> Any:
    """Return five doses of each medication: low, middle, high, below range, above range."""
    return np.array([_steps(m) for m in formulary()])


def _steps(medication: Medication) -> list[float]:
    low, high = medication.usual_low, medication.usual_high
    middle = min(low * 2, high) if high >= 2 * low else low
    below = low if medication.unit == "[puff]" else low / 2
    return [low, middle, high, below, high * 1.5]


def table(
    stays: Stays, numbers: tuple[Any, Any], people: People, rng: np.random.Generator, pool: Pools
) -> tuple[pa.Table, Any]:
    """Return the administrations as bronze rows, by encounter and time, and the index of each one's stay."""
    stay, drug, ordered, given_at = _schedule(rng, stays)
    n = len(stay)
    status = rng.choice(4, n, p=STATUS_SHARES)
    step = rng.choice(len(STEP_SHARES), n, p=STEP_SHARES)
    route_pick = rng.random(n)
    order = np.lexsort((drug, given_at, stay))
    stay, drug, ordered, given_at = stay[order], drug[order], ordered[order], given_at[order]
    listed = formulary()
    dose = _dose_text()[drug * len(STEP_SHARES) + step]
    routes = _routes()
    route = routes[
        drug, np.minimum((route_pick * (routes[drug] >= 0).sum(axis=1)).astype(int), routes.shape[1] - 1)
    ]
    number, ordinal = (each[stay] for each in numbers)
    sequence = np.arange(n) - np.searchsorted(stay, stay) + 1
    encounter = (digits(number, 8), "-", digits(ordinal, 3))
    not_given = pa.array(status == 1)
    rows = pa.table(
        {
            "administration_id": column(f"A{people.tag}", *encounter, "-", digits(sequence, 3)),
            "encounter_id": column(f"E{people.tag}", *encounter),
            "patient_id": identifier(f"P{people.tag}", number),
            "provider_npi": pool.provider_npi.take(pa.array(stays.provider[stay])),
            "medication_code": choose(tuple(m.code for m in listed), drug),
            "medication_code_system": pa.array(["RxNorm"] * n, pa.string()),
            "medication_name": choose(tuple(m.name for m in listed), drug),
            "dose": pa.array(dose, pa.string()),
            "dose_unit": choose(tuple(m.unit for m in listed), drug),
            "route": choose(_ROUTE_NAMES, route),
            "ordered_at": timestamps(ordered),
            "administered_at": pc.if_else(not_given, pa.scalar(None, pa.string()), timestamps(given_at)),
            "status": choose(STATUSES, status),
            "updated_at": timestamps(np.minimum(given_at + 600, stays.end[stay] + 3600)),
        }
    )
    return rows, stay


def _schedule(rng: np.random.Generator, stays: Stays) -> tuple[Any, Any, Any, Any]:
    """Draw encounter, medication, order time and administration time of every dose."""
    padded, available = _by_diagnosis()
    mean = np.array([ORDERS[kind] for kind in range(5)])[stays.kind]
    wanted = np.minimum(rng.poisson(mean), available[stays.diagnosis])
    first = rng.random(len(stays.who))
    stay = np.repeat(np.arange(len(stays.who)), wanted)
    nth = np.arange(len(stay)) - np.repeat(np.cumsum(wanted) - wanted, wanted)
    start = (first[stay] * available[stays.diagnosis[stay]]).astype(int)
    drug = padded[stays.diagnosis[stay], (start + nth) % np.maximum(available[stays.diagnosis[stay]], 1)]
    length = stays.end[stay] - stays.start[stay]
    wait = rng.random(len(stay)) * np.minimum(length * 0.3, 6 * 3600)
    ordered = stays.start[stay] + wait.astype(np.int64)
    order, due = _due(rng, stays, stay, ordered)
    room = stays.end[stay[order]] - due
    late = LATE_MINUTES * 60 * np.exp(LATE_SIGMA * rng.standard_normal(len(order)))
    late = np.minimum(late, np.maximum(60, np.minimum(room, 6 * 3600) * 0.45))
    given_at = due + late.astype(np.int64)
    inside = given_at <= stays.end[stay[order]]
    order, given_at = order[inside], given_at[inside]
    return stay[order], drug[order], ordered[order], given_at


def _due(rng: np.random.Generator, stays: Stays, stay: Any, ordered: Any) -> tuple[Any, Any]:
    """Return the order (as index) and due time of each dose: the first when ordered, others at the rounds."""
    pick = rng.choice(len(INTERVALS), len(stay), p=INTERVAL_SHARES)
    every, first_round = INTERVALS[pick] * 3600, FIRST_ROUND[pick] * 3600
    local = stays.clock.to_local(ordered)
    rounds = -((first_round - local - every // 2) // every) * every + first_round
    left = stays.clock.to_local(stays.end[stay]) - rounds
    is_long = (stays.kind[stay] == IMP) | (stays.kind[stay] == OBSENC)
    count = np.where(is_long, np.clip(left // every + 2, 1, MAX_DOSES), 1)
    order = np.repeat(np.arange(len(stay)), count)
    dose = np.arange(len(order)) - np.repeat(np.cumsum(count) - count, count)
    at_round = stays.clock.to_utc(rounds[order] + (dose - 1) * every[order])
    return order, np.where(dose == 0, ordered[order], at_round)


_ROUTE_NAMES = ("PO", "IV", "IM", "SC", "INH", "SL")


@cache
def _routes() -> Any:
    """Return the routes of each medication as indexes into `_ROUTE_NAMES`, padded with -1."""
    lists = [[_ROUTE_NAMES.index(route) for route in m.routes] for m in formulary()]
    width = max(len(each) for each in lists)
    return np.array([each + [-1] * (width - len(each)) for each in lists])


@cache
def _dose_text() -> Any:
    return np.array([f"{dose:g}" for dose in _doses().ravel()])
