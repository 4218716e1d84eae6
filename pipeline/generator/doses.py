"""One block's medication administrations: which, how much, how often, at what times, with what outcome."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.generator.people import People, choose, identifier, moments
from pipeline.generator.pools import Pools, diagnoses
from pipeline.generator.stays import AMB, EMER, IMP, OBSENC, VR, Stays
from pipeline.reference import Medication, formulary

STATUSES = ("completed", "not-done", "stopped", "in-progress")
STATUS_SHARES = np.array([0.945, 0.04, 0.01, 0.005])
"""Missed and refused doses are about 4 in 100 (BCMA studies: Poon et al., NEJM 2010, omissions); the rest is judged."""

ORDERS = {AMB: 0.22, EMER: 0.95, IMP: 2.4, OBSENC: 1.4, VR: 0.0}
"""Mean number of different medications given in an encounter of each class (judged: oral home medication is not given)."""

INTERVALS = np.array([6, 8, 12, 24])
INTERVAL_SHARES = np.array([0.2, 0.25, 0.3, 0.25])
"""Hours between doses."""

LATE_MINUTES, LATE_SIGMA = 14.0, 0.9
"""Delay of an administration, log-normal: nine in ten within an hour of its due time (CMS 60-minute rule)."""

MOST_DOSES = 24


@cache
def _by_diagnosis() -> tuple[Any, Any]:
    """Formulary positions by diagnosis, padded with -1, and how many there are."""
    position = {m.code: i for i, m in enumerate(formulary())}
    lists = [[position[code] for code in d.medications] for d in diagnoses()]
    width = max(len(each) for each in lists)
    padded = np.full((len(lists), width), -1)
    for row, each in enumerate(lists):
        padded[row, : len(each)] = each
    return padded, np.array([len(each) for each in lists])


@cache
def _doses() -> Any:
    """Three usual doses of each medication: the low end, and two steps towards the middle, as they are sold."""
    return np.array([_steps(m) for m in formulary()])


def _steps(medication: Medication) -> list[float]:
    low, high = medication.usual_low, medication.usual_high
    return [low, min(low * 2, high), high] if high >= 2 * low else [low, low, high]


def table(
    stays: Stays, encounter_ids: pa.Array, people: People, rng: np.random.Generator, pool: Pools
) -> tuple[pa.Table, Any]:
    """The administrations' rows in the order of encounter and time, and the position of each one's encounter."""
    stay, drug, ordered, moment = _schedule(rng, stays)
    n = len(stay)
    status = rng.choice(4, n, p=STATUS_SHARES)
    step = rng.choice(3, n, p=[0.5, 0.35, 0.15])
    route_pick = rng.random(n)
    order = np.lexsort((drug, moment, stay))
    stay, drug, ordered, moment = stay[order], drug[order], ordered[order], moment[order]
    listed = formulary()
    dose = _dose_text()[drug * 3 + step]
    routes = _routes()
    route = routes[
        drug, np.minimum((route_pick * (routes[drug] >= 0).sum(axis=1)).astype(int), routes.shape[1] - 1)
    ]
    number = people.first_index + stays.who[stay] + 1
    sequence = pa.array(np.arange(n) - np.searchsorted(stay, stay) + 1).cast(pa.string())
    encounter = encounter_ids.take(pa.array(stay))
    not_given = pa.array(status == 1)
    rows = pa.table(
        {
            "administration_id": pc.binary_join_element_wise(
                pc.replace_substring(encounter, "E", "A", max_replacements=1),
                pc.utf8_lpad(sequence, 3, "0"),
                "-",
            ),
            "encounter_id": encounter,
            "patient_id": identifier(f"P{people.tag}", pa.array(number)),
            "provider_npi": pool.provider_npi.take(pa.array(stays.provider[stay])),
            "medication_code": choose(tuple(m.code for m in listed), drug),
            "medication_code_system": pa.array(["RxNorm"] * n, pa.string()),
            "medication_name": choose(tuple(m.name for m in listed), drug),
            "dose": pa.array(dose, pa.string()),
            "dose_unit": choose(tuple(m.unit for m in listed), drug),
            "route": choose(_ROUTE_NAMES, route),
            "ordered_at": moments(ordered),
            "administered_at": pc.if_else(not_given, pa.scalar(None, pa.string()), moments(moment)),
            "status": choose(STATUSES, status),
            "updated_at": moments(np.minimum(moment + 600, stays.end[stay] + 3600)),
        }
    )
    return rows, stay


def _schedule(rng: np.random.Generator, stays: Stays) -> tuple[Any, Any, Any, Any]:
    """Encounter, medication, order time and administration time of every dose."""
    padded, available = _by_diagnosis()
    mean = np.array([ORDERS[kind] for kind in range(5)])[stays.kind]
    wanted = np.minimum(rng.poisson(mean), available[stays.diagnosis])
    first = rng.random(len(stays.who))
    stay = np.repeat(np.arange(len(stays.who)), wanted)
    nth = np.arange(len(stay)) - np.repeat(np.cumsum(wanted) - wanted, wanted)
    start = (first[stay] * available[stays.diagnosis[stay]]).astype(int)
    drug = padded[stays.diagnosis[stay], (start + nth) % np.maximum(available[stays.diagnosis[stay]], 1)]
    length = stays.end[stay] - stays.start[stay]
    ordered = stays.start[stay] + (rng.random(len(stay)) * np.minimum(length * 0.3, 6 * 3600)).astype(
        np.int64
    )
    every = rng.choice(INTERVALS, len(stay), p=INTERVAL_SHARES) * 3600
    room = stays.end[stay] - ordered - 120
    long_stay = np.isin(stays.kind[stay], [IMP, OBSENC])
    count = np.where(long_stay, np.clip(room // every, 1, MOST_DOSES), 1)
    order = np.repeat(np.arange(len(stay)), count)
    dose = np.arange(len(order)) - np.repeat(np.cumsum(count) - count, count)
    late = LATE_MINUTES * 60 * np.exp(LATE_SIGMA * rng.standard_normal(len(order)))
    late = np.minimum(late, np.maximum(60, np.minimum(room[order], every[order]) * 0.45))
    moment = ordered[order] + dose * every[order] + late.astype(np.int64)
    inside = moment <= stays.end[stay[order]]
    order, moment = order[inside], moment[inside]
    return stay[order], drug[order], ordered[order], moment


_ROUTE_NAMES = ("PO", "IV", "IM", "SC", "INH", "SL")


@cache
def _routes() -> Any:
    """Routes by formulary position, padded with -1."""
    lists = [[_ROUTE_NAMES.index(route) for route in m.routes] for m in formulary()]
    width = max(len(each) for each in lists)
    return np.array([each + [-1] * (width - len(each)) for each in lists])


@cache
def _dose_text() -> Any:
    return np.array([f"{dose:g}" for dose in _doses().ravel()])
