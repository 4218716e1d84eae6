"""Find header and delimiter of a text file whose columns belong to no known format."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.sources.csv_layout import DELIMITERS, Layout
from pipeline.sources.csv_lines import BLANK, is_blank, is_title

_MOST_LINES, _MOST_ABOVE = 200, 30
_DATA = re.compile(r"[-+$€]?[\d.,/: -]+\Z|\d{4}-\d{2}-\d{2}")
"""A field like this is a value, not the name of a column."""


@dataclass(frozen=True)
class Header:
    """The layout of a file, and the number of title and blank lines above its header."""

    layout: Layout
    titles: int
    blanks: int


def find(text: str, encoding: str) -> Header | None:
    """Return the header of a file, or None if no line of its start can be one.

    Of the delimiters, the one is chosen that gives most columns in most lines, with few titles above them.
    """
    found = [_with_delimiter(text, encoding, delimiter) for delimiter in DELIMITERS]
    scored = [each for each in found if each]
    return max(scored, key=lambda each: each[0])[1] if scored else None


def _with_delimiter(text: str, encoding: str, delimiter: str) -> tuple[float, Header] | None:
    records = _records(text, delimiter)
    for number, (fields, line) in enumerate(records[:_MOST_ABOVE]):
        names = tuple(field.strip(BLANK) for field in fields)
        above = [each for each, _ in records[:number]]
        if not _is_header(names) or not all(is_title(each, len(names)) for each in above):
            continue
        below = [each for each, _ in records[number + 1 :] if not all(map(is_blank, each))]
        same = sum(len(each) == len(names) for each in below) / len(below) if below else 1.0
        blanks = sum(all(map(is_blank, each)) for each in above)
        layout = Layout(names, line, encoding, delimiter)
        titles = len(above) - blanks
        return (len(names) - 1) * same / 2**titles, Header(layout, titles, blanks)
    return None


def _records(text: str, delimiter: str) -> list[tuple[list[str], int]]:
    """Return the first records, each with the number of its last line; the last one can be cut off."""
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    found = []
    try:
        for fields in reader:
            found.append((fields, reader.line_num))
            if len(found) >= _MOST_LINES:
                return found
    except csv.Error:
        pass
    return found[:-1] if len(found) > 1 and not text.endswith(("\n", "\r")) else found


def _is_header(names: Sequence[str]) -> bool:
    """Return whether fields are names of columns: different from each other, and no values."""
    named = [name for name in names if name]
    return (
        len(named) >= 2
        and len(named) >= len(names) - 1
        and len(set(named)) == len(named)
        and not any(_DATA.match(name) for name in named)
    )
