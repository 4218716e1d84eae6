"""Inspect the files of an extract before the import: table, format, number of rows and hash of each file."""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from pipeline import sources
from pipeline.sources import TABLES, Match, UnknownFormat, format_named, known_names, synthea
from pipeline.sources.csv_layout import EncodingFault, Layout
from pipeline.sources.csv_lines import BLANK, KINDS
from pipeline.sources.csv_quoting import CsvFault, RowShape
from pipeline.sources.identify import HEAD, EmptyFile, NotUnderstood, identify
from pipeline.sources.storage import unpacked
from portal.core.auth import User
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires

if TYPE_CHECKING:
    from pipeline.sources.csv_reader import CsvReader

Use = Literal["loaded", "not needed", "empty", "not understood"]

_DAMAGED = (EOFError, zlib.error)
_MOST_VALUES = 20


@dataclass(frozen=True)
class SourceFile:
    """A file of an extract; `open` returns a new stream from the start of the file.

    `supplier` is the subject of the user who supplied it, the only one to whom values of it are shown.
    """

    name: str
    size: int
    open: Callable[[], BinaryIO]
    supplier: str = ""

    def is_supplied_by(self, user: User) -> bool:
        return bool(self.supplier) and self.supplier == user.subject

    @classmethod
    def of(cls, path: Path) -> SourceFile:
        return cls(path.name, path.stat().st_size, lambda: path.open("rb"))

    @classmethod
    def from_bytes(cls, name: str, content: bytes) -> SourceFile:
        return cls(name, len(content), lambda: io.BytesIO(content))


@dataclass(frozen=True)
class Inspected:
    """An inspected file: its use and, if it is not loaded, the reason.

    `not_data` counts skipped lines by kind; `stops` is true if the file prevents the import.
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
            "reason": self.reason,
        }


@dataclass(frozen=True)
class UndecodableValue:
    """A value that is not valid UTF-8, decoded as UTF-8 and as Windows-1252."""

    line: int
    column: str
    as_utf_8: str
    as_windows_1252: str


def files_of(folder: Path) -> Iterator[SourceFile | Inspected]:
    """Yield the CSV files of a directory; a file that cannot be opened is yielded as not understood."""
    for path in sorted(folder.iterdir()):
        if path.name[0] in "._" or not path.name.lower().endswith((".csv", ".csv.gz")):
            continue
        if problem := _file_problem(path):
            empty = SourceFile.from_bytes(path.name, b"")
            yield _not_understood(empty, f"'{path.name}' {problem}", may_be_needed=True)
        else:
            yield SourceFile.of(path)


def _file_problem(path: Path) -> str:
    if path.is_dir():
        return "is a directory, not a file. Pass that directory, or move its CSV files up into this one."
    if path.is_symlink() and not path.exists():
        return "is a broken link. Restore the file that it points to, or remove the link."
    return "" if path.is_file() else "is not a regular file. Replace it with the CSV file."


def inspect(file: SourceFile, format: str = "auto", encoding: str = "utf-8") -> Inspected:
    """Identify a file and count its rows; decode it with `encoding` if it is not UTF-8.

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
    except (OSError, *_DAMAGED) as error:
        return _not_understood(file, _unreadable(file, error), may_be_needed=True)


def _unreadable(file: SourceFile, error: Exception) -> str:
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
    found = identify(_head(file), file.name, format, encoding)
    if not found.match.is_needed:
        return _not_needed(file, found.match, found.layout)
    _refuse_repeated(found.layout.header, file.name)
    kind = format_named(found.match.format)
    table = found.match.table
    shape = RowShape.of(found.layout.header, kind.keys[table], kind.dates[table])
    with file.open() as raw:
        reader = _reader()(raw, found.layout, shape)
        reader.count()
    above = {"title": found.titles, "blank": found.blanks + reader.not_data.pop("blank", 0)}
    not_data = {name: count for name, count in {**reader.not_data, **above}.items() if count}
    return Inspected(file, "loaded", found.match, found.layout, reader.rows, not_data, reader.sha256)


def _reader() -> type[CsvReader]:
    """Return the CSV reader; import it on use, because numpy and Arrow are slow to import."""
    from pipeline.sources.csv_reader import CsvReader  # noqa: PLC0415

    return CsvReader


