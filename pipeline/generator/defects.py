"""Damage as real extracts have it, and the answer key that tells every damaged cell.

A kind changes one row and names the rule that is expected to catch it. Rows that other rows' rules lean on (the
patient of a death, the encounter of an administration) are left whole, so that each line of the key can be judged
on its own.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.generator import BadOptions, Options
from pipeline.reference import formulary

Row = dict[str, str | None]
Change = Callable[[Row, "Surroundings"], bool]
"""Damages the row; False where this row cannot be damaged so."""

KEYS = {"patients": "patient_id", "encounters": "encounter_id", "medications": "administration_id"}
KEY_COLUMNS = ("table", "row", "key", "column", "kind", "before", "after", "rule_id")
WHOLE_ROW = "*"
"""In the place of a column: the row as a whole is the damage (a repeat, a shift)."""


@dataclass
class Surroundings:
    """What a change may look at: a random stream, the clean rows before, deaths, encounters that were damaged."""

    rng: np.random.Generator
    before: Row | None
    deaths: dict[str, str]
    damaged_encounters: set[str]


@dataclass(frozen=True)
class Kind:
    """One way of damage; `rules` names by table the rule that catches it."""

    name: str
    words: str
    rules: dict[str, str]
    change: Change
    inserts: bool = field(default=False)
    shifts: bool = field(default=False)


@dataclass(frozen=True)
class Defect:
    """One damaged cell: one line of the answer key; `row` counts the file's data rows from 1."""

    table: str
    row: int
    key: str
    column: str
    kind: str
    before: str
    after: str
    rule_id: str


def _set(column: str, value: str | Callable[[Row, Surroundings], str | None] | None) -> Change:
    def change(row: Row, around: Surroundings) -> bool:
        new = value(row, around) if callable(value) else value
        if not row.get(column) or new == row[column]:
            return False
        row[column] = new
        return True

    return change


def _first(*changes: Change) -> Change:
    return lambda row, around: any(change(row, around) for change in changes)


def _key_of(row: Row) -> str:
    return next(column for column in ("administration_id", "encounter_id", "patient_id") if column in row)


def _missing_key(row: Row, _: Surroundings) -> bool:
    row[_key_of(row)] = None
    return True


def _other_content(row: Row, _: Surroundings) -> bool:
    column = {"patient_id": "city", "encounter_id": "department", "administration_id": "medication_name"}[
        _key_of(row)
    ]
    row[column] = f"{row[column]} (2)"
    return True


def _swap(row: Row, _: Surroundings) -> bool:
    row["admitted_at"], row["discharged_at"] = row["discharged_at"], row["admitted_at"]
    return True


