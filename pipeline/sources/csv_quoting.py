"""Detect broken quoting, which would move values between rows, and locate it."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_DATE = re.compile(
    r"^\W*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/. ](\d{1,2}|[A-Za-z]{3,9})[-/. ]\d{2,4}|\d{8})"
)


class CsvFault(ValueError):
    """A CSV file cannot be read; the message says where, if that is known, and contains no value."""


@dataclass(frozen=True)
class RowShape:
    """What rows look like: as many fields as `header`, values at `keys`, dates or nothing at `dates`."""

    header: tuple[str, ...]
    keys: tuple[int, ...]
    dates: tuple[int, ...]
    delimiter: str = ","

    @classmethod
    def of(
        cls, header: Sequence[str], keys: Iterable[str], dates: Iterable[str], delimiter: str = ","
    ) -> RowShape:
        """Return the shape of rows with this header."""
        positions = {name: position for position, name in enumerate(header)}
        keys_at, dates_at = (
            tuple(sorted(positions[name] for name in names if name in positions)) for names in (keys, dates)
        )
        return cls(tuple(header), keys_at, dates_at, delimiter)

    def fits(self, line: str) -> bool:
        """Return True if a line inside a quoted field looks like a row that the field has swallowed."""
        width = len(self.header)
        if width < 2 or line.count(self.delimiter) < width - 1:
            return False
        fields = next(csv.reader([line.rstrip("\r\n")], delimiter=self.delimiter), [])
        if len(fields) != width or not all(fields[position].strip() for position in self.keys):
            return False
        dates = [value for position in self.dates if (value := fields[position].strip().strip('"'))]
        return bool(dates) and all(_DATE.match(value) for value in dates)


def swallowed(
    lines: Sequence[str], first_line: int, shape: RowShape, *, is_closed: bool = True
) -> CsvFault | None:
    """Return the fault of a record whose later lines are rows; None if its line breaks belong to a text.

    The last line of a closed record continues after the quoted text with the record's own columns, so commas
    in the text can make it look like a row. It counts as one only if the line on which the field opens,
    without the quote, is a row too. `is_closed` is false for a record whose last quote is not closed.
    """
    for number, line in enumerate(lines[1:], 1):
        if not shape.fits(line):
            continue
        opening = _scan_quotes(lines[:number], shape.delimiter).opening
        if is_closed and number == len(lines) - 1 and not _is_row_without_quote(lines, opening, shape):
            continue
        return CsvFault(
            f"{_at(first_line, opening, shape.header)}: the quoted field that opens here contains line "
            f"{first_line + number}, which is a separate row. "
            "Remove the stray quote, or double it inside a quoted field."
        )
    return None


def _is_row_without_quote(lines: Sequence[str], opening: _Opening, shape: RowShape) -> bool:
    line = lines[opening.line]
    return shape.fits(line[: opening.column] + line[opening.column + 1 :])


def broken(lines: Sequence[str], first_line: int, header: Sequence[str], delimiter: str = ",") -> CsvFault:
    """Return the fault of a record that a strict parser rejects.

    Either text follows a closing quote, or a closing quote is missing.
    """
    quotes = _scan_quotes(lines, delimiter)
    where = _at(first_line, quotes.opening, header)
    if quotes.end is None:
        return CsvFault(
            f"{where}: the quote that opens here is never closed. "
            "Remove it, or double it inside a quoted field."
        )
    line, column = quotes.end
    return CsvFault(
        f"{where}: the quoted field that opens here is followed by text at line {first_line + line}, column "
        f"{column + 1}. Double the quotes inside a quoted field, or remove the stray quote."
    )


@dataclass(frozen=True)
class _Opening:
    """Position of an opening quote: line, character and field, counted from 0."""

    line: int
    column: int
    field: int


@dataclass(frozen=True)
class _Quotes:
    """The last opening quote, and the first text after a closing quote (line, column)."""

    opening: _Opening
    end: tuple[int, int] | None = None


def _scan_quotes(lines: Sequence[str], delimiter: str) -> _Quotes:
    """Return the last opening quote of a record and, where the scan ends, text after a closing quote."""
    opening, field, state = _Opening(0, 0, 0), 0, "start"
    for number, line in enumerate(lines):
        for column, character in enumerate(line):
            if state == "quoted":
                state = "closed" if character == '"' else "quoted"
            elif state == "closed" and character == '"':
                state = "quoted"
            elif character == delimiter:
                field, state = field + 1, "start"
            elif character in "\r\n":
                field, state = 0, "start"
            elif state == "closed":
                return _Quotes(opening, (number, column))
            elif state == "start" and character == '"':
                opening, state = _Opening(number, column, field), "quoted"
            elif state == "start":
                state = "plain"
    return _Quotes(opening)


def _at(first_line: int, opening: _Opening, header: Sequence[str]) -> str:
    name = f" ({header[opening.field]})" if opening.field < len(header) and header[opening.field] else ""
    return f"line {first_line + opening.line}, column {opening.column + 1}{name}"
