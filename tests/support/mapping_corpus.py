"""Files of unknown shapes with the right mapping of each column, and how well proposals agree with it."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyarrow as pa
import yaml

from pipeline.sources.mapped.apply import bronze_columns
from portal.batches.mapping.propose import FileProposal, Table, propose

ROOT = Path(__file__).parents[1] / "portal" / "batches" / "mapping"
CORPUS, HELD_OUT = ROOT / "corpus", ROOT / "held_out"


@dataclass(frozen=True)
class Outcome:
    """A column of a file: what was proposed, what is right, whether it needed a confirmation."""

    file: str
    column: str
    proposed: str
    right: str
    confidence: float

    @property
    def is_right(self) -> bool:
        return self.proposed == self.right


def read(path: Path) -> Table:
    """Read a file of the corpus by other means than the portal: the header is the longest first line."""
    text = path.read_text("utf-8")
    delimiter = max(",;|\t", key=text.count)
    rows = list(csv.reader(text.splitlines(), delimiter=delimiter))
    start = next(n for n, row in enumerate(rows) if all(field.strip() for field in row))
    return Table.of(path.name, rows[start], rows[start + 1 :])


@cache
def outcomes(folder: Path) -> list[Outcome]:
    """Return an outcome for each column of each file, and for each constant."""
    truth = yaml.safe_load((folder / "truth.yaml").read_text("utf-8"))
    cases = defaultdict(list)
    for name in truth:
        cases[name.partition("/")[0]].append(name)
    found = []
    for names in cases.values():
        tables = [read(folder / name) for name in names]
        for name, table, proposal in zip(names, tables, propose(tables), strict=True):
            found += list(_compared(name, table, proposal, truth[name]))
    return found


def _compared(name: str, table: Table, proposal: FileProposal, truth: dict) -> Iterator[Outcome]:
    first = _first_row(table, proposal)
    expected = {key: str(value) for key, value in truth.get("first_row", {}).items()}
    for each in proposal.columns:
        if not each.column:
            continue
        right = [_valued(target, expected) for target in sorted(truth["columns"][each.column])]
        shown = [_valued(m.target, {k: first.get(k) for k in expected}) for m in each.mappings]
        prefix = "" if proposal.table == truth["table"] else f"{proposal.table or 'no table'}: "
        yield Outcome(name, each.column, prefix + ", ".join(sorted(shown)), ", ".join(right), each.confidence)
    yield from _constants(name, proposal, truth)


def _constants(name: str, proposal: FileProposal, truth: dict) -> Iterator[Outcome]:
    right = {key: str(value) for key, value in truth.get("constants", {}).items()}
    found = {
        p.mappings[0].target: (str(p.mappings[0].options.get("value", "joined")), p.confidence)
        for p in proposal.columns
        if not p.column
    }
    for target in sorted({*right, *found} - {"administration_id"}):
        value, confidence = found.get(target, ("", 0.0))
        yield Outcome(name, f"({target})", value, right.get(target, ""), confidence)


def _valued(target: str, values: dict) -> str:
    return f"{target}={values[target]}" if target in values else target


def _first_row(table: Table, proposal: FileProposal) -> dict:
    if not proposal.table:
        return {}
    names = [mapping.target for mapping in proposal.mapping().columns]
    texts = {name: values.first for name, values in table.values.items()}
    batch = pa.RecordBatch.from_pydict(
        {name: pa.array([text or None], pa.string()) for name, text in texts.items()}
    )
    arrays = bronze_columns(batch, proposal.mapping(), names)
    return {name: array[0].as_py() for name, array in zip(names, arrays, strict=True)}
