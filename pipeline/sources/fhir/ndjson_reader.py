"""Read NDJSON files of FHIR resources as Arrow record batches of text, line by line.

Import and jobs use this reader, so both count the same rows. A row is a line with text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa

from pipeline.sources.csv_layout import EncodingFault, Layout
from pipeline.sources.csv_lines import is_blank
from pipeline.sources.csv_quoting import CsvFault
from pipeline.sources.csv_reader import LINE, RAW
from pipeline.sources.fhir.lines import row_of
from pipeline.sources.fhir.resources import FAULT
from pipeline.sources.storage import HashedStream, unpacked

_ROWS = 4096
_BYTES = 4 << 20
_LONGEST_LINE = 256 << 20
_BOM = "\ufeff"


class NdjsonReader:
    """One pass over one file.

    Afterwards, `rows` (their number), `not_data` (number of blank lines) and `sha256` are those of the whole
    file. `CsvFault` is raised for a file that cannot be read.
    """

    def __init__(self, raw: BinaryIO, layout: Layout) -> None:
        self.rows, self.sha256 = 0, ""
        self.not_data: Counter[str] = Counter()
        self._raw, self._layout = HashedStream(raw), layout

    def count(self) -> None:
        """Read the whole file to set `rows`, `not_data` and `sha256`, without parsing it."""
        for _ in self._lines():
            self.rows += 1
        self.sha256 = self._raw.sha256()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows in file order: the layout's columns, `LINE`, `RAW` (the line) and `FAULT`."""
        lines: list[tuple[int, str]] = []
        size = 0
        for number, text in self._lines():
            lines.append((number, text))
            size += len(text)
            if len(lines) >= _ROWS or size >= _BYTES:
                yield self._batch(lines)
                lines, size = [], 0
        if lines:
            yield self._batch(lines)
        self.sha256 = self._raw.sha256()

    def _lines(self) -> Iterator[tuple[int, str]]:
        """Yield number and text of each line with text; count the blank ones."""
        source = unpacked(self._raw)
        number = 0
        while data := source.readline(_LONGEST_LINE + 1):
            number += 1
            if len(data) > _LONGEST_LINE:
                raise CsvFault(f"line {number}: the line is longer than {_LONGEST_LINE >> 20} MB.")
            text = _decoded(data, number).rstrip("\r\n")
            text = text.removeprefix(_BOM) if number == 1 else text
            if is_blank(text):
                self.not_data["blank"] += 1
            else:
                yield number, text

    def _batch(self, lines: Sequence[tuple[int, str]]) -> pa.RecordBatch:
        self.rows += len(lines)
        rows = [row_of(text, self._layout.resource) for _, text in lines]
        header = self._layout.header
        columns = [pa.array([row.get(name) for row in rows], pa.string()) for name in (*header, FAULT)]
        numbers = pa.array([number for number, _ in lines], pa.int64())
        raw = pa.array([text for _, text in lines], pa.string())
        return pa.RecordBatch.from_arrays(
            [*columns[:-1], numbers, raw, columns[-1]], [*header, LINE, RAW, FAULT]
        )


def _decoded(data: bytes, line: int) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        byte = data[error.start]
        raise EncodingFault(
            f"line {line}: byte 0x{byte:02X} is not UTF-8. Export the file as UTF-8."
        ) from None