def _not_needed(file: SourceFile, match: Match, layout: Layout) -> Inspected:
    """Describe a file that no table needs; errors in it are ignored."""
    rows = None
    try:
        with file.open() as raw:
            reader = _reader()(raw, layout)
            reader.count()
            rows = reader.rows
    except (CsvFault, *_DAMAGED):
        pass
    return Inspected(file, "not needed", match, layout, rows, reason=f"no table is built from {match.table}")


def _refuse_repeated(header: tuple[str, ...], name: str) -> None:
    repeated = {each for each in header if each and header.count(each) > 1}
    if repeated:
        raise NotUnderstood(
            f"'{name}' has a column twice: {sources.describe(repeated)}. Give each column its own name."
        )


def _not_understood(file: SourceFile, reason: str, may_be_needed: bool) -> Inspected:
    name = file.name.lower()
    is_spare = name.partition(".")[0] in synthea.NOT_NEEDED
    is_table = any(table in name for table in (*TABLES, "providers"))
    return Inspected(
        file, "not understood", reason=reason, stops=not is_spare and (may_be_needed or is_table)
    )


def _head(file: SourceFile) -> bytes:
    with file.open() as raw:
        return unpacked(raw).read(HEAD)


def describe(files: list[dict[str, object]]) -> list[str]:
    """Return one line of text per file summary."""
    return [_line(each) for each in files]


def _line(file: dict[str, object]) -> str:
    rows = "" if file["rows"] is None else f", {file['rows']:,} rows"
    if file["use"] == "loaded":
        is_other = file["encoding"] not in {None, "utf-8"}
        encoding = f", read as {file['encoding']}" if is_other else ""
        return f"{file['name']}: {file['kind']}{rows}{encoding}{_skipped(file['not_data'])}"
    if file["use"] == "not needed":
        return f"{file['name']}: not needed, {file['reason']}{rows}"
    return f"{file['name']}: {file['use']}. {file['reason']}"


def _skipped(not_data: object) -> str:
    counts = dict(not_data) if isinstance(not_data, dict) else {}
    words = ", ".join(f"{KINDS[kind]} {count:,}" for kind, count in sorted(counts.items()))
    return f"; not data: {words}" if words else ""


@requires("import_data")
def preview(context: Context, file: SourceFile, rows: int = 20) -> tuple[list[str], list[list[str]]]:
    """Return the header of a CSV file and, for the user who supplied it, its first rows.

    A file of an unknown format may lack a header line, so other users see only the column names of known
    formats.
    """
    sees_values = file.is_supplied_by(context.user)
    head = _readable_head(file)
    text = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="replace")
    try:
        layout = identify(head, file.name).layout
    except (EmptyFile, NotUnderstood):
        layout = None
    lines = islice(io.StringIO(text, newline=""), layout.header_lines - 1 if layout else 0, None)
    header, *body = list(islice(csv.reader(lines), rows + 1)) or [[]]
    if not (sees_values or layout):
        header = [name if name in known_names() else f"column {n}" for n, name in enumerate(header, 1)]
    return [name.strip(BLANK) for name in header], body if sees_values else []


def _readable_head(file: SourceFile) -> bytes:
    try:
        return _head(file)
    except (OSError, *_DAMAGED) as error:
        raise ServiceError(_unreadable(file, error)) from None


@requires("import_data")
def undecodable_values(context: Context, file: SourceFile) -> list[UndecodableValue]:
    """Return the first values of a file that are not valid UTF-8, so that its supplier chooses the encoding.

    Raise `ServiceError` for other users.
    """
    if not file.is_supplied_by(context.user):
        raise ServiceError(f"Values of '{file.name}' are shown only to the person who supplied the file.")
    try:
        layout = identify(_readable_head(file), file.name, encoding="windows-1252").layout
    except (EmptyFile, NotUnderstood):
        return []
    with file.open() as raw:
        found = _undecodable(unpacked(raw), layout)
        return list(islice(found, _MOST_VALUES))


def _undecodable(lines: BinaryIO, layout: Layout) -> Iterator[UndecodableValue]:
    for number, line in enumerate(lines, 1):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            fields = next(csv.reader([line.decode("latin-1").rstrip("\r\n")]), [])
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
