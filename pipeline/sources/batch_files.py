"""Read the files of a batch according to its manifest, in the workers of an engine."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from pipeline.sources.csv_layout import Layout
from pipeline.sources.csv_quoting import CsvFault
from pipeline.sources.csv_reader import LINE, RAW, CsvReader
from pipeline.sources.storage import open_uri

FILE = "_file"


class SourceFault(Exception):
    """A file of a batch cannot be loaded; the message contains no value."""


def fault_in(error: Exception) -> str | None:
    """Return the message of a `SourceFault` inside an engine's error, or None."""
    found = re.search(rf"{SourceFault.__name__}: ([^\n]+)", str(error))
    return found[1].strip() if found else None


def layout_of(file: Mapping[str, Any]) -> Layout:
    """Return the layout of a file from its manifest entry."""
    return Layout(tuple(file["header"]), file["header_lines"], file["encoding"])


def reader(columns: Sequence[str]) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return a function for `mapInArrow` that maps file entries (JSON) to the rows of those files."""

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for entry in batch.column(0).to_pylist():
                yield from rows_of(json.loads(entry), columns)

    return read


def rows_of(file: Mapping[str, Any], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of one file: `columns` by name (NULL if missing), `LINE`, `RAW` and `FILE`.

    The file is hashed while it is read; a file that differs from the manifest fails at its end, before any
    row is kept.
    """
    header = list(file["header"])
    positions = {name: header.index(name) if name in header else None for name in columns}
    try:
        with open_uri(file["uri"]) as raw:
            source = CsvReader(raw, layout_of(file))
            for batch in source.batches():
                yield _with_columns(batch, positions, file["key"])
    except (OSError, EOFError, zlib.error) as error:
        raise SourceFault(f"{file['key']} cannot be read ({type(error).__name__}).") from None
    except CsvFault as error:
        raise SourceFault(f"{file['key']} cannot be read: {error}") from None
    if (source.sha256, source.rows) != (file["sha256"], file["rows"]):
        raise SourceFault(
            f"{file['key']} is not the file that was imported: "
            "its SHA-256 or number of rows differs from the manifest. "
            "Restore the object, or retire the batch and import it again."
        )


def _with_columns(batch: pa.RecordBatch, positions: Mapping[str, int | None], key: str) -> pa.RecordBatch:
    rows = batch.num_rows
    empty = pa.nulls(rows, pa.string())
    values = [empty if position is None else batch.column(position) for position in positions.values()]
    of_row = [
        batch.column(batch.num_columns - 2),
        batch.column(batch.num_columns - 1),
        pa.repeat(key, rows),
    ]
    return pa.RecordBatch.from_arrays([*values, *of_row], [*positions, LINE, RAW, FILE])
