"""The formats an extract may come in, told apart by the headers of its files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

from pipeline.contracts.model import load
from pipeline.sources import synthea

TABLES = ("patients", "encounters", "medications")


class UnknownFormat(ValueError):
    """A file's header fits no format; the text lists what is missing and what is there."""


@dataclass(frozen=True)
class Format:
    """By file kind its `required` and `known` columns, and the `keys` and `dates` that mark a row as one.

    `not_needed` are kinds of files that belong to the format's extracts but make no table.
    """

    name: str
    required: Mapping[str, frozenset[str]]
    known: Mapping[str, frozenset[str]]
    keys: Mapping[str, tuple[str, ...]]
    dates: Mapping[str, tuple[str, ...]]
    not_needed: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Match:
    """What one file is: its format, its kind, the columns that will be ignored, whether anything reads it."""

    format: str
    table: str
    ignored_columns: tuple[str, ...] = ()
    is_needed: bool = True


def _native() -> Format:
    contracts = {table: load("bronze", table) for table in TABLES}
    names = {
        table: [column.name for column in contract.data_columns] for table, contract in contracts.items()
    }
    return Format(
        "native",
        {table: frozenset(c.name for c in k.data_columns if c.required) for table, k in contracts.items()},
        {table: frozenset(names[table]) for table in TABLES},
        {table: (names[table][0],) for table in TABLES},
        {table: tuple(n for n in names[table] if n.endswith(("_at", "_date"))) for table in TABLES},
    )


@cache
def formats() -> tuple[Format, ...]:
    return (
        _native(),
        Format("synthea", synthea.REQUIRED, synthea.KNOWN, synthea.KEYS, synthea.DATES, synthea.NOT_NEEDED),
    )


def format_named(name: str) -> Format:
    """A format by its name."""
    found = next((each for each in formats() if each.name == name), None)
    if found is None:
        raise UnknownFormat(f"There is no format '{name}': it is auto, native or synthea.")
    return found


def match(header: Iterable[str], name: str, wanted: str = "auto") -> Match:
    """Which kind of file has this header; `name`, the file's, tells kinds that are not needed apart."""
    columns = set(header)
    allowed = list(formats()) if wanted == "auto" else [format_named(wanted)]
    fitting = [
        (len(required), each, table)
        for each in allowed
        for table, required in each.required.items()
        if required <= columns
    ]
    if fitting:
        _, found, table = max(fitting, key=lambda candidate: candidate[0])
        return Match(found.name, table, tuple(sorted(columns - found.known[table] - {""})))
    if spare := _not_needed(columns, name, allowed):
        return spare
    raise UnknownFormat(_nearest(columns, name, allowed))


def _not_needed(columns: set[str], name: str, allowed: list[Format]) -> Match | None:
    stem = name.lower().partition(".")[0]
    fitting = [
        (kind == stem, len(required), each.name, kind)
        for each in allowed
        for kind, required in each.not_needed.items()
        if required <= columns
    ]
    if not fitting:
        return None
    *_, found, kind = max(fitting)
    return Match(found, kind, is_needed=False)


def likeness(header: Iterable[str], wanted: str = "auto") -> float:
    """The largest share of a needed table's required columns that a header has, whatever their case."""
    columns = {name.casefold() for name in header}
    return max(
        sum(name.casefold() in columns for name in required) / len(required)
        for each in formats()
        if wanted in {"auto", each.name}
        for required in each.required.values()
    )


def _nearest(columns: set[str], name: str, allowed: list[Format]) -> str:
    _, nearest, table = max(
        (
            (len(required & columns) / len(required), each, table)
            for each in allowed
            for table, required in each.required.items()
        ),
        key=lambda candidate: candidate[0],
    )
    missing = ", ".join(sorted(nearest.required[table] - columns))
    return (
        f"'{name}' is no table of a known format: to be {nearest.name} {table} it lacks {missing}; "
        f"it has {said(columns)}."
    )


def said(header: Iterable[str]) -> str:
    """A header in words, by names that a format has: a file without its header line begins with a person."""
    names = set(header)
    others = len(names - known_names())
    more = [f"{others} that no format has (is the header line missing?)"] if others else []
    return ", ".join([*sorted(names & known_names()), *more]) or "nothing"


@cache
def known_names() -> frozenset[str]:
    """Every column of every format."""
    return frozenset(name for each in formats() for known in each.known.values() for name in known)
