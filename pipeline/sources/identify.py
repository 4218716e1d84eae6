"""Recognize a file's type and layout from its first bytes, or explain why it cannot be read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pipeline.sources import Match, UnknownFormat, formats, likeness, match
from pipeline.sources.csv_layout import DELIMITERS, Layout
from pipeline.sources.csv_lines import BLANK, is_blank, is_title
from pipeline.sources.fhir import identify as fhir
from pipeline.sources.identified import EmptyFile, Identified, NotUnderstood

HEAD = 1 << 18
"""Number of bytes, from the start of the uncompressed file, that are searched for the header."""

_MAX_HEADER_LINES = 30

_MAGIC = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook (.xlsx)"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook (.xls)"),
    (b"PARE", "an encrypted Parquet file"),
    (b"%PDF", "a PDF document"),
    (b"SQLite format 3", "a SQLite database"),
    (b"ORC", "an ORC file"),
    (b"Obj\x01", "an Avro file"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ", "compressed with xz"),
    (b"\x28\xb5\x2f\xfd", "compressed with Zstandard"),
)


def identify(head: bytes, name: str, wanted: str = "auto", encoding: str = "utf-8") -> Identified:
    """Return type and layout of the file `name` that begins with `head`.

    Raise `EmptyFile` if `head` is blank, and `NotUnderstood` if none of its first lines is a known header.
    """
    encoding = utf_16(head) or encoding
    _reject_binary(head, name)
    text = decoded(head, encoding)
    if not text.strip(BLANK):
        raise EmptyFile(f"'{name}' is empty: it needs a header line with the columns' names.")
    if fhir.is_json(text):
        return fhir.identify(text, name, wanted, is_whole=len(head) < HEAD)
    for delimiter in DELIMITERS:
        if found := _with_delimiter(text, name, wanted, Layout((), 1, encoding, delimiter)):
            return found
    raise _cause(text, name, wanted)


def is_parquet(head: bytes) -> bool:
    return head.startswith(b"PAR1")


def identify_parquet(columns: Sequence[str], name: str, wanted: str = "auto") -> Identified:
    """Return type and layout of the Parquet file `name` with these columns.

    Raise `NotUnderstood` if they belong to no known table.
    """
    header = tuple(value.strip(BLANK) for value in columns)
    found = _matched(header, name, wanted)
    if found is None:
        header, found = _spelled(header, name, wanted)
    if found is None:
        raise _unknown(header, name, wanted)
    return Identified(found, Layout(header, 0, delimiter="", parquet=True), 0, 0)


def _with_delimiter(text: str, name: str, wanted: str, layout: Layout) -> Identified | None:
    """Return type and layout of a file by the known header among its first lines, or None without one.

    Raise `NotUnderstood` if rows precede the header.
    """
    above: list[list[str]] = []
    for fields, line in _records(text, layout.delimiter):
        header = tuple(value.strip(BLANK) for value in fields)
        found = _matched(header, name, wanted)
        if found is None:
            header, found = _spelled(header, name, wanted)
        if found and all(is_title(each, len(header)) for each in above):
            blanks = sum(all(map(is_blank, each)) for each in above)
            layout = replace(layout, header=header, header_lines=line)
            return Identified(found, layout, len(above) - blanks, blanks)
        if found:
            raise NotUnderstood(
                f"'{name}' has its header in line {line}, below lines that look like rows. "
                "Move it to the first line."
            )
        above.append(fields)
    return None


def utf_16(head: bytes) -> str | None:
    """Return the UTF-16 encoding of a text by its byte order mark or its zero bytes, or None.

    Half of the bytes of Latin letters, digits and delimiters in UTF-16 are zero: the second byte of each
    pair in little-endian order, the first byte in big-endian order.
    """
    if head.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        return None  # UTF-32
    marks = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
    if found := marks.get(head[:2]):
        return found
    start = head[:400]
    first, second = start[::2].count(0), start[1::2].count(0)
    if max(first, second) * 3 > len(start) > 3 and not min(first, second):
        return "utf-16-le" if second else "utf-16-be"
    return None


def decoded(head: bytes, encoding: str) -> str:
    """Return the first bytes of a file as text, without the byte order mark."""
    codec = "cp1252" if encoding == "windows-1252" else encoding
    return head.removeprefix(b"\xef\xbb\xbf").decode(codec, errors="replace").removeprefix("\ufeff")


def _reject_binary(head: bytes, name: str) -> None:
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            raise NotUnderstood(f"'{name}' is not CSV: it is {kind}. Export it as CSV.")
    if head.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        raise NotUnderstood(f"'{name}' is encoded in UTF-32. Export it as UTF-8.")
    start = head[:400]
    if not utf_16(head) and start.count(0) * 3 > len(start) > 3:
        raise NotUnderstood(f"'{name}' is not text. Export it as CSV in UTF-8.")
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if first in {b"[", b"<"}:
        kind = "XML or HTML" if first == b"<" else "JSON"
        raise NotUnderstood(f"'{name}' is not CSV: it looks like {kind}. Export it as CSV.")


def _records(text: str, delimiter: str) -> Iterator[tuple[list[str], int]]:
    """Yield the first records, each with the number of its last line, up to a quote that is not closed."""
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
    """Return the error that says why none of the first lines is a known header."""
    delimiter = max(DELIMITERS, key=text.partition("\n")[0].count)
    header = next((each for each, _ in _records(text, delimiter) if not all(map(is_blank, each))), [])
    columns = [value.strip(BLANK) for value in header]
    if not columns:
        return NotUnderstood(f"'{name}' has a quote in its header line that is never closed. Remove it.")
    return _unknown(columns, name, wanted)


def _unknown(columns: Sequence[str], name: str, wanted: str) -> NotUnderstood:
    """Return the error that says what columns without a match lack."""
    try:
        match(columns, name, wanted)
    except UnknownFormat as error:
        return NotUnderstood(str(error), may_be_needed=likeness(columns, wanted) >= 0.5)
    raise AssertionError("unreachable: identify() would have returned this matching header")


def _spelled(fields: tuple[str, ...], name: str, wanted: str) -> tuple[tuple[str, ...], Match | None]:
    """Return a header with case, blanks and quotes as in a format's column names, and its match.

    Return `fields` unchanged and None if the header matches no table that is loaded, or that has the file's
    name.
    """
    for each in (each for each in formats() if each.required):
        columns = [*each.known.values(), *each.not_needed.values()]
        spelled = {_plain(column): column for names in columns for column in names}
        header = tuple(spelled.get(_plain(value), value) for value in fields)
        found = _matched(header, name, each.name) if wanted in {"auto", each.name} else None
        if found and (found.is_needed or found.table == name.lower().partition(".")[0]):
            return header, found
    return fields, None


def _plain(name: str) -> str:
    return name.strip(BLANK + '"').casefold().replace(" ", "_")
