"""Seed defects as real extracts have them, and list every changed cell as ground truth.

A kind of defect changes one row and names the rule that must catch it. Rows that the rules of other rows depend on
(the patient of a death, the encounter of an administration) stay clean, so that each defect is detected on its own.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pipeline.data_generator import BadOptions, Options
from pipeline.reference import formulary

Row = dict[str, str | None]
Change = Callable[[Row, "Surroundings"], bool]
"""Change the row in place; return False if this row cannot have this defect."""

KEYS = {"patients": "patient_id", "encounters": "encounter_id", "medications": "administration_id"}
WHOLE_ROW = "*"
"""Column name of a defect that concerns the whole row: a duplicate, or shifted columns."""


@dataclass
class Surroundings:
    """Context of a change: random stream, previous clean row, dates of death, encounters that have a defect."""

    rng: np.random.Generator
    before: Row | None
    deaths: dict[str, str]
    changed_encounters: set[str]


@dataclass(frozen=True)
class Kind:
    """One kind of defect; `rules` names the rule that catches it, by table."""

    name: str
    label: str
    rules: dict[str, str]
    change: Change
    inserts: bool = field(default=False)
    shifts: bool = field(default=False)


class Defect(NamedTuple):
    """One changed cell: one line of the ground truth; `row` counts the data rows of the file from 1."""

    table: str
    row: int
    key: str
    column: str
    kind: str
    before: str
    after: str
    rule_id: str


TRUTH_COLUMNS = Defect._fields


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
    if not other or other == row["patient_id"] or row["encounter_id"] in around.changed_encounters:
        return False
    row["patient_id"] = other
    return True


def _long_before(row: Row, around: Surroundings) -> bool:
    if not row["administered_at"] or row["encounter_id"] in around.changed_encounters:
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
    Kind("duplicate_row", "A duplicate row", _rules("PAT-P01", "ENC-P01", "MED-P01"), _nothing, inserts=True),
    Kind("duplicate_key", "Same key and timestamp, different content", _rules("PAT-P02", "ENC-P02", "MED-P02"), _other_content, inserts=True),
    Kind("missing_key", "A row without its identifier", _rules("PAT-M01", "ENC-M01", "MED-M01"), _missing_key),
    Kind("missing_birth_date", "A patient without a date of birth", _rules("PAT-M02"), _set("birth_date", None)),
    Kind("orphan_reference", "A reference to a missing patient or encounter", _rules(encounters="ENC-C06", medications="MED-C06"), _first(_set("encounter_id", lambda r, _: "E99999999-999" if "administration_id" in r else r["encounter_id"]), _set("patient_id", "P99999999"))),
    Kind("swapped_dates", "Admission and discharge swapped", _rules(encounters="ENC-P03"), _swap),
    Kind("future_date", "A date in the future", _rules("PAT-P03", "ENC-P18", "MED-P09"), _future),
    Kind("impossible_age", "A patient of 230 years", _rules("PAT-P03"), _set("birth_date", lambda r, _: f"17{str(r['birth_date'])[2:]}")),
    Kind("death_before_birth", "A death before the birth", _rules("PAT-P04"), _death_before_birth),
    Kind("wrong_code_format", "A code in the wrong format", _rules(encounters="ENC-C03", medications="MED-C02"), _first(_set("diagnosis_code", "401.9"), _set("medication_code", lambda r, _: f"RX{r['medication_code']}"))),
    Kind("wrong_unit", "The wrong dose unit", _rules(medications="MED-P05"), _unit),
    Kind("decimal_slip", "A dose ten or a hundred times too high", _rules(medications="MED-P03"), _slip),
    Kind("free_text_dose", "Text in the dose", _rules(medications="MED-C03"), _set("dose", "one tablet")),
    Kind("encoding_damage", "Letters garbled by a wrong encoding", _rules("PAT-C05"), _set("last_name", lambda r, _: f"{str(r['last_name'])[:2]}Ã©{str(r['last_name'])[2:]}")),
    Kind("whitespace_and_case", "Spaces around a name in capitals", _rules("PAT-C05"), _set("last_name", lambda r, _: f"  {str(r['last_name']).upper()} ")),
    Kind("shifted_columns", "Columns shifted by an extra field", _rules("PAT-C06", "ENC-C08", "MED-C08"), _nothing, shifts=True),
    Kind("mixed_date_format", "A date in US format", _rules("PAT-C01", "ENC-C01", "MED-C01"), _date_format),
    Kind("test_patient", "A test patient", _rules("PAT-P05"), _set("last_name", "ZZZTEST")),
    Kind("wrong_sex_code", "An invalid sex code", _rules("PAT-C02"), _set("sex", "9")),
    Kind("wrong_state", "A state that does not match the ZIP code", _rules("PAT-C04"), _set("state", _state)),
    Kind("shared_mrn", "One medical record number for two patients", _rules("PAT-P09"), _shared_mrn),
    Kind("wrong_class", "An unknown encounter class", _rules(encounters="ENC-C02"), _set("encounter_class", "AMBU")),
    Kind("out_of_range_cost", "A negative cost", _rules(encounters="ENC-P10"), _set("total_cost", lambda r, _: f"-{r['total_cost']}")),
    Kind("cost_in_words", "A cost that is not a number", _rules(encounters="ENC-C07"), _set("total_cost", "to be billed")),
    Kind("wrong_npi", "An NPI with a wrong check digit", _rules(encounters="ENC-C05"), _set("provider_npi", _check_digit)),
    Kind("deceased_then_seen", "An encounter weeks after the patient's death", _rules(encounters="ENC-P05"), _after_death),
    Kind("missing_time", "A completed administration without a time", _rules(medications="MED-M02"), _no_time),
    Kind("wrong_route", "A route that does not fit the dose form", _rules(medications="MED-P11"), _route),
    Kind("unknown_route", "An unknown route code", _rules(medications="MED-C04"), _set("route", "BY HAND")),
    Kind("unknown_status", "An unknown status code", _rules(medications="MED-C05"), _set("status", "GIVEN?")),
    Kind("wrong_patient", "An administration charted on another patient", _rules(medications="MED-C07"), _wrong_patient),
    Kind("outside_encounter", "An administration a year before its encounter", _rules(medications="MED-P06"), _long_before),
)  # fmt: skip


def chosen(options: Options) -> tuple[Kind, ...]:
    """Return the kinds of defects that the options name; all kinds if they name none."""
    known = {kind.name: kind for kind in KINDS}
    unknown = [name for name in options.defects if name not in known]
    if unknown:
        raise BadOptions(f"Unknown kind of defect '{unknown[0]}'. Choose from {', '.join(known)}.")
    return tuple(known[name] for name in options.defects) or KINDS


@cache
def _medications() -> dict[str, Any]:
    return {medication.code: medication for medication in formulary()}


def seed(
    table: str, clean: pa.Table, kinds: Sequence[Kind], rate: float, around: Surroundings
) -> tuple[list[tuple[int, str]], list[Defect], set[str]]:
    """Give about `rate` of the rows a defect.

    Return the replacements (position of the clean row, its new CSV lines), the ground truth with rows counted within
    this block, and the keys of the changed rows.
    """
    usable = [kind for kind in kinds if table in kind.rules]
    hit = np.flatnonzero(around.rng.random(clean.num_rows) < rate)
    if not usable or not len(hit):
        return [], [], set()
    rows = clean.take(pa.array(hit)).to_pylist()
    before = clean.take(pa.array(np.maximum(hit - 1, 0))).to_pylist()
    replaced: list[tuple[int, str]] = []
    truth: list[Defect] = []
    changed_keys, inserted = set(), 0
    for position, row, earlier in zip(hit.tolist(), rows, before, strict=True):
        if table == "patients" and row["patient_id"] in around.deaths:
            continue
        around.before = earlier if position else None
        done = _one(row, usable, around)
        if done is None:
            continue
        kind, changed = done
        inserted += kind.inserts
        replaced.append((position, _lines(kind, row, changed)))
        changed_keys.add(str(row[KEYS[table]]))
        truth += _cells(table, position + 1 + inserted, kind, row, changed)
    return replaced, truth, changed_keys


def _one(row: Row, usable: Sequence[Kind], around: Surroundings) -> tuple[Kind, Row] | None:
    """Apply the first kind that fits, in random order; a rare kind is tried first."""
    order = around.rng.permutation(len(usable)).tolist()
    rare = [n for n in order if usable[n].name == "deceased_then_seen"]
    for number in [*rare, *order]:
        kind, changed = usable[number], dict(row)
        if kind.change(changed, around):
            return kind, changed
    return None


def _lines(kind: Kind, row: Row, changed: Row) -> str:
    values = list(changed.values())
    if kind.shifts:
        values.insert(2, "")
    lines = [row.values(), values] if kind.inserts else [values]
    return "".join(map(to_line, lines))


def _cells(table: str, number: int, kind: Kind, row: Row, changed: Row) -> Iterator[Defect]:
    key, rule_id = str(row[KEYS[table]]), kind.rules[table]
    for column in [column for column in row if row[column] != changed[column]] or [WHOLE_ROW]:
        before, after = row.get(column) or "", changed.get(column) or ""
        yield Defect(table, number, key, column, kind.name, before, after, rule_id)


def to_line(values: Iterable[str | None]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow("" if value is None else value for value in values)
    return buffer.getvalue()
