"""The formats an extract may come in, told apart by the headers of its files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from pipeline.contracts import load
from pipeline.sources import synthea

TABLES = ("patients", "encounters", "medications")


class UnknownFormat(ValueError):
    """A file's header fits no format; the text lists what is missing and what is there."""


@dataclass(frozen=True)
class Format:
    """`required` and `known` columns of each file kind; `tables` are the kinds that become bronze tables."""

    name: str
    required: Mapping[str, frozenset[str]]
    known: Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Match:
    """What one file is: its format, its table, and the columns that will be ignored."""

    format: str
    table: str
    ignored_columns: tuple[str, ...]


def _native() -> Format:
    contracts = {table: load("bronze", table) for table in TABLES}
    return Format(
        "native",
        {table: frozenset(c.name for c in k.data_columns if c.required) for table, k in contracts.items()},
        {table: frozenset(c.name for c in k.data_columns) for table, k in contracts.items()},
    )


def formats() -> tuple[Format, ...]:
    return (_native(), Format("synthea", synthea.REQUIRED, synthea.KNOWN))


def match(header: Iterable[str], name: str, wanted: str = "auto") -> Match:
    """Which table a file with this header is; `name` (its file name) only serves the error's text."""
    columns = set(header)
    allowed = [each for each in formats() if wanted in {"auto", each.name}]
    if not allowed:
        raise UnknownFormat(f"There is no format '{wanted}': it is auto, native or synthea.")
    fitting = [
        (len(required), each, table)
        for each in allowed
        for table, required in each.required.items()
        if required <= columns
    ]
    if fitting:
        _, found, table = max(fitting, key=lambda candidate: candidate[0])
        return Match(found.name, table, tuple(sorted(columns - found.known[table])))
    raise UnknownFormat(_nearest(columns, name, allowed))


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
