"""The medication orders, administrations and dispenses of one block."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.contracts.model import load
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

REASONS = ("refused", "away", "asleep", "fasting", "held", "unavailable", "vomiting", "no access", None)
REASON_SHARES = np.array([0.3, 0.12, 0.08, 0.1, 0.2, 0.07, 0.04, 0.03, 0.06])
"""Share of each reason for a dose not given; None is not recorded. An estimate."""

SCANNED = 0.94
"""Share of doses given with a scanned barcode: just below the 95 % that Leapfrog's standard asks for."""

ORDER_STATUSES = ("completed", "stopped", "cancelled")
ORDER_STATUS_SHARES = np.array([0.95, 0.03, 0.02])
"""Share of each status of an order: an estimate."""

DISPENSED = 0.6
"""Share of ambulatory orders that the hospital's pharmacy dispenses: an estimate."""


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
    stays: Stays,
    numbers: tuple[Any, Any],
    people: People,
    streams: tuple[np.random.Generator, np.random.Generator],
    pool: Pools,
) -> tuple[pa.Table, Any]:
    """Return orders, administrations and dispenses as bronze rows, and the index of each one's stay.

    Rows are sorted by encounter. The second stream is that of orders, dispenses, reasons and scans, so that
    they do not change the administrations.
    """
    rng, more = streams
    orders, doses = _schedule(rng, stays)
    source = Source(stays, numbers, people, pool)
    given = _administrations(source, orders, doses, rng, more)
    ordered = _orders(source, orders, more)
    dispensed = _dispenses(source, orders, more)
    stay = np.concatenate([each[1] for each in (ordered, given, dispensed)])
    rows = pa.concat_tables([each[0] for each in (ordered, given, dispensed)])
    by_stay = np.argsort(stay, kind="stable")
    return rows.take(pa.array(by_stay)), stay[by_stay]


@dataclass(frozen=True)
class Source:
    """The stays of a block with their numbers (patient, ordinal), people and pools."""

    stays: Stays
    numbers: tuple[Any, Any]
    people: People
    pool: Pools

    def rows(self, prefix: str, stay: Any, drug: Any) -> dict[str, Any]:
        """Return the columns that all events have; identifiers are numbered within each stay."""
        number, ordinal = (each[stay] for each in self.numbers)
        sequence = np.arange(len(stay)) - np.searchsorted(stay, stay) + 1
        encounter, listed = (digits(number, 8), "-", digits(ordinal, 3)), formulary()
        return {
            "administration_id": column(f"{prefix}{self.people.tag}", *encounter, "-", digits(sequence, 3)),
            "encounter_id": column(f"E{self.people.tag}", *encounter),
            "patient_id": identifier(f"P{self.people.tag}", number),
            "provider_npi": self.pool.provider_npi.take(pa.array(self.stays.provider[stay])),
            "medication_code": choose(tuple(m.code for m in listed), drug),
            "medication_code_system": pa.array(["RxNorm"] * len(stay), pa.string()),
            "medication_name": choose(tuple(m.name for m in listed), drug),
            "dose_unit": choose(tuple(m.unit for m in listed), drug),
        }

    def updated_at(self, stay: Any, event: Any) -> Any:
        return timestamps(np.minimum(event + 600, self.stays.end[stay] + 3600))


@dataclass(frozen=True)
class Orders:
    """Stay, medication (index of the formulary) and time of each order."""

    stay: Any
    drug: Any
    at: Any


@dataclass(frozen=True)
class Doses:
    """Order (index), due time and time of administration of each dose."""

    order: Any
    due: Any
    given_at: Any


