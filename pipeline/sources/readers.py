"""Choose the reader of a file by its layout. Import and jobs use the same readers."""

from __future__ import annotations

from typing import BinaryIO

from pipeline.sources.csv_layout import Layout
from pipeline.sources.csv_quoting import RowShape
from pipeline.sources.csv_reader import CsvReader
from pipeline.sources.fhir.ndjson_reader import NdjsonReader
from pipeline.sources.parquet_reader import ParquetReader

Reader = CsvReader | NdjsonReader | ParquetReader


def reader_of(raw: BinaryIO, layout: Layout, shape: RowShape | None = None) -> Reader:
    """Return a reader of a CSV file, whose rows have the `shape`, or of an NDJSON or Parquet file."""
    if layout.parquet:
        return ParquetReader(raw, layout)
    return NdjsonReader(raw, layout) if layout.resource else CsvReader(raw, layout, shape)
