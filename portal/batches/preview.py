"""Show the first rows of a file before its import, and its values that are not UTF-8."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from pipeline.sources import format_named, known_names
from pipeline.sources.csv_layout import Layout
from pipeline.sources.csv_lines import BLANK
from pipeline.sources.csv_quoting import CsvFault
from pipeline.sources.fhir.lines import row_of
from pipeline.sources.fhir.resources import CONVERT
from pipeline.sources.identified import EmptyFile, NotUnderstood
from pipeline.sources.identify import decoded, identify, is_parquet, utf_16
from pipeline.sources.storage import unpacked
from portal.batches.inspection import DAMAGED, Inspected, head_of, identified, unreadable
from portal.batches.source_file import SourceFile
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires

_MOST_VALUES = 20


@dataclass(frozen=True)
class Contents:
    """What the first bytes of a file show: `contents` is for example "Synthea patients".

    `used` and `ignored` are numbers of columns, None where they are unknown; `size` is in bytes.
    """

    file: str
    contents: str
    used: int | None
    ignored: int | None
    size: int
    problem: str = ""


@dataclass(frozen=True)
class UndecodableValue:
    """A value that is not valid UTF-8, decoded as UTF-8 and as Windows-1252."""

    line: int
    column: str
    as_utf_8: str
    as_windows_1252: str


@requires("import_data")
def contents(_context: Context, file: SourceFile | Inspected) -> Contents:
    """Return the contents of a file, as far as its first bytes or an earlier inspection show them."""
    if isinstance(file, Inspected):
        return Contents(file.file.name, file.use.capitalize(), None, None, file.file.size, file.reason)
    try:
        found = identified(file)
    except EmptyFile:
        return Contents(file.name, "Empty", None, None, file.size)
    except NotUnderstood as error:
        return Contents(file.name, "Not understood", None, None, file.size, str(error))
    except (CsvFault, OSError, *DAMAGED) as error:
        is_fault = isinstance(error, CsvFault)
        reason = f"'{file.name}', {error}" if is_fault else unreadable(file, error)
        return Contents(file.name, "Not understood", None, None, file.size, reason)
    if not found.match.is_needed:
        return Contents(file.name, f"Not needed: {found.match.table}", None, None, file.size)
    kind = f"{format_named(found.match.format).label} {found.match.table}"
    ignored = len(found.match.ignored_columns)
    used = None if found.layout.resource else len(found.layout.header) - ignored
    return Contents(file.name, kind, used, None if used is None else ignored, file.size)


@requires("import_data")
def preview(context: Context, file: SourceFile, rows: int = 20) -> tuple[list[str], list[list[str]]]:
    """Return the header of a file and its first rows; no rows unless the user supplied the file.

    A file of an unknown format may lack a header line, so other users see only those of its column names that
    a known format has. Raise `ServiceError` if the file cannot be read.
    """
    sees_values = file.is_supplied_by(context.user)
    head = _readable_head(file)
    if is_parquet(head):
        return _parquet(file, rows if sees_values else 0)
    text = decoded(head, utf_16(head) or "utf-8")
    try:
        layout = identify(head, file.name).layout
    except (EmptyFile, NotUnderstood):
        layout = None
    if layout and layout.resource:
        return list(layout.header), _resources(text, layout, rows) if sees_values else []
    lines = islice(io.StringIO(text, newline=""), layout.header_lines - 1 if layout else 0, None)
    delimiter = layout.delimiter if layout else ","
    header, *body = list(islice(csv.reader(lines, delimiter=delimiter), rows + 1)) or [[]]
    if not (sees_values or layout):
        header = [name if name in known_names() else f"column {n}" for n, name in enumerate(header, 1)]
    return [name.strip(BLANK) for name in header], body if sees_values else []


def _parquet(file: SourceFile, rows: int) -> tuple[list[str], list[list[str]]]:
    from pipeline.sources.readers import reader_of  # noqa: PLC0415  (slow to import)

    try:
        layout = identified(file).layout
    except NotUnderstood:
        return [], []
    except CsvFault as error:
        raise ServiceError(f"'{file.name}', {error}") from None
    with file.open() as raw:
        first = next(reader_of(raw, layout).batches(), None) if rows else None
    found = first.slice(0, rows).to_pylist() if first else []
    return list(layout.header), [[row[name] or "" for name in layout.header] for row in found]


def _resources(text: str, layout: Layout, rows: int) -> list[list[str]]:
    """Return the rows of the first lines of FHIR resources."""
    if layout.resource not in CONVERT:
        return []
    found = (row_of(line, layout.resource) for line in islice(text.splitlines(), rows))
    return [[row.get(name) or "" for name in layout.header] for row in found]


def _readable_head(file: SourceFile) -> bytes:
    try:
        return head_of(file)
    except (OSError, *DAMAGED) as error:
        raise ServiceError(unreadable(file, error)) from None


@requires("import_data")
def undecodable_values(context: Context, file: SourceFile) -> list[UndecodableValue]:
    """Return the first values of a file that are not valid UTF-8, decoded in two encodings.

    The list is empty if the format is unknown or the file is NDJSON, Parquet or UTF-16. Raise `ServiceError`
    if the user did not supply the file, or if it cannot be read.
    """
    if not file.is_supplied_by(context.user):
        raise ServiceError(f"Values of '{file.name}' are shown only to the person who supplied the file.")
    head = _readable_head(file)
    if is_parquet(head):
        return []
    try:
        layout = identify(head, file.name, encoding="windows-1252").layout
    except (EmptyFile, NotUnderstood):
        return []
    if layout.resource or layout.encoding.startswith("utf-16"):
        return []
    with file.open() as raw:
        found = _undecodable(unpacked(raw), layout)
        return list(islice(found, _MOST_VALUES))


def _undecodable(lines: BinaryIO, layout: Layout) -> Iterator[UndecodableValue]:
    for number, line in enumerate(lines, 1):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            text = line.decode("latin-1").rstrip("\r\n")
            fields = next(csv.reader([text], delimiter=layout.delimiter), [])
            for name, value in zip(layout.header, fields, strict=False):
                if not _is_utf_8(data := value.encode("latin-1")):
                    both = (data.decode(encoding, errors="replace") for encoding in ("utf-8", "cp1252"))
                    yield UndecodableValue(number, name, *both)


def _is_utf_8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