def _administrations(
    source: Source, orders: Orders, doses: Doses, rng: np.random.Generator, more: np.random.Generator
) -> tuple[pa.Table, Any]:
    """Return the administrations, by encounter and time, and the index of each one's stay."""
    n = len(doses.order)
    status = rng.choice(4, n, p=STATUS_SHARES)
    step = rng.choice(len(STEP_SHARES), n, p=STEP_SHARES)
    route_pick = rng.random(n)
    reason = more.choice(len(REASONS), n, p=REASON_SHARES)
    scanned = more.random(n) < SCANNED
    stay, drug = orders.stay[doses.order], orders.drug[doses.order]
    by_time = np.lexsort((drug, doses.given_at, stay))
    stay, drug, order = stay[by_time], drug[by_time], doses.order[by_time]
    due, given_at = doses.due[by_time], doses.given_at[by_time]
    is_missed = pa.array(status == 1)
    nothing = pa.scalar(None, pa.string())
    return _table(
        {
            **source.rows("A", stay, drug),
            "dose": pa.array(_dose_text()[drug * len(STEP_SHARES) + step], pa.string()),
            "route": choose(_ROUTE_NAMES, _route(drug, route_pick)),
            "ordered_at": timestamps(orders.at[order]),
            "administered_at": pc.if_else(is_missed, nothing, timestamps(given_at)),
            "status": choose(STATUSES, status),
            "updated_at": source.updated_at(stay, given_at),
            "event_kind": pa.array(["administration"] * n, pa.string()),
            "due_at": timestamps(due),
            "reason_not_given": pc.if_else(is_missed, choose(REASONS, reason), nothing),
            "barcode_scanned": pc.if_else(is_missed, nothing, choose(("false", "true"), scanned.astype(int))),
        }
    ), stay


def _orders(source: Source, orders: Orders, more: np.random.Generator) -> tuple[pa.Table, Any]:
    """Return a row for each order and the index of its stay."""
    status = more.choice(len(ORDER_STATUSES), len(orders.stay), p=ORDER_STATUS_SHARES)
    updated_at = source.updated_at(orders.stay, orders.at)
    common = _of_orders(source, "order", orders, more)
    return _table({**common, "status": choose(ORDER_STATUSES, status), "updated_at": updated_at}), orders.stay


def _dispenses(source: Source, orders: Orders, more: np.random.Generator) -> tuple[pa.Table, Any]:
    """Return the dispenses of some ambulatory orders, by a pharmacy that does not know the encounter."""
    kept = (more.random(len(orders.stay)) < DISPENSED) & (source.stays.kind[orders.stay] == AMB)
    orders = Orders(orders.stay[kept], orders.drug[kept], orders.at[kept])
    longest = source.stays.end[orders.stay] + 1800 - orders.at
    handed_over = orders.at + (more.random(len(longest)) * longest).astype(np.int64)
    rows = {
        **_of_orders(source, "dispense", orders, more),
        "encounter_id": pa.nulls(len(longest), pa.string()),
        "administered_at": timestamps(handed_over),
        "status": pa.array(["completed"] * len(longest), pa.string()),
        "updated_at": source.updated_at(orders.stay, handed_over),
    }
    return _table(rows), orders.stay


def _of_orders(source: Source, kind: str, orders: Orders, more: np.random.Generator) -> dict[str, Any]:
    """Return the columns that orders and dispenses have, with the middle usual dose."""
    return {
        **source.rows(kind[0].upper(), orders.stay, orders.drug),
        "dose": pa.array(_dose_text()[orders.drug * len(STEP_SHARES) + 1], pa.string()),
        "route": choose(_ROUTE_NAMES, _route(orders.drug, more.random(len(orders.stay)))),
        "ordered_at": timestamps(orders.at),
        "event_kind": pa.array([kind] * len(orders.stay), pa.string()),
    }


_COLUMNS = tuple(column.name for column in load("bronze", "medications").data_columns)


def _table(columns: dict[str, Any]) -> pa.Table:
    """Return the columns in the order of the bronze contract; missing ones are empty."""
    n = len(columns["administration_id"])
    return pa.table({name: columns.get(name, pa.nulls(n, pa.string())) for name in _COLUMNS})


def _route(drug: Any, pick: Any) -> Any:
    """Return one of each medication's routes as an index into `_ROUTE_NAMES`, by a number from 0 to 1."""
    routes = _routes()
    last = (routes[drug] >= 0).sum(axis=1)
    return routes[drug, np.minimum((pick * last).astype(int), routes.shape[1] - 1)]


def _schedule(rng: np.random.Generator, stays: Stays) -> tuple[Orders, Doses]:
    """Draw encounter, medication and time of every order, and due and administration time of its doses."""
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
    return Orders(stay, drug, ordered), Doses(order[inside], due[inside], given_at[inside])


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
