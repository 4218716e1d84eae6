"""Files of an extract with columns of no known format: layout, first rows, and loading by a mapping."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from pipeline.sources import MAPPED, Match, formats
from pipeline.sources.csv_layout import EncodingFault, Layout
from pipeline.sources.csv_quoting import CsvFault
from pipeline.sources.identify import decoded, is_parquet, utf_16
from pipeline.sources.mapped import header as headers
from pipeline.sources.mapped.model import ColumnMapping, FileMapping
from portal.batches.inspection import DAMAGED, Inspected, head_of
from portal.batches.mapping.propose import Table
from portal.batches.source_file import SourceFile

if TYPE_CHECKING:
    import pyarrow as pa

    from pipeline.sources.readers import Reader

NATIVE = "native"
"""Name of the mapping of files that have the bronze columns themselves, in a batch with mapped files."""

_ROWS = 1000
_FAULTS = (CsvFault, OSError, *DAMAGED)


@dataclass(frozen=True)
class Unknown:
    """A file of no known format that can be mapped: its layout, and the lines above its header."""

    file: SourceFile
    layout: Layout
    titles: int = 0
    blanks: int = 0


def unknown(file: SourceFile, encoding: str = "utf-8") -> Unknown | None:
    """Return a file of no known format with its layout, or None if it has no header of different names."""
    try:
        head = head_of(file)
        if is_parquet(head):
            return _parquet(file)
        code = utf_16(head) or _encoding(head, encoding)
        found = headers.find(decoded(head, code), code)
    except _FAULTS:
        return None
    return Unknown(file, found.layout, found.titles, found.blanks) if found else None


def _encoding(head: bytes, chosen: str) -> str:
    """Return UTF-8 if the whole lines of a file's start are UTF-8, else the chosen encoding."""
    try:
        head[: head.rfind(b"\n") + 1].decode("utf-8")
    except UnicodeDecodeError:
        return chosen
    return "utf-8"


def _parquet(file: SourceFile) -> Unknown | None:
    from pipeline.sources.parquet_reader import columns_of, copied  # noqa: PLC0415  (slow to import)

    with file.open() as raw:
        names = tuple(columns_of(copied(raw)))
    return (
        Unknown(file, Layout(names, 0, delimiter="", parquet=True)) if len({*names}) == len(names) else None
    )


def table(given: Unknown) -> Table:
    """Return the first rows of a file for a proposal; no rows if it cannot be read."""
    try:
        rows = [list(row.values()) for row in islice(_rows(given), _ROWS)]
    except _FAULTS:
        rows = []
    return Table.of(given.file.name, given.layout.header, rows)


def _rows(given: Unknown) -> Iterator[dict[str, str]]:
    names = list(given.layout.header)
    for batch in batches(given):
        columns = [batch.column(number).to_pylist() for number in range(len(names))]
        for row in zip(*columns, strict=True):
            yield {name: value or "" for name, value in zip(names, row, strict=True)}


def batches(given: Unknown) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file as the jobs read them."""
    with given.file.open() as raw:
        yield from _reader(given, raw).batches()


def _reader(given: Unknown, raw: Any) -> Reader:
    from pipeline.sources.readers import reader_of  # noqa: PLC0415  (slow to import)

    return reader_of(raw, given.layout)


def loaded(given: Unknown, mapping: FileMapping, encoding: str = "utf-8") -> Inspected:
    """Return a file as it is loaded by a mapping; read it once to count its rows and hash it."""
    try:
        return _loaded(given, mapping)
    except EncodingFault:
        if encoding == "utf-8":
            raise
    return _loaded(replace(given, layout=replace(given.layout, encoding=encoding)), mapping)


def _loaded(given: Unknown, mapping: FileMapping) -> Inspected:
    with given.file.open() as raw:
        reader = _reader(given, raw)
        reader.count()
    above = {"title": given.titles, "blank": given.blanks + reader.not_data.pop("blank", 0)}
    not_data = {name: count for name, count in {**reader.not_data, **above}.items() if count}
    match = Match(MAPPED, mapping.table, mapping.unused)
    return Inspected(given.file, "loaded", match, given.layout, reader.rows, not_data, reader.sha256)


def native_mapping(table: str, layout: Layout) -> FileMapping:
    """Return the mapping of a file that has the bronze columns themselves."""
    known = formats()[0].known[table]
    columns = tuple(ColumnMapping(name, "copy", (name,)) for name in layout.header if name in known)
    return FileMapping(table, layout.header, columns)
