"""Read the files of a batch according to its manifest, in the workers of an engine."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.sources.csv_layout import Layout
from pipeline.sources.csv_quoting import CsvFault
from pipeline.sources.csv_reader import LINE, RAW
from pipeline.sources.fhir.resources import FAULT
from pipeline.sources.mapped.apply import bronze_columns
from pipeline.sources.mapped.model import FileMapping
from pipeline.sources.readers import reader_of
from pipeline.sources.storage import open_uri

FILE, BATCH, RECEIVED_AT, OTHERS = "_file", "batch_id", "_received_at", "_others"
"""Added columns: file key, batch id, receipt time, the file's other columns as members of a JSON object."""


_ROWS_PER_BATCH = 8_192
"""Minimum number of rows per record batch, except for the last."""


class SourceFault(Exception):
    """A file of a batch cannot be loaded; the message contains no value."""


def fault_in(error: Exception) -> str | None:
    """Return the message of a `SourceFault` inside an engine's error, or None."""
    found = re.search(rf"{SourceFault.__name__}: ([^\n]+)", str(error))
    return found[1].strip() if found else None


def layout_of(file: Mapping[str, Any]) -> Layout:
    """Return the layout of a file from its manifest entry."""
    return Layout(
        tuple(file["header"]),
        file["header_lines"],
        file["encoding"],
        file["delimiter"],
        file.get("resource", ""),
        file.get("parquet", False),
    )


def reader(columns: Sequence[str]) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return a function for `mapInArrow` that maps file entries (JSON) to the rows of those files."""

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        entries = (json.loads(entry) for batch in batches for entry in batch.column(0).to_pylist())
        return _merged(batch for entry in entries for batch in rows_of(entry, columns))

    return read


def _merged(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Join small batches, because each costs the engine a pass over all expressions of its plan."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(each.num_rows for each in waiting) >= _ROWS_PER_BATCH:
            yield from pa.Table.from_batches(waiting).combine_chunks().to_batches()
            waiting = []
    if waiting:
        yield from pa.Table.from_batches(waiting).combine_chunks().to_batches()


def rows_of(file: Mapping[str, Any], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of one file: `columns` by name (NULL if missing) and the added columns.

    `OTHERS` has all other columns of the file in one text, so that a run's plan does not grow with their
    number. The file is hashed while it is read. Raise `SourceFault` if it cannot be read or, at its end and
    before any row is kept, if it differs from the manifest.
    """
    header = list(file["header"])
    positions = {name: header.index(name) if name in header else None for name in columns}
    mapping = FileMapping.of(file["mapping"]) if file.get("mapping") else None
    others = [number for number, name in enumerate(header) if name and name not in positions]
    try:
        with open_uri(file["uri"]) as raw:
            source = reader_of(raw, layout_of(file))
            for batch in source.batches():
                yield (
                    _mapped(batch, mapping, columns, file)
                    if mapping
                    else _with_columns(batch, positions, others, file)
                )
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


def _mapped(
    batch: pa.RecordBatch, mapping: FileMapping, columns: Sequence[str], file: Mapping[str, Any]
) -> pa.RecordBatch:
    """Return the rows with the columns that a mapping computes, and with their text as received."""
    header = file["header"]
    raw = batch.column(len(header) + 1)
    members = _members(batch, [number for number, name in enumerate(header) if name])
    object_ = pc.binary_join_element_wise("{", pc.fill_null(members, ""), "}", "")
    of_row = {
        LINE: batch.column(len(header)),
        RAW: pc.coalesce(raw, object_),
        FAULT: _ragged(raw),
        OTHERS: pa.nulls(batch.num_rows, pa.string()),
        **{name: pa.repeat(file[name.lstrip("_")], batch.num_rows) for name in (BATCH, RECEIVED_AT)},
        FILE: pa.repeat(file["key"], batch.num_rows),
    }
    values = bronze_columns(batch, mapping, columns)
    return pa.RecordBatch.from_arrays([*values, *of_row.values()], [*columns, *of_row])


def _with_columns(
    batch: pa.RecordBatch, positions: Mapping[str, int | None], others: Sequence[int], file: Mapping[str, Any]
) -> pa.RecordBatch:
    rows = batch.num_rows
    empty = pa.nulls(rows, pa.string())
    raw = batch.column(len(file["header"]) + 1)
    of_row = {
        LINE: batch.column(len(file["header"])),
        RAW: raw,
        FAULT: batch.column(len(file["header"]) + 2) if file.get("resource") else _ragged(raw),
        OTHERS: _members(batch, others) if others else empty,
        **{name: pa.repeat(file[name.lstrip("_")], rows) for name in (BATCH, RECEIVED_AT)},
        FILE: pa.repeat(file["key"], rows),
    }
    values = [empty if position is None else batch.column(position) for position in positions.values()]
    return pa.RecordBatch.from_arrays([*values, *of_row.values()], [*positions, *of_row])


def _ragged(raw: pa.Array) -> pa.Array:
    """Return an empty text for each CSV row with a wrong number of fields, else NULL (its rule explains)."""
    return pc.if_else(pc.is_valid(raw), "", pa.scalar(None, pa.string()))


def _members(batch: pa.RecordBatch, positions: Sequence[int]) -> pa.Array:
    """Return for each row the text ``"name":"value",…`` of the columns with a value; NULL if none has one."""
    named = [(batch.schema.field(number).name, batch.column(number)) for number in positions]
    members = [
        pc.fill_null(pc.binary_join_element_wise(f",{json.dumps(name)}:", _quoted(values), ""), "")
        for name, values in named
    ]
    joined = pc.binary_join_element_wise(*members, "")
    return pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), pc.utf8_slice_codeunits(joined, 1))


def _quoted(values: pa.Array) -> pa.Array:
    """Return texts as JSON strings, and NULL as NULL."""
    if pc.any(pc.match_substring_regex(values, r"[\x00-\x1f]")).as_py():
        texts = [
            None if value is None else json.dumps(value, ensure_ascii=False) for value in values.to_pylist()
        ]
        return pa.array(texts, pa.string())
    escaped = pc.replace_substring(pc.replace_substring(values, "\\", "\\\\"), '"', '\\"')
    return pc.binary_join_element_wise('"', escaped, '"', "")
