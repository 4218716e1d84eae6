"""Convert the rows of a file by its mapping. Import check and jobs use this code, on both engines."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.sources.mapped.functions import FUNCTIONS, converted
from pipeline.sources.mapped.model import ColumnMapping, FileMapping


def bronze_columns(batch: pa.RecordBatch, mapping: FileMapping, names: Sequence[str]) -> list[pa.Array]:
    """Return the bronze columns `names` of the rows of a file; NULL where the mapping has none."""
    by_target = {each.target: each for each in mapping.columns}
    empty = pa.nulls(batch.num_rows, pa.string())
    return [_column(batch, by_target[name]) if name in by_target else empty for name in names]


def _column(batch: pa.RecordBatch, column: ColumnMapping) -> pa.Array:
    if not FUNCTIONS[column.function].reads_columns:
        return pa.repeat(str(column.options["value"]), batch.num_rows)
    texts = _joined([batch.column(name) for name in column.columns], column.options.get("separator", " "))
    return _converted(texts, column)


def _joined(columns: Sequence[pa.Array], separator: str) -> pa.Array:
    """Return the texts of several columns, without those that are empty; NULL where all are."""
    if len(columns) == 1:
        return columns[0]
    trimmed = [pc.utf8_trim_whitespace(each) for each in columns]
    values = [pc.if_else(pc.equal(each, ""), pa.scalar(None, pa.string()), each) for each in trimmed]
    joined = pc.binary_join_element_wise(*values, separator, null_handling="skip")
    return pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), joined)


def _converted(texts: pa.Array, column: ColumnMapping) -> pa.Array:
    """Convert each different text once: most columns repeat their values."""
    encoded = texts.dictionary_encode()
    values = [converted(text, column.function, column.options) for text in encoded.dictionary.to_pylist()]
    return pa.array(values, pa.string()).take(encoded.indices)
