"""Functions that change a row to seed a defect.

A defect that a rule detects by comparison with a deceased patient, or with the encounter of an
administration, is seeded only if the row of that patient or encounter is clean, so that each defect is
detected on its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np

from pipeline.reference import formulary

Row = dict[str, str | None]
Change = Callable[[Row, "Context"], bool]
"""Function that changes a row in place; it returns False if this row cannot have the defect."""


@dataclass
class Context:
    """Input of a change: random stream, previous clean row, dates of death by patient, changed encounters."""

    rng: np.random.Generator
    previous: Row | None
    deaths: dict[str, str]
    changed_encounters: set[str]


def replace(column: str, value: str | Callable[[Row, Context], str | None] | None) -> Change:
    def change(row: Row, context: Context) -> bool:
        new = value(row, context) if callable(value) else value
        if not row.get(column) or new == row[column]:
            return False
        row[column] = new
        return True

    return change


def first_possible(*changes: Change) -> Change:
    return lambda row, context: any(change(row, context) for change in changes)


def _key_of(row: Row) -> str:
    return next(column for column in ("administration_id", "encounter_id", "patient_id") if column in row)


def missing_key(row: Row, _: Context) -> bool:
    row[_key_of(row)] = None
    return True


def changed_content(row: Row, _: Context) -> bool:
    column = {"patient_id": "city", "encounter_id": "department", "administration_id": "medication_name"}[
        _key_of(row)
    ]
    row[column] = f"{row[column]} (2)"
    return True


def swap_dates(row: Row, _: Context) -> bool:
    row["admitted_at"], row["discharged_at"] = row["discharged_at"], row["admitted_at"]
    return True


def _shifted(timestamp: str, days: int) -> str:
    return (datetime.fromisoformat(timestamp) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def future_date(row: Row, _: Context) -> bool:
    if "birth_date" in row:
        row["birth_date"] = "2093-05-17"
        return True
    for column in ("admitted_at", "discharged_at", "administered_at"):
        if row.get(column):
            row[column] = _shifted(str(row[column]), 25_000)
    return bool(row.get("admitted_at") or row.get("administered_at"))


def _us_format(text: str) -> str:
    year, month, day = text[:10].split("-")
    return f"{month}/{day}/{year}{text[10:].replace('T', ' ').rstrip('Z')}"


def date_format(row: Row, _: Context) -> bool:
    column = next(c for c in ("birth_date", "admitted_at", "ordered_at") if c in row)
    row[column] = _us_format(str(row[column]))
    return True


def decimal_slip(row: Row, _: Context) -> bool:
    medication = _medications()[str(row["medication_code"])]
    dose = float(str(row["dose"]))
    while dose <= 10 * medication.usual_high:
        dose *= 10
    row["dose"] = f"{dose:g}" if dose < 1e6 else f"{dose:.0f}"
    return True


def wrong_unit(row: Row, _: Context) -> bool:
    wrong = {"mg": "g", "ug": "mg", "g": "mg", "[iU]": "mL", "meq": "mg", "mmol": "mg", "[puff]": "mg"}
    row["dose_unit"] = wrong[str(row["dose_unit"])]
    return True


def wrong_route(row: Row, _: Context) -> bool:
    routes = _medications()[str(row["medication_code"])].routes
    row["route"] = next(route for route in ("IV", "PO", "INH") if route not in routes)
    return True


def wrong_patient(row: Row, context: Context) -> bool:
    other = context.previous and context.previous["patient_id"]
    if not other or other == row["patient_id"] or not row["encounter_id"]:
        return False
    if row["encounter_id"] in context.changed_encounters:
        return False
    row["patient_id"] = other
    return True


def year_before_encounter(row: Row, context: Context) -> bool:
    if (
        not row["administered_at"]
        or not _is_administration(row)
        or row["encounter_id"] in context.changed_encounters
    ):
        return False
    row["administered_at"] = _shifted(str(row["administered_at"]), -400)
    return True


def _is_administration(row: Row) -> bool:
    return row["event_kind"] == "administration"


def missing_time(row: Row, _: Context) -> bool:
    if row["status"] != "completed" or not _is_administration(row):
        return False
    row["administered_at"] = None
    return True


def after_death(row: Row, context: Context) -> bool:
    death = context.deaths.get(str(row["patient_id"]))
    if death is None:
        return False
    stay = datetime.fromisoformat(str(row["discharged_at"])) - datetime.fromisoformat(str(row["admitted_at"]))
    admitted = datetime.fromisoformat(f"{death}T10:00:00+00:00") + timedelta(days=45)
    row["admitted_at"] = admitted.strftime("%Y-%m-%dT%H:%M:%SZ")
    row["discharged_at"] = (admitted + stay).strftime("%Y-%m-%dT%H:%M:%SZ")
    return True


def shared_mrn(row: Row, context: Context) -> bool:
    other = context.previous
    if not other or other["patient_id"] == row["patient_id"]:
        return False
    row["mrn"] = other["mrn"]
    return True


def wrong_state(row: Row, _: Context) -> str:
    return "AK" if row["state"] != "AK" else "FL"


def wrong_check_digit(row: Row, _: Context) -> str:
    text = str(row["provider_npi"])
    return text[:-1] + str((int(text[-1]) + 1) % 10)


def death_before_birth(row: Row, _: Context) -> bool:
    born = date.fromisoformat(str(row["birth_date"]))
    row["death_date"] = (born - timedelta(days=200)).isoformat()
    return True


def unchanged(_: Row, __: Context) -> bool:
    return True


def missing_reference(row: Row, _: Context) -> str | None:
    return "E99999999-999" if "administration_id" in row else row["encounter_id"]


def in_18th_century(row: Row, _: Context) -> str:
    return f"17{str(row['birth_date'])[2:]}"


def prefixed_code(row: Row, _: Context) -> str:
    return f"RX{row['medication_code']}"


def garbled_name(row: Row, _: Context) -> str:
    name = str(row["last_name"])
    return f"{name[:2]}Ã©{name[2:]}"


def capitals_and_spaces(row: Row, _: Context) -> str:
    return f"  {str(row['last_name']).upper()} "


def negative_cost(row: Row, _: Context) -> str:
    return f"-{row['total_cost']}"


@cache
def _medications() -> dict[str, Any]:
    return {medication.code: medication for medication in formulary()}
