"""Recognize a file's type and layout from its first bytes, or explain why it cannot be read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.sources import Match, UnknownFormat, formats, likeness, match
from pipeline.sources.csv_layout import Layout
from pipeline.sources.csv_lines import BLANK, is_blank, is_title

HEAD = 1 << 18
"""Bytes of the uncompressed file that are searched for the header."""

_MAX_HEADER_LINES = 30

_MAGIC = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook (.xlsx)"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook (.xls)"),
    (b"PAR1", "a Parquet file"),
    (b"%PDF", "a PDF document"),
    (b"SQLite format 3", "a SQLite database"),
    (b"ORC", "an ORC file"),
    (b"Obj\x01", "an Avro file"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ", "compressed with xz"),
    (b"\x28\xb5\x2f\xfd", "compressed with Zstandard"),
)

_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "vertical bars", "\x01": "Ctrl-A characters"}


class EmptyFile(ValueError):
    """A file without content."""


class NotUnderstood(ValueError):
    """A file cannot be read as a table; `may_be_needed` is True if it resembles one that is loaded."""

    def __init__(self, text: str, *, may_be_needed: bool = True) -> None:
        super().__init__(text)
        self.may_be_needed = may_be_needed


@dataclass(frozen=True)
class Identified:
    """A file's type and layout, and the number of title and blank lines above its header."""

    match: Match
    layout: Layout
    titles: int
    blanks: int


def identify(head: bytes, name: str, wanted: str = "auto", encoding: str = "utf-8") -> Identified:
    """Return type and layout of the file `name` that begins with `head`."""
    _reject_binary(head, name)
    text = head.removeprefix(b"\xef\xbb\xbf").decode(_codec(encoding), errors="replace")
    if not text.strip(BLANK):
        raise EmptyFile(f"'{name}' is empty: it needs a header line with the columns' names.")
    above: list[list[str]] = []
    for fields, line in _records(text, ","):
        header = tuple(value.strip(BLANK) for value in fields)
        found = _matched(header, name, wanted)
        if found and all(is_title(each, len(header)) for each in above):
            blanks = sum(all(map(is_blank, each)) for each in above)
            return Identified(found, Layout(header, line, encoding), len(above) - blanks, blanks)
        if found:
            raise NotUnderstood(
                f"'{name}' has its header in line {line}, below lines that look like rows. "
                "Move it to the first line."
            )
        above.append(fields)
    raise _cause(text, name, wanted)


def _codec(encoding: str) -> str:
    return "cp1252" if encoding == "windows-1252" else encoding


def _reject_binary(head: bytes, name: str) -> None:
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            raise NotUnderstood(f"'{name}' is not CSV: it is {kind}. Export it as CSV.")
    for bom, kind in ((b"\xff\xfe\x00\x00", "UTF-32"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16")):
        if head.startswith(bom):
            raise NotUnderstood(f"'{name}' is encoded in {kind}. Export it as UTF-8.")
    start = head[:400]
    if start.count(0) * 3 > len(start) > 3:
        raise NotUnderstood(f"'{name}' is encoded in UTF-16 or is not text. Export it as CSV in UTF-8.")
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if first in {b"{", b"[", b"<"}:
        kind = "XML or HTML" if first == b"<" else "JSON"
        raise NotUnderstood(f"'{name}' is not CSV: it looks like {kind}. Export it as CSV.")


def _records(text: str, delimiter: str) -> Iterator[tuple[list[str], int]]:
    """Yield the first records with the number of their last line, until an unclosed quote."""
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for fields in reader:
            yield fields, reader.line_num
            if reader.line_num >= _MAX_HEADER_LINES:
                return
    except csv.Error:
        return


def _matched(header: Sequence[str], name: str, wanted: str) -> Match | None:
    try:
        return match(header, name, wanted)
    except UnknownFormat:
        if wanted not in {"auto", *(each.name for each in formats())}:
            raise
        return None


def _cause(text: str, name: str, wanted: str) -> NotUnderstood:
    """Return why none of the first lines is a known header."""
    for delimiter, kind in _DELIMITERS.items():
        if any(_in_any_case(fields, name, wanted) for fields, _ in _records(text, delimiter)):
            return NotUnderstood(f"'{name}' separates its values by {kind}. Export it with commas.")
    for fields, _ in _records(text, ","):
        if proper := _in_any_case(fields, name, wanted):
            return NotUnderstood(
                f"'{name}' has column names in a different case than {proper.format} {proper.table} files. "
                f"Rename them as follows: {_examples(proper)}."
            )
    header = next((each for each, _ in _records(text, ",") if not all(map(is_blank, each))), [])
    columns = [value.strip(BLANK) for value in header]
    if not columns:
        return NotUnderstood(f"'{name}' has a quote in its header line that is never closed. Remove it.")
    try:
        match(columns, name, wanted)
    except UnknownFormat as error:
        return NotUnderstood(str(error), may_be_needed=likeness(columns, wanted) >= 0.5)
    raise AssertionError("a header that matches was found before")


def _in_any_case(fields: Sequence[str], name: str, wanted: str) -> Match | None:
    """Return the match of a header after correcting case and underscores in its names."""
    for each in formats():
        spelled = {_plain(column): column for known in each.known.values() for column in known}
        header = [spelled.get(_plain(value), value) for value in fields]
        if wanted in {"auto", each.name} and (found := _matched(header, name, each.name)) and found.is_needed:
            return found
    return None


def _plain(name: str) -> str:
    return name.strip(BLANK + '"').casefold().replace(" ", "_")


def _examples(found: Match) -> str:
    required = next(each.required[found.table] for each in formats() if each.name == found.format)
    return ", ".join(sorted(required)[:3])
