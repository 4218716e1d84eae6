"""What would be refused if a file were loaded by a mapping, before anything is loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.contracts.model import load
from pipeline.reference import units
from pipeline.reference.code_lists import CODE_LISTS
from pipeline.sources import MAPPED
from pipeline.sources.mapped.model import REQUIRED, FileMapping
from portal.batches.mapping.files import Unknown, batches
from portal.batches.mapping.values import ISO

_DATES = ("birth_date", "death_date")
_NUMBERS = ("dose", "total_cost")
_MOST_EXAMPLES = 3


@dataclass(frozen=True)
class Refusal:
    """Rows that would be refused for one column; `examples` are values, only for the file's supplier."""

    column: str
    problem: str
    rows: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preview:
    """The result of a check: rows of the file, rows that would be refused, and the reasons by column."""

    rows: int
    refused: int
    refusals: tuple[Refusal, ...]


def preview(given: Unknown, mapping: FileMapping) -> Preview:
    """Return what would be refused of all rows of a file; rows with a wrong number of fields are, too."""
    from pipeline.sources.mapped.apply import bronze_columns  # noqa: PLC0415  (slow to import)

    names = [each.target for each in mapping.columns]
    markers = frozenset(load("bronze", mapping.table).null_markers(MAPPED))
    counted: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], dict[str, None]] = {}
    rows = refused = 0
    for batch in batches(given):
        raw = batch.column(len(given.layout.header) + 1)
        bad = [not value for value in raw.is_null().to_pylist()]
        counted["", "the row has a wrong number of fields"] += sum(bad)
        for name, array in zip(names, bronze_columns(batch, mapping, names), strict=True):
            _judge(name, mapping.table, array.to_pylist(), markers, bad, counted, examples)
        rows, refused = rows + batch.num_rows, refused + sum(bad)
    return Preview(rows, refused, _refusals(counted, examples))


def _judge(
    name: str,
    table: str,
    values: list[str | None],
    markers: frozenset[str],
    bad: list[bool],
    counted: Counter[tuple[str, str]],
    examples: dict[tuple[str, str], dict[str, None]],
) -> None:
    """Count the values of a column that its rules refuse, and mark their rows in `bad`."""
    known: dict[str | None, str] = {}
    for number, value in enumerate(values):
        if value not in known:
            known[value] = _problem(name, table, None if value in markers else value)
        if problem := known[value]:
            counted[name, problem] += 1
            bad[number] = True
            found = examples.setdefault((name, problem), {})
            if value and len(found) < _MOST_EXAMPLES:
                found[value] = None


def _refusals(
    counted: Counter[tuple[str, str]], examples: dict[tuple[str, str], dict[str, None]]
) -> tuple[Refusal, ...]:
    return tuple(
        Refusal(name, problem, rows, tuple(examples.get((name, problem), ())))
        for (name, problem), rows in counted.most_common()
        if rows
    )


def _problem(name: str, table: str, value: str | None) -> str:
    """Return why a value would be refused, or an empty text."""
    text = (value or "").strip()
    if not text:
        return "it is empty" if name in REQUIRED[table] else ""
    test = _test(name)
    return "" if test is None or test[0](text) else test[1]


def _test(name: str) -> tuple[Callable[[str], object], str] | None:
    if name in CODE_LISTS and name != "reason_not_given":
        return (lambda text: text.casefold() in CODE_LISTS[name]), "it is no code of the contract"
    if name in _DATES or name.endswith("_at"):
        return ISO.match, "it is not a date in ISO 8601"
    if name in _NUMBERS:
        return _is_number, "it is not a number"
    if name == "dose_unit":
        return (lambda text: text.casefold() in units()), "it is not a unit of the contract"
    return None


def _is_number(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).isdigit()
