"""Formats of extracts, recognized by the headers of their files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pipeline.contracts.model import load
from pipeline.sources import clarity, native, omop, synthea
from pipeline.sources.fhir import query as fhir
from pipeline.sources.fhir.resources import COLUMNS as FHIR_COLUMNS
from pipeline.sources.fhir.resources import CONVERT

TABLES = ("patients", "encounters", "medications", "diagnoses")
"""Tables that a batch may contain; one of them suffices."""


class UnknownFormat(ValueError):
    """A header matches no format (the message says what it lacks), or no format has the given name."""


@dataclass(frozen=True)
class Format:
    """A format of extracts; each field but `name` is by file type.

    A file type is recognized by its `required` columns and loaded with its `known` columns. In a row, the
    columns `keys` have values and the columns `dates` contain dates or
    nothing. `query` returns SQL for the bronze columns of a table, which joins the file types `looks_up`.
    Files of two kinds that become one table have keys such as "medications/administrations" in `required`.
    `not_needed` has the required columns of file types that belong to such extracts but are not loaded. A
    file type of `named` shares its columns with others: its files have the word in their name and no unknown
    column. FHIR has no `required` columns: its file types are recognized by resource type. Mapped files have
    none either: they are recognized by a mapping.
    """

    name: str
    label: str
    required: Mapping[str, frozenset[str]]
    known: Mapping[str, frozenset[str]]
    keys: Mapping[str, tuple[str, ...]]
    dates: Mapping[str, tuple[str, ...]]
    query: Callable[[str], str]
    looks_up: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    not_needed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    named: Mapping[str, str] = field(default_factory=dict)

    def fits(self, table: str, columns: set[str], name: str) -> bool:
        """Return whether a header, and the file's name if it must decide, are those of a file type."""
        if not self.required[table] <= columns:
            return False
        word = self.named.get(table)
        return word is None or (columns <= self.known[table] | {""} and word in name.lower())


@dataclass(frozen=True)
class Match:
    """Format and type of a file, its ignored columns, and whether it is loaded (`is_needed`)."""

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
        "Native",
        {table: frozenset(c.name for c in k.data_columns if c.required) for table, k in contracts.items()}
        | {native.CHANGES: frozenset(native.CHANGE_COLUMNS)},
        {table: frozenset(names[table]) for table in TABLES}
        | {native.CHANGES: frozenset({*native.CHANGE_COLUMNS, native.SURVIVOR})},
        {table: (names[table][0],) for table in TABLES} | {native.CHANGES: ("record_id",)},
        {table: tuple(n for n in names[table] if n.endswith(("_at", "_date"))) for table in TABLES}
        | {native.CHANGES: ("updated_at",)},
        native.query,
    )


def _csv(name: str, label: str, source: Any) -> Format:
    """Return the format that a module describes."""
    return Format(
        name,
        label,
        source.REQUIRED,
        source.KNOWN,
        source.KEYS,
        source.DATES,
        source.query,
        source.LOOKS_UP,
        source.NOT_NEEDED,
        getattr(source, "NAMED", {}),
    )


@cache
def formats() -> tuple[Format, ...]:
    """Return the supported formats."""
    columns = {table: frozenset(names) for table, names in FHIR_COLUMNS.items()}
    return (
        _native(),
        _csv("synthea", "Synthea", synthea),
        _csv("omop", "OMOP", omop),
        _csv("clarity", "Clarity", clarity),
        Format("fhir", "FHIR", {}, columns, {}, {}, fhir.query, fhir.LOOKS_UP),
        Format(MAPPED, "Mapped", {}, _native().known, {}, {}, native.query),
    )


MAPPED = "mapped"
"""Format of files of other formats; each file's entry in the manifest has the mapping to bronze columns."""

FORMATS = ("native", "synthea", "omop", "clarity", "fhir")


def format_named(name: str) -> Format:
    """Return a format by name; raise `UnknownFormat` if it does not exist."""
    found = next((each for each in formats() if each.name == name), None)
    if found is None:
        raise UnknownFormat(
            f"Unknown format '{name}'. Choose {', '.join(('auto', *FORMATS[:-1]))} or {FORMATS[-1]}."
        )
    return found


def match(header: Iterable[str], name: str, wanted: str = "auto") -> Match:
    """Return format and type of a file by its header; raise `UnknownFormat` if none matches.

    The file's `name` decides between types with the same columns.
    """
    columns = set(header)
    allowed = list(formats()) if wanted == "auto" else [format_named(wanted)]
    fitting = [
        (len(required), each, table)
        for each in allowed
        for table, required in each.required.items()
        if each.fits(table, columns, name)
    ]
    if fitting:
        _, found, kind = max(fitting, key=lambda candidate: candidate[0])
        table = kind.partition("/")[0]
        return Match(found.name, table, tuple(sorted(columns - found.known[table] - {""})))
    if spare := _not_needed(columns, name, allowed):
        return spare
    raise UnknownFormat(_nearest(columns, name, allowed))


def match_resource(resource_type: str, name: str, wanted: str = "auto") -> Match:
    """Return format and type of an NDJSON file with FHIR resources of one type.

    Raise `UnknownFormat` if another format is `wanted`.
    """
    if wanted not in ("auto", "fhir"):
        raise UnknownFormat(
            f"'{name}' contains FHIR resources, but the format {format_named(wanted).name} is chosen. "
            "Choose the format fhir."
        )
    table = CONVERT[resource_type][0] if resource_type in CONVERT else resource_type
    return Match("fhir", table, is_needed=resource_type in CONVERT)


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
    """Return the largest share of a table's required columns that a header contains, ignoring case."""
    columns = {name.casefold() for name in header}
    shares = (
        sum(name.casefold() in columns for name in required) / len(required)
        for each in formats()
        if wanted in {"auto", each.name}
        for required in each.required.values()
    )
    return max(shares, default=0.0)


def _nearest(columns: set[str], name: str, allowed: list[Format]) -> str:
    if not any(each.required for each in allowed):
        return f"'{name}' does not contain FHIR resources. Export NDJSON: one resource per line."
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
        f"'{name}' is not a table of a known format. As {nearest.name} {table} it lacks {missing}; "
        f"it has {describe(columns)}."
    )


def describe(header: Iterable[str]) -> str:
    """List the known columns of a header and count the unknown ones.

    Unknown names are not listed: in a file without a header line they are a patient's values.
    """
    names = set(header)
    others = len(names - known_names())
    more = [f"{others} unknown (is the header line missing?)"] if others else []
    return ", ".join([*sorted(names & known_names()), *more]) or "nothing"


@cache
def known_names() -> frozenset[str]:
    """Return every column of every format of CSV files."""
    return frozenset(
        name for each in formats() if each.required for known in each.known.values() for name in known
    )
