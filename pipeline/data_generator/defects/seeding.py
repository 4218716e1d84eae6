"""Seed defects into clean rows, and list every changed cell as ground truth."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from pipeline.data_generator.defects.changes import Context, Row
from pipeline.data_generator.defects.kinds import Kind

KEYS = {"patients": "patient_id", "encounters": "encounter_id", "medications": "administration_id"}
WHOLE_ROW = "*"
"""Column name of a defect that concerns the whole row: a duplicate, or shifted columns."""


class Defect(NamedTuple):
    """One changed cell, a line of the ground truth.

    `row` is the number of the data row, from 1 in each table.
    """

    table: str
    row: int
    key: str
    column: str
    kind: str
    before: str
    after: str
    rule_id: str


TRUTH_COLUMNS = Defect._fields


@dataclass(frozen=True)
class Replacement:
    """New CSV lines for the clean row at `position`."""

    position: int
    lines: str


@dataclass(frozen=True)
class Seeded:
    """Seeded defects of a block.

    Row numbers in `truth` are relative to the block; `keys` are the keys of the changed rows.
    """

    replacements: list[Replacement]
    truth: list[Defect]
    keys: set[str]


def seed(table: str, clean: pa.Table, kinds: Sequence[Kind], rate: float, context: Context) -> Seeded:
    """Return defects for about `rate` (0 to 1) of the rows of a table in a block.

    In the table patients, rows of deceased patients get no defect.
    """
    usable = [kind for kind in kinds if table in kind.rules]
    selected = np.flatnonzero(context.rng.random(clean.num_rows) < rate)
    seeded, inserted = Seeded([], [], set()), 0
    if not usable or not len(selected):
        return seeded
    rows = clean.take(pa.array(selected)).to_pylist()
    previous_rows = clean.take(pa.array(np.maximum(selected - 1, 0))).to_pylist()
    for position, row, previous in zip(selected.tolist(), rows, previous_rows, strict=True):
        if table == "patients" and row["patient_id"] in context.deaths:
            continue
        context.previous = previous if position else None
        applied = _apply_one(row, usable, context)
        if applied is None:
            continue
        kind, changed = applied
        inserted += kind.inserts
        seeded.replacements.append(Replacement(position, _lines(kind, row, changed)))
        seeded.keys.add(str(row[KEYS[table]]))
        seeded.truth.extend(_changed_cells(table, position + 1 + inserted, kind, row, changed))
    return seeded


def _apply_one(row: Row, usable: Sequence[Kind], context: Context) -> tuple[Kind, Row] | None:
    """Return the first kind that is possible, and the changed row; None if no kind is possible.

    The rare kind `deceased_then_seen` is tried first, the others in random order.
    """
    order = context.rng.permutation(len(usable)).tolist()
    rare = [n for n in order if usable[n].name == "deceased_then_seen"]
    for index in [*rare, *order]:
        kind, changed = usable[index], dict(row)
        if kind.change(changed, context):
            return kind, changed
    return None


def _lines(kind: Kind, row: Row, changed: Row) -> str:
    values = list(changed.values())
    if kind.shifts:
        values.insert(2, "")
    lines = [row.values(), values] if kind.inserts else [values]
    return "".join(map(to_line, lines))


def _changed_cells(table: str, row_number: int, kind: Kind, row: Row, changed: Row) -> Iterator[Defect]:
    key, rule_id = str(row[KEYS[table]]), kind.rules[table]
    for column in [column for column in row if row[column] != changed[column]] or [WHOLE_ROW]:
        before, after = row.get(column) or "", changed.get(column) or ""
        yield Defect(table, row_number, key, column, kind.name, before, after, rule_id)


def to_line(values: Iterable[str | None]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow("" if value is None else value for value in values)
    return buffer.getvalue()
