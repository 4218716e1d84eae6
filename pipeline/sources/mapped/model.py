"""A mapping: how each bronze column of a table is computed from the columns of a file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pipeline.contracts.model import load
from pipeline.sources.mapped.functions import FUNCTIONS

REQUIRED: dict[str, tuple[str, ...]] = {
    "patients": ("patient_id", "birth_date"),
    "encounters": ("encounter_id", "patient_id", "admitted_at"),
    "medications": ("administration_id", "patient_id", "medication_code"),
}
"""Bronze columns that a mapping of a table must have: without them, every row would be refused."""


class InvalidMapping(ValueError):
    """A mapping cannot be applied; the message is one sentence."""


@dataclass(frozen=True)
class ColumnMapping:
    """How one bronze column (`target`) is computed: a function, the file's columns and the options."""

    target: str
    function: str
    columns: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> ColumnMapping:
        return cls(
            str(document["target"]),
            str(document["function"]),
            tuple(document.get("columns", ())),
            dict(document.get("options", {})),
        )


@dataclass(frozen=True)
class FileMapping:
    """The mapping of files with one set of columns (`header`) to a table."""

    table: str
    header: tuple[str, ...]
    columns: tuple[ColumnMapping, ...]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> FileMapping:
        """Return the mapping that a JSON document contains; raise `InvalidMapping` if it is not one."""
        try:
            columns = tuple(ColumnMapping.of(each) for each in document["columns"])
            found = cls(str(document["table"]), tuple(document["header"]), columns)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise InvalidMapping(
                "The mapping is not a JSON document with table, header and columns. Correct the file."
            ) from None
        check(found)
        return found

    def document(self) -> dict[str, Any]:
        """Return the mapping as it is stored."""
        return {
            "table": self.table,
            "header": list(self.header),
            "columns": [{**asdict(each), "columns": list(each.columns)} for each in self.columns],
        }

    @property
    def unused(self) -> tuple[str, ...]:
        """The file's columns from which nothing is computed."""
        used = {name for each in self.columns for name in each.columns}
        return tuple(name for name in self.header if name and name not in used)


def header_key(header: Sequence[str]) -> str:
    """Return a key that is the same for files with the same columns in any order."""
    return hashlib.sha256("\n".join(sorted(header)).encode()).hexdigest()[:12]


def check(mapping: FileMapping) -> None:
    """Raise `InvalidMapping` unless each column names a bronze column, a function and columns of the file."""
    if mapping.table not in REQUIRED:
        raise InvalidMapping(f"'{mapping.table}' is not a table. Choose {', '.join(REQUIRED)}.")
    known = {column.name for column in load("bronze", mapping.table).data_columns}
    for each in mapping.columns:
        _check_column(each, mapping, known)
    targets = [each.target for each in mapping.columns]
    if twice := sorted({name for name in targets if targets.count(name) > 1}):
        raise InvalidMapping(f"{twice[0]} is mapped twice. Keep one of the columns.")


def lacking(mapping: FileMapping) -> list[str]:
    """Return the bronze columns without which every row would be refused."""
    targets = {each.target for each in mapping.columns}
    return [name for name in REQUIRED[mapping.table] if name not in targets]


def _check_column(each: ColumnMapping, mapping: FileMapping, known: set[str]) -> None:
    if each.target not in known:
        raise InvalidMapping(
            f"'{each.target}' is not a column of {mapping.table}. Choose one of its columns."
        )
    if each.function not in FUNCTIONS:
        raise InvalidMapping(f"'{each.function}' is not a function. Choose {', '.join(FUNCTIONS)}.")
    if missing := [name for name in each.columns if name not in mapping.header]:
        raise InvalidMapping(
            f"{each.target} uses {len(missing)} column(s) that the file does not have. Map it again."
        )
    function = FUNCTIONS[each.function]
    if bool(each.columns) != function.reads_columns:
        needs = "needs a column" if function.reads_columns else "reads no column"
        raise InvalidMapping(f"The function {each.function} of {each.target} {needs}. Correct the mapping.")
    if problem := function.problem(each.options):
        raise InvalidMapping(f"{each.target}, function {each.function}: {problem}.")
