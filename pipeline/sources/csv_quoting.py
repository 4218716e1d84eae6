"""Find broken quoting, which would move values between rows, and say where it begins."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_DATE = re.compile(
    r"^\W*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/. ](\d{1,2}|[A-Za-z]{3,9})[-/. ]\d{2,4}|\d{8})"
)


class CsvFault(ValueError):
    """Why a CSV file cannot be read; the text begins with line and column and quotes no value."""


@dataclass(frozen=True)
class RowShape:
    """What makes a line a row: its number of fields, key columns with a value, date columns with dates."""

    header: tuple[str, ...]
    keys: tuple[int, ...]
    dates: tuple[int, ...]

    @classmethod
    def of(cls, header: Sequence[str], keys: Iterable[str], dates: Iterable[str]) -> RowShape:
        positions = {name: position for position, name in enumerate(header)}
        keys_at, dates_at = (
            tuple(sorted(positions[name] for name in names if name in positions)) for names in (keys, dates)
        )
        return cls(tuple(header), keys_at, dates_at)

    def fits(self, line: str) -> bool:
        """Whether a line inside a quoted field is a row that the field has swallowed."""
        width = len(self.header)
        if width < 2 or line.count(",") < width - 1:
            return False
        fields = next(csv.reader([line.rstrip("\r\n")]), [])
        if len(fields) != width or not all(fields[position].strip() for position in self.keys):
            return False
        dates = [value for position in self.dates if (value := fields[position].strip().strip('"'))]
        return bool(dates) and all(_DATE.match(value) for value in dates)


def swallowed(
    lines: Sequence[str], first_line: int, shape: RowShape, *, is_closed: bool = True
) -> CsvFault | None:
    """The fault of a record whose later lines are rows of their own; None where its line breaks are a note's.

    The line on which a quoted field closes continues with the record's own columns, so that a note with as many commas
    as there are columns before it looks like a row. There the line on which the field opens must be a row as well.
    """
    for number, line in enumerate(lines[1:], 1):
        if not shape.fits(line):
            continue
        opened = _walk(lines[:number])[1]
        if is_closed and number == len(lines) - 1 and not _is_row_without_quote(lines, opened, shape):
            continue
        return CsvFault(
            f"{_at(first_line, opened, shape.header)}: the quoted field that opens here contains line "
            f"{first_line + number}, which is a row of its own. Remove the stray quote, or double it inside a quoted "
            "field."
        )
    return None


def _is_row_without_quote(lines: Sequence[str], opened: _Opening, shape: RowShape) -> bool:
    line = lines[opened.line]
    return shape.fits(line[: opened.column] + line[opened.column + 1 :])


def broken(lines: Sequence[str], first_line: int, header: Sequence[str]) -> CsvFault:
    """The fault of a record that a strict parser refuses: text after a closing quote, or no closing quote."""
    end, opened = _walk(lines)
    where = _at(first_line, opened, header)
    if end is None:
        return CsvFault(
            f"{where}: the quote that opens here is never closed. Remove it, or double it inside a quoted field."
        )
    line, column = end
    return CsvFault(
        f"{where}: the quoted field that opens here is followed by text at line {first_line + line}, column "
        f"{column + 1}. Double the quotes inside a quoted field, or remove the stray quote."
    )


@dataclass(frozen=True)
class _Opening:
    """Where a quoted field opens: line of the record, character of the line, field of the record, all from 0."""

    line: int
    column: int
    field: int


def _walk(lines: Sequence[str]) -> tuple[tuple[int, int] | None, _Opening]:
    """The first character after a closing quote that ends no field, if any, and the last opening quote before."""
    opening, field, state = _Opening(0, 0, 0), 0, "start"
    for number, line in enumerate(lines):
        for column, character in enumerate(line):
            if state == "quoted":
                state = "closed" if character == '"' else "quoted"
            elif state == "closed" and character == '"':
                state = "quoted"
            elif character == ",":
                field, state = field + 1, "start"
            elif character in "\r\n":
                field, state = 0, "start"
            elif state == "closed":
                return (number, column), opening
            elif state == "start" and character == '"':
                opening, state = _Opening(number, column, field), "quoted"
            elif state == "start":
                state = "plain"
    return None, opening


def _at(first_line: int, opening: _Opening, header: Sequence[str]) -> str:
    name = f" ({header[opening.field]})" if opening.field < len(header) and header[opening.field] else ""
    return f"line {first_line + opening.line}, column {opening.column + 1}{name}"