def _moved(moment: str, days: int) -> str:
    return (datetime.fromisoformat(moment) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _future(row: Row, _: Surroundings) -> bool:
    if "birth_date" in row:
        row["birth_date"] = "2093-05-17"
        return True
    for column in ("admitted_at", "discharged_at", "administered_at"):
        if row.get(column):
            row[column] = _moved(str(row[column]), 25_000)
    return bool(row.get("admitted_at") or row.get("administered_at"))


def _american(text: str) -> str:
    year, month, day = text[:10].split("-")
    return f"{month}/{day}/{year}{text[10:].replace('T', ' ').rstrip('Z')}"


def _date_format(row: Row, _: Surroundings) -> bool:
    column = next(c for c in ("birth_date", "admitted_at", "ordered_at") if c in row)
    row[column] = _american(str(row[column]))
    return True


def _slip(row: Row, _: Surroundings) -> bool:
    medication = _medications()[str(row["medication_code"])]
    dose = float(str(row["dose"]))
    while dose <= 10 * medication.usual_high:
        dose *= 10
    row["dose"] = f"{dose:g}" if dose < 1e6 else f"{dose:.0f}"
    return True


def _unit(row: Row, _: Surroundings) -> bool:
    wrong = {"mg": "g", "ug": "mg", "g": "mg", "[iU]": "mL", "meq": "mg", "mmol": "mg", "[puff]": "mg"}
    row["dose_unit"] = wrong[str(row["dose_unit"])]
    return True


def _route(row: Row, _: Surroundings) -> bool:
    routes = _medications()[str(row["medication_code"])].routes
    row["route"] = next(route for route in ("IV", "PO", "INH") if route not in routes)
    return True


def _wrong_patient(row: Row, around: Surroundings) -> bool:
    other = around.before and around.before["patient_id"]
    if not other or other == row["patient_id"] or row["encounter_id"] in around.damaged_encounters:
        return False
    row["patient_id"] = other
    return True


def _long_before(row: Row, around: Surroundings) -> bool:
    if not row["administered_at"] or row["encounter_id"] in around.damaged_encounters:
        return False
    row["administered_at"] = _moved(str(row["administered_at"]), -400)
    return True


def _no_time(row: Row, _: Surroundings) -> bool:
    if row["status"] != "completed":
        return False
    row["administered_at"] = None
    return True


def _after_death(row: Row, around: Surroundings) -> bool:
    death = around.deaths.get(str(row["patient_id"]))
    if death is None:
        return False
    stay = datetime.fromisoformat(str(row["discharged_at"])) - datetime.fromisoformat(str(row["admitted_at"]))
    admitted = datetime.fromisoformat(f"{death}T10:00:00+00:00") + timedelta(days=45)
    row["admitted_at"] = admitted.strftime("%Y-%m-%dT%H:%M:%SZ")
    row["discharged_at"] = (admitted + stay).strftime("%Y-%m-%dT%H:%M:%SZ")
    return True


def _shared_mrn(row: Row, around: Surroundings) -> bool:
    other = around.before
    if not other or other["patient_id"] == row["patient_id"]:
        return False
    row["mrn"] = other["mrn"]
    return True


def _state(row: Row, _: Surroundings) -> str:
    return "AK" if row["state"] != "AK" else "FL"


def _check_digit(row: Row, _: Surroundings) -> str:
    text = str(row["provider_npi"])
    return text[:-1] + str((int(text[-1]) + 1) % 10)


def _death_before_birth(row: Row, _: Surroundings) -> bool:
    born = date.fromisoformat(str(row["birth_date"]))
    row["death_date"] = (born - timedelta(days=200)).isoformat()
    return True


def _nothing(_: Row, __: Surroundings) -> bool:
    return True


def _rules(patients: str = "", encounters: str = "", medications: str = "") -> dict[str, str]:
    named = {"patients": patients, "encounters": encounters, "medications": medications}
    return {table: rule for table, rule in named.items() if rule}


KINDS = (
    Kind("duplicate_row", "The same row twice", _rules("PAT-P01", "ENC-P01", "MED-P01"), _nothing, inserts=True),
    Kind("duplicate_key", "One key and moment with two contents", _rules("PAT-P02", "ENC-P02", "MED-P02"), _other_content, inserts=True),
    Kind("missing_key", "A row without its identifier", _rules("PAT-M01", "ENC-M01", "MED-M01"), _missing_key),
    Kind("missing_birth_date", "A patient without a date of birth", _rules("PAT-M02"), _set("birth_date", None)),
    Kind("orphan_reference", "A reference to nobody", _rules(encounters="ENC-C06", medications="MED-C06"), _first(_set("encounter_id", lambda r, _: "E99999999-999" if "administration_id" in r else r["encounter_id"]), _set("patient_id", "P99999999"))),
    Kind("swapped_dates", "Admission and discharge exchanged", _rules(encounters="ENC-P03"), _swap),
    Kind("future_date", "A date that has not come yet", _rules("PAT-P03", "ENC-P04", "MED-P09"), _future),
    Kind("impossible_age", "A patient of 230 years", _rules("PAT-P03"), _set("birth_date", lambda r, _: f"17{str(r['birth_date'])[2:]}")),
    Kind("death_before_birth", "A death before the birth", _rules("PAT-P04"), _death_before_birth),
    Kind("wrong_code_format", "A code that is not of its system", _rules(encounters="ENC-C03", medications="MED-C02"), _first(_set("diagnosis_code", "401.9"), _set("medication_code", lambda r, _: f"RX{r['medication_code']}"))),
    Kind("wrong_unit", "Grams for milligrams", _rules(medications="MED-P05"), _unit),
    Kind("decimal_slip", "A dose ten or a hundred times too high", _rules(medications="MED-P03"), _slip),
    Kind("free_text_dose", "Words in the dose", _rules(medications="MED-C03"), _set("dose", "one tablet")),
    Kind("encoding_damage", "Letters damaged by a wrong encoding", _rules("PAT-C05"), _set("last_name", lambda r, _: f"{str(r['last_name'])[:2]}Ã©{str(r['last_name'])[2:]}")),
    Kind("whitespace_and_case", "Blanks around a name in capitals", _rules("PAT-C05"), _set("last_name", lambda r, _: f"  {str(r['last_name']).upper()} ")),
    Kind("shifted_columns", "A field too many", _rules("PAT-C06", "ENC-C08", "MED-C08"), _nothing, shifts=True),
    Kind("mixed_date_format", "A date written the American way", _rules("PAT-C01", "ENC-C01", "MED-C01"), _date_format),
    Kind("test_patient", "A test patient", _rules("PAT-P05"), _set("last_name", "ZZZTEST")),
    Kind("wrong_sex_code", "A sex that is no code", _rules("PAT-C02"), _set("sex", "9")),
    Kind("wrong_state", "A state that the ZIP code does not lie in", _rules("PAT-C04"), _set("state", _state)),
    Kind("shared_mrn", "Two patients under one record number", _rules("PAT-P09"), _shared_mrn),
    Kind("wrong_class", "An unknown class of encounter", _rules(encounters="ENC-C02"), _set("encounter_class", "AMBU")),
    Kind("out_of_range_cost", "A cost below zero", _rules(encounters="ENC-P10"), _set("total_cost", lambda r, _: f"-{r['total_cost']}")),
    Kind("cost_in_words", "A cost that is no number", _rules(encounters="ENC-C07"), _set("total_cost", "n/a")),
    Kind("wrong_npi", "A provider number with a wrong check digit", _rules(encounters="ENC-C05"), _set("provider_npi", _check_digit)),
    Kind("deceased_then_seen", "An encounter weeks after the patient's death", _rules(encounters="ENC-P05"), _after_death),
    Kind("missing_time", "A completed administration without a time", _rules(medications="MED-M02"), _no_time),
    Kind("wrong_route", "A route that the form does not allow", _rules(medications="MED-P11"), _route),
    Kind("unknown_route", "A route that is no code", _rules(medications="MED-C04"), _set("route", "BY HAND")),
    Kind("unknown_status", "A status that is no code", _rules(medications="MED-C05"), _set("status", "GIVEN?")),
    Kind("wrong_patient", "An administration charted on another patient", _rules(medications="MED-C07"), _wrong_patient),
    Kind("outside_encounter", "An administration a year before its encounter", _rules(medications="MED-P06"), _long_before),
)  # fmt: skip


def chosen(options: Options) -> tuple[Kind, ...]:
    """The kinds that the options ask for; all where they name none."""
    known = {kind.name: kind for kind in KINDS}
    unknown = [name for name in options.defects if name not in known]
    if unknown:
        raise BadOptions(f"There is no kind of defect '{unknown[0]}'; there are {', '.join(known)}.")
    return tuple(known[name] for name in options.defects) or KINDS


@cache
def _medications() -> dict[str, Any]:
    return {medication.code: medication for medication in formulary()}


def damage(
    table: str, clean: pa.Table, kinds: Sequence[Kind], rate: float, around: Surroundings
) -> tuple[list[tuple[int, list[str]]], list[Defect], set[str]]:
    """Damage about `rate` of the rows.

    Gives the replacements (clean position, the CSV lines that stand in its place), the answer key with rows counted
    within this block, and the keys of the rows that were damaged.
    """
    usable = [kind for kind in kinds if table in kind.rules]
    hit = np.flatnonzero(around.rng.random(clean.num_rows) < rate)
    if not usable or not len(hit):
        return [], [], set()
    rows = clean.take(pa.array(hit)).to_pylist()
    before = clean.take(pa.array(np.maximum(hit - 1, 0))).to_pylist()
    replaced: list[tuple[int, list[str]]] = []
    key: list[Defect] = []
    touched, inserted = set(), 0
    for position, row, earlier in zip(hit.tolist(), rows, before, strict=True):
        if table == "patients" and row["patient_id"] in around.deaths:
            continue
        around.before = earlier if position else None
        done = _one(row, usable, around)
        if done is None:
            continue
        kind, damaged = done
        inserted += kind.inserts
        number = position + 1 + inserted
        lines = [to_line(row.values())] if kind.inserts else []
        lines.append(to_line(_shifted(damaged.values()) if kind.shifts else damaged.values()))
        replaced.append((position, lines))
        name = str(row[KEYS[table]])
        touched.add(name)
        changed = [column for column in row if row[column] != damaged[column]] or [WHOLE_ROW]
        key += [
            Defect(
                table,
                number,
                name,
                column,
                kind.name,
                row.get(column) or "",
                damaged.get(column) or "",
                kind.rules[table],
            )
            for column in changed
        ]
    return replaced, key, touched


def _one(row: Row, usable: Sequence[Kind], around: Surroundings) -> tuple[Kind, Row] | None:
    order = around.rng.permutation(len(usable)).tolist()
    rare = [n for n in order if usable[n].name == "deceased_then_seen"]
    for number in [*rare, *order]:
        kind, damaged = usable[number], dict(row)
        if kind.change(damaged, around):
            return kind, damaged
    return None


def _shifted(values: Iterable[str | None]) -> list[str | None]:
    listed = list(values)
    return [*listed[:2], "", *listed[2:]]


def to_line(values: Iterable[str | None]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow("" if value is None else value for value in values)
    return buffer.getvalue()
