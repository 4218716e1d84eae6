"""Read Parquet files as Arrow record batches of text, with the number of each row.

Import and jobs use this reader. A Parquet file is read from its end, so its content is copied to a temporary
file first; copies of up to 32 MB stay in memory.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.sources.csv_layout import Layout
from pipeline.sources.csv_quoting import CsvFault
from pipeline.sources.csv_reader import LINE, RAW
from pipeline.sources.storage import HashedStream, unpacked

_ROWS = 8_192
_IN_MEMORY = 32 << 20
_DAMAGED = "the Parquet file is damaged or cut off. Copy it again."


class ParquetReader:
    """One pass over one file.

    Afterwards, `rows` (their number) and `sha256` are those of the whole file; `not_data` is empty.
    `CsvFault` is raised for a file that cannot be read.
    """

    def __init__(self, raw: BinaryIO, layout: Layout) -> None:
        self.rows, self.sha256 = 0, ""
        self.not_data: Counter[str] = Counter()
        self._raw, self._layout = HashedStream(raw), layout

    def count(self) -> None:
        """Read the whole file to set `rows` and `sha256`, without keeping rows."""
        for batch in self.batches():
            del batch

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows in file order: the layout's columns, `LINE` (from 1) and `RAW` (NULL)."""
        with copied(self._raw) as content:
            self.sha256 = self._raw.sha256()
            for batch in _batches(content):
                lines = pa.array(np.arange(self.rows + 1, self.rows + 1 + batch.num_rows), pa.int64())
                self.rows += batch.num_rows
                columns = [as_text(column) for column in batch.columns]
                raw = pa.nulls(batch.num_rows, pa.string())
                names = [*self._layout.header, LINE, RAW]
                yield pa.RecordBatch.from_arrays([*columns, lines, raw], names)


def copied(raw: BinaryIO | HashedStream) -> BinaryIO:
    """Return a temporary copy of a stream, decompressed, at its start."""
    copy = tempfile.SpooledTemporaryFile(_IN_MEMORY)
    shutil.copyfileobj(unpacked(raw), copy, 1 << 20)
    copy.seek(0)
    return cast(BinaryIO, copy)


def columns_of(content: BinaryIO) -> list[str]:
    """Return the names of a Parquet file's columns; raise `CsvFault` if it cannot be read."""
    try:
        return list(pq.ParquetFile(pa.PythonFile(content, "r")).schema_arrow.names)
    except (pa.ArrowException, OSError):
        raise CsvFault(_DAMAGED) from None


def _batches(content: BinaryIO) -> Iterator[pa.RecordBatch]:
    try:
        yield from pq.ParquetFile(pa.PythonFile(content, "r")).iter_batches(_ROWS)
    except (pa.ArrowException, OSError):
        raise CsvFault(_DAMAGED) from None


def as_text(values: pa.Array) -> pa.Array:
    """Return values as the text that a CSV file would have; empty texts and NaN are NULL.

    Whole numbers of a floating-point column, as tools write columns of integers with missing values, have no
    decimals. Timestamps that the file stores in UTC end in Z; others are local.
    """
    type_ = values.type
    if pa.types.is_dictionary(type_):
        return as_text(values.dictionary_decode())
    if pa.types.is_floating(type_):
        return _number(values)
    if pa.types.is_timestamp(type_):
        return _timestamp(values)
    if pa.types.is_nested(type_):
        texts = [None if v is None else json.dumps(v, default=str) for v in values.to_pylist()]
        return pa.array(texts, pa.string())
    try:
        text = pc.cast(values, pa.string())
    except pa.ArrowException:
        raise CsvFault("a column of bytes contains no text in UTF-8. Export it as text.") from None
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _number(values: pa.Array) -> pa.Array:
    values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    is_whole = pc.and_(pc.equal(pc.floor(values), values), pc.less(pc.abs(values), 2**53))
    whole = pc.cast(pc.if_else(is_whole, values, pa.scalar(None, values.type)), pa.int64())
    return pc.if_else(is_whole, pc.cast(whole, pa.string()), pc.cast(values, pa.string()))


def _timestamp(values: pa.Array) -> pa.Array:
    in_utc = values.type.tz is not None
    text = pc.cast(pc.cast(values, pa.timestamp(values.type.unit)), pa.string())
    short = pc.replace_substring_regex(text, r"\.(\d*[1-9])?0*$", r".\1")
    short = pc.replace_substring_regex(short, r"\.$", "")
    return pc.binary_join_element_wise(short, "Z", "") if in_utc else short
