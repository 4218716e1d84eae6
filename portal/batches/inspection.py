"""Inspect the files of an extract before the import: table, format, number of rows and hash of each file."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from pipeline import sources
from pipeline.sources import TABLES, Match, UnknownFormat, format_named, formats
from pipeline.sources.csv_layout import DELIMITERS, LABELS, EncodingFault, Layout
from pipeline.sources.csv_lines import KINDS
from pipeline.sources.csv_quoting import CsvFault, RowShape
from pipeline.sources.identified import EmptyFile, Identified, NotUnderstood
from pipeline.sources.identify import HEAD, identify, identify_parquet, is_parquet
from pipeline.sources.storage import unpacked
from portal.batches import archives
from portal.batches.source_file import SourceFile
from portal.core.errors import ServiceError

if TYPE_CHECKING:
    from pipeline.sources.readers import Reader

Use = Literal["loaded", "not needed", "empty", "not understood"]

_TYPES = ("csv", "tsv", "psv", "txt", "ndjson", "jsonl", "parquet", "dat")
ENDINGS = (*(f".{each}" for each in _TYPES), *(f".{each}.gz" for each in _TYPES), ".zip")
"""Endings of the names of tables. Other files are inspected, too, but only a spreadsheet stops an import."""

_SPREADSHEETS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")

DAMAGED = (EOFError, zlib.error, lzma.LZMAError, *archives.DAMAGED)


@dataclass(frozen=True)
class Inspected:
    """An inspected file: its use and, if it is not loaded, the reason.

    `not_data` counts skipped lines by kind; `stops` is true if the file prevents the import of the extract.
    """

    file: SourceFile
    use: Use
    match: Match | None = None
    layout: Layout | None = None
    rows: int | None = None
    not_data: dict[str, int] = field(default_factory=dict)
    sha256: str = ""
    reason: str = ""
    stops: bool = False

    def summary(self) -> dict[str, object]:
        """Return the description of the file for the manifest and the command line."""
        kind = self.match.table if self.match else None
        return {
            "name": self.file.name,
            "use": self.use,
            "kind": kind,
            "rows": self.rows,
            "not_data": self.not_data,
            "encoding": self.layout.encoding if self.layout else None,
            "delimiter": self.layout.delimiter if self.layout else None,
            "resource": self.layout.resource if self.layout else "",
            "reason": self.reason,
        }


def files_of(path: Path) -> Iterator[SourceFile | Inspected]:
    """Yield the files of a directory or a ZIP archive, but no hidden files.

    An entry that cannot be opened is yielded as not understood; the files of ZIP archives are yielded, too,
    and the parts of a table that Spark wrote as a directory.
    """
    for each in _visible(path) if path.is_dir() else [path]:
        if parts := _parts(each):
            yield from (SourceFile.of(part, f"{each.name}/{part.name}") for part in parts)
        elif problem := _file_problem(each):
            empty = SourceFile.from_bytes(each.name, b"")
            yield _not_understood(empty, f"'{each.name}' {problem}", may_be_needed=True)
        else:
            yield from expanded(SourceFile.of(each))


def _visible(folder: Path) -> list[Path]:
    return [each for each in sorted(folder.iterdir()) if each.name[0] not in "._"]


def _parts(path: Path) -> list[Path]:
    """Return the files of a directory if all are parts of one table, as Spark writes them; else none."""
    found = _visible(path) if path.is_dir() else []
    return found if all(each.name.startswith("part-") and each.is_file() for each in found) else []


def expanded(file: SourceFile) -> Iterator[SourceFile | Inspected]:
    """Yield the file itself or, if it is a ZIP archive, its files."""
    try:
        if not archives.is_zip(file):
            yield file
            return
        yield from archives.members(file)
    except NotUnderstood as error:
        yield _not_understood(file, str(error), may_be_needed=True)
    except OSError as error:
        yield _not_understood(file, unreadable(file, error), may_be_needed=True)


def _file_problem(path: Path) -> str:
    if path.is_dir():
        return "is a directory, not a file. Import it by itself, or move its files up into this one."
    if path.is_symlink() and not path.exists():
        return "is a broken link. Restore the file that it points to, or remove the link."
    return "" if path.is_file() else "is not a regular file. Replace it with the CSV file."


def inspect(file: SourceFile, format: str = "auto", encoding: str = "utf-8") -> Inspected:
    """Identify a file, count its rows and hash it; decode it with `encoding` if it is not valid UTF-8.

    Raise `ServiceError` if there is no such `format`.
    """
    try:
        return _read_in(file, format, encoding)
    except UnknownFormat as error:
        raise ServiceError(str(error)) from None
    except EmptyFile as error:
        return Inspected(file, "empty", reason=str(error))
    except NotUnderstood as error:
        return _not_understood(file, str(error), error.may_be_needed)
    except CsvFault as error:
        return _not_understood(file, f"'{file.name}', {error}", may_be_needed=True)
    except (OSError, *DAMAGED) as error:
        return _not_understood(file, unreadable(file, error), may_be_needed=True)


def unreadable(file: SourceFile, error: Exception) -> str:
    """Return a message: why a file cannot be read, and what to do."""
    if isinstance(error, OSError) and error.strerror:
        return f"'{file.name}' cannot be read ({error.strerror}). Check the file and its permissions."
    return f"'{file.name}' cannot be read: the gzip archive is damaged or cut off. Copy it again."


def _read_in(file: SourceFile, format: str, encoding: str) -> Inspected:
    """Read a file as UTF-8 or, if it is not valid UTF-8, in the chosen encoding."""
    try:
        return _read(file, format, "utf-8")
    except EncodingFault:
        if encoding == "utf-8":
            raise
    return _read(file, format, encoding)


def _read(file: SourceFile, format: str, encoding: str) -> Inspected:
    found = identified(file, format, encoding)
    if not found.match.is_needed:
        return _not_needed(file, found.match, found.layout)
    _refuse_repeated(found.layout.header, file.name)
    with file.open() as raw:
        reader = _reader_of(raw, found.layout, _shape(found))
        reader.count()
    above = {"title": found.titles, "blank": found.blanks + reader.not_data.pop("blank", 0)}
    not_data = {name: count for name, count in {**reader.not_data, **above}.items() if count}
    return Inspected(file, "loaded", found.match, found.layout, reader.rows, not_data, reader.sha256)


def identified(file: SourceFile, format: str = "auto", encoding: str = "utf-8") -> Identified:
    """Return type and layout of a file by its content; a name such as `patients.csv` decides nothing.

    Raise `EmptyFile` or `NotUnderstood` like `identify`, and `CsvFault` for a damaged Parquet file.
    """
    head = head_of(file)
    if not is_parquet(head):
        return identify(head, file.name, format, encoding)
    from pipeline.sources.parquet_reader import columns_of, copied  # noqa: PLC0415  (slow to import)

    with file.open() as raw:
        content = raw if raw.seekable() and is_parquet(raw.read(4)) else copied(raw)
        return identify_parquet(columns_of(content), file.name, format)


def _shape(found: Identified) -> RowShape:
    """Return what rows of the file look like."""
    kind, table = format_named(found.match.format), found.match.table
    keys, dates = kind.keys.get(table, ()), kind.dates.get(table, ())
    return RowShape.of(found.layout.header, keys, dates, found.layout.delimiter)


def _reader_of(raw: BinaryIO, layout: Layout, shape: RowShape | None = None) -> Reader:
    """Return the reader of a file; import it on use, because numpy and Arrow are slow to import."""
    from pipeline.sources.readers import reader_of  # noqa: PLC0415

    return reader_of(raw, layout, shape)


def _not_needed(file: SourceFile, match: Match, layout: Layout) -> Inspected:
    """Return a description of a file that no table needs; its `rows` are None if it has errors."""
    rows = None
    try:
        with file.open() as raw:
            reader = _reader_of(raw, layout)
            reader.count()
            rows = reader.rows
    except (CsvFault, *DAMAGED):
        pass
    return Inspected(file, "not needed", match, layout, rows, reason=f"no table is built from {match.table}")


def _refuse_repeated(header: tuple[str, ...], name: str) -> None:
    repeated = {each for each in header if each and header.count(each) > 1}
    if repeated:
        raise NotUnderstood(
            f"'{name}' has a column twice: {sources.describe(repeated)}. Give each column its own name."
        )


def _not_understood(file: SourceFile, reason: str, may_be_needed: bool) -> Inspected:
    """Return a description of a file that cannot be read; it stops the import if a table may need it."""
    name = file.name.lower()
    is_spare = any(name.partition(".")[0] in each.not_needed for each in formats())
    is_table = any(table in name for table in (*TABLES, "providers"))
    may_be_table = name.endswith(ENDINGS) or (is_table and name.endswith(_SPREADSHEETS))
    stops = may_be_table and not is_spare and (may_be_needed or is_table)
    return Inspected(file, "not understood", reason=reason, stops=stops)


def head_of(file: SourceFile) -> bytes:
    """Return the first bytes of a file, decompressed."""
    with file.open() as raw:
        return unpacked(raw).read(HEAD)


def describe(files: list[dict[str, object]]) -> list[str]:
    """Return one line of text per file summary."""
    return [_line(each) for each in files]


def _line(file: dict[str, object]) -> str:
    rows = "" if file["rows"] is None else f", {file['rows']:,} rows"
    if file["use"] == "loaded":
        by = f", by the mapping {file['mapping']}" if file.get("mapping") else ""
        return f"{file['name']}: {file['kind']}{rows}{_reading(file)}{by}{_skipped(file['not_data'])}"
    if file["use"] == "not needed":
        return f"{file['name']}: not needed, {file['reason']}{rows}"
    return f"{file['name']}: {file['use']}. {file['reason']}"


def _reading(file: dict[str, object]) -> str:
    """Return encoding and delimiter of a file, if unusual: ", read as UTF-16, separated by semicolons".

    For NDJSON, return the type of the resources.
    """
    encoding, delimiter = str(file["encoding"]), str(file["delimiter"])
    if not delimiter:
        return ", read as Parquet"
    read_as = f", read as {LABELS[encoding]}" if encoding != "utf-8" else ""
    if file.get("resource"):
        return f", FHIR resources of the type {file['resource']}"
    return read_as + (f", separated by {DELIMITERS[delimiter]}" if delimiter != "," else "")


def _skipped(not_data: object) -> str:
    counts = dict(not_data) if isinstance(not_data, dict) else {}
    words = ", ".join(f"{KINDS[kind]} {count:,}" for kind, count in sorted(counts.items()))
    return f"; not data: {words}" if words else ""
