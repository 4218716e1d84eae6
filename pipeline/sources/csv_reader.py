"""Read CSV files as Arrow record batches of text, with the first line number of each row.

Import and jobs use this reader, so both count the same rows. Two parsers share the work: pyarrow's reads
blocks in which quotes enclose whole fields within one line; Python's `csv` in strict mode reads the other
blocks, and ragged or suspect lines of all blocks. A test compares the parsers.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from pipeline.sources.csv_layout import LABELS, EncodingFault, Layout
from pipeline.sources.csv_lines import BLANK, START, kind_of
from pipeline.sources.csv_quoting import CsvFault, RowShape, broken, swallowed
from pipeline.sources.storage import HashedStream, as_utf_8, unpacked

LINE, RAW = "_line", "_raw"
"""Columns added to a file's columns: first line number, and the text of a row with a wrong field count."""


_BLOCK = 4 << 20
_LONGEST_RECORD = 256 << 20
_BOM = b"\xef\xbb\xbf"
_EXPORT = "Export the file as UTF-8."


@dataclass(frozen=True)
class _Record:
    """A row: first line number, fields, and its text if the number of fields is wrong."""

    line: int
    fields: list[str]
    raw: str | None


class CsvReader:
    """One pass over one file.

    Afterwards, `rows` (their number), `not_data` (number of lines by kind) and `sha256` are those of the
    whole file. `CsvFault` is raised for a file that cannot be read and, with `shape`, for a quoted field that
    has swallowed rows. `can_be_plain` allows pyarrow's parser, which is faster.
    """

    def __init__(
        self,
        raw: BinaryIO,
        layout: Layout,
        shape: RowShape | None = None,
        *,
        block: int = _BLOCK,
        can_be_plain: bool = True,
    ) -> None:
        self.rows, self.sha256 = 0, ""
        self.not_data: Counter[str] = Counter()
        self._raw, self._layout, self._shape, self._block = HashedStream(raw), layout, shape, block
        self._can_be_plain = can_be_plain and len(layout.header) > 1

    def count(self) -> None:
        """Read the whole file to set `rows`, `not_data` and `sha256`, without returning rows."""
        for parsed in self._parsed(columns=1):
            self.rows += len(parsed)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows, not always in file order: columns as text (NULL if empty), `LINE` and `RAW`."""
        for parsed in self._parsed(columns=len(self._layout.header)):
            self.rows += len(parsed)
            if len(parsed):
                to_batch = _plain_batch if isinstance(parsed, pa.Table) else _batch
                yield to_batch(parsed, self._layout.header)

    def _parsed(self, columns: int) -> Iterator[pa.Table | list[_Record]]:
        """Yield the rows block by block, as records or as a table whose last column is `LINE`."""
        begun, first_line = "", 1
        for text, line, is_last in self._blocks():
            first_line = first_line if begun else line
            block = begun + text
            plain = self._plain(block, first_line, columns)
            if plain is not None:
                begun = ""
                yield from plain
                continue
            records, begun, first_line = self._exact(block, first_line, is_last)
            yield records
        self.sha256 = self._raw.sha256()

    def _blocks(self) -> Iterator[tuple[str, int, bool]]:
        """Yield the text below the header, cut at line ends, with the first line number of each block."""
        source, line, size = as_utf_8(unpacked(self._raw), self._layout.encoding), 1, self._block
        rest = source.read(len(_BOM))
        rest = b"" if rest == _BOM else rest
        while True:
            more = source.read(size)
            data = rest + more
            cut = _last_line_end(data) if more else len(data)
            whole, rest = data[:cut], data[cut:]
            size = max(self._block, len(rest))  # a line over several blocks: double the block
            if len(rest) > _LONGEST_RECORD:
                raise CsvFault(f"line {line}: the line is longer than {_LONGEST_RECORD >> 20} MB.")
            text, first_line = self._decoded(whole, line), line
            line += _line_ends(whole)
            if first_line <= self._layout.header_lines:
                skipped = min(line - 1, self._layout.header_lines) - first_line + 1
                text = "".join(_lines(text)[skipped:])
                first_line += skipped
            yield text, first_line, not more
            if not more:
                return

    def _decoded(self, data: bytes, first_line: int) -> str:
        encoding = self._layout.encoding
        try:
            return data.decode("cp1252" if encoding == "windows-1252" else "utf-8")
        except UnicodeDecodeError as error:
            line = first_line + _line_ends(data[: error.start])
            raise EncodingFault(_not_encoded(line, data[error.start], encoding)) from None

    def _plain(self, text: str, first_line: int, columns: int) -> tuple[pa.Table, list[_Record]] | None:
        """Parse a block with pyarrow; parse its ragged and suspect lines exactly.

        Only the first `columns` columns are built. Return None if the exact parser must read the block,
        because a quote does not enclose a whole field within one line.
        """
        is_quoted = '"' in text
        if (
            not self._can_be_plain
            or not text
            or (is_quoted and not _has_clean_quotes(text, self._layout.delimiter))
        ):
            return None
        names = [str(number) for number in range(len(self._layout.header))]
        ragged: list[int] = []

        def skip(row: Any) -> str:
            ragged.append(row.number - 1)
            return "skip"

        data = text.encode()
        table = pyarrow.csv.read_csv(
            pa.BufferReader(data),
            pyarrow.csv.ReadOptions(column_names=names, block_size=len(data) + 1, use_threads=False),
            pyarrow.csv.ParseOptions(
                delimiter=self._layout.delimiter,
                quote_char='"' if is_quoted else False,
                ignore_empty_lines=False,
                invalid_row_handler=skip,
            ),
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=names[:columns],
                strings_can_be_null=True,
                null_values=[""],
            ),
        )
        lines = np.delete(np.arange(table.num_rows + len(ragged)), ragged)
        is_odd = self._may_be_no_data(table.column(0))
        odd = sorted([*ragged, *lines[is_odd].tolist()])
        if odd:
            table, lines = table.filter(pa.array(~is_odd)), lines[~is_odd]
        records = self._of_lines(text, first_line, odd)
        return table.append_column(LINE, pa.array(lines + first_line, pa.int64())), records

    def _may_be_no_data(self, first: pa.ChunkedArray) -> np.ndarray:
        """Return a mask of the rows whose first field suggests that they are not data."""
        values = pc.utf8_trim(pc.fill_null(first, ""), BLANK)
        same = pc.is_in(values, pa.array(["", self._layout.header[0]]))
        return np.asarray(pc.or_(pc.match_substring_regex(values, START), same))

    def _of_lines(self, text: str, first_line: int, positions: Sequence[int]) -> list[_Record]:
        """Return the records of single lines of a block; count lines that are not data."""
        lines = _lines(text) if positions else []
        records = []
        for position in positions:
            fields = next(_records([lines[position]], self._layout.delimiter))
            if record := self._record(fields, first_line + position, lines[position]):
                records.append(record)
        return records

    def _record(self, fields: list[str], line: int, text: str) -> _Record | None:
        """Return the record of a row; count the line and return None if it is not data."""
        if kind := kind_of(fields, self._layout.header):
            self.not_data[kind] += 1
            return None
        is_whole = len(fields) == len(self._layout.header)
        return _Record(line, fields, None if is_whole else text.rstrip("\r\n"))

    def _exact(self, text: str, first_line: int, is_last: bool) -> tuple[list[_Record], str, int]:
        """Parse a block with Python's parser.

        Return its records, and text and first line number of a record that is not finished.
        """
        lines = _lines(text)
        reader = _records(lines, self._layout.delimiter)
        records, start = [], 0
        try:
            for fields in reader:
                end = reader.line_num
                if end - start > 1:
                    self._reject_swallowed(lines[start:end], first_line + start)
                if record := self._record(fields, first_line + start, "".join(lines[start:end])):
                    records.append(record)
                start = end
        except csv.Error as error:
            first_line += start
            return records, self._unfinished(lines[start:], first_line, is_last, error), first_line
        return records, "", first_line + len(lines)

    def _reject_swallowed(self, lines: list[str], first_line: int, *, is_closed: bool = True) -> None:
        if self._shape and (fault := swallowed(lines, first_line, self._shape, is_closed=is_closed)):
            raise fault

    def _unfinished(self, lines: list[str], first_line: int, is_last: bool, error: csv.Error) -> str:
        """Return the text of a record that continues in the next block; raise `CsvFault` if it is broken."""
        text = "".join(lines)
        if "end of data" not in str(error):
            raise broken(lines, first_line, self._layout.header, self._layout.delimiter)
        self._reject_swallowed(lines, first_line, is_closed=False)
        if is_last or len(text) > _LONGEST_RECORD:
            raise broken(lines, first_line, self._layout.header, self._layout.delimiter)
        return text


def _has_clean_quotes(text: str, delimiter: str) -> bool:
    """Return True if every line consists of whole fields, each fully quoted or unquoted."""
    between = rf"\x{ord(delimiter):02x}"
    field = rf'(?:"(?:[^"\r]|"")*"|[^"{between}\r]*)'
    lines = pc.list_flatten(pc.split_pattern(pa.array([text]), "\n"))
    is_clean = pc.match_substring_regex(lines, rf"^{field}(?:{between}{field})*\r?$")
    return bool(pc.all(is_clean).as_py())


def _records(lines: list[str], delimiter: str) -> Any:
    """Return Python's strict CSV parser, without a limit on field length."""
    csv.field_size_limit(2**31 - 1)
    return csv.reader(lines, delimiter=delimiter, strict=True)


def _lines(text: str) -> list[str]:
    """Split a text into lines, keeping their ends.

    Only \\n, \\r\\n and \\r end a line; other Unicode line separators do not.
    """
    return list(io.StringIO(text, newline=""))


def _line_ends(data: bytes) -> int:
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")


def _last_line_end(data: bytes) -> int:
    """Return the position after the last line end, or 0; a final \\r does not count: \\n may follow."""
    return (data.rfind(b"\n") + 1) or (data.rfind(b"\r", 0, -1) + 1)


def _not_encoded(line: int, byte: int, encoding: str) -> str:
    text = f"line {line}: byte 0x{byte:02X} is not {LABELS[encoding]}."
    if encoding == "utf-8":
        return f"{text} Export the file as UTF-8, or import it with the encoding windows-1252."
    return f"{text} {_EXPORT}"


def _plain_batch(table: pa.Table, header: Sequence[str]) -> pa.RecordBatch:
    columns = [column.combine_chunks() for column in table.columns]
    raw = pa.nulls(table.num_rows, pa.string())
    return pa.RecordBatch.from_arrays([*columns, raw], [*header, LINE, RAW])


def _batch(records: Sequence[_Record], header: Sequence[str]) -> pa.RecordBatch:
    width = len(header)
    missing = [""] * width
    rows = [each.fields if each.raw is None else (each.fields + missing)[:width] for each in records]
    columns = [
        pa.array([value or None for value in column], pa.string()) for column in zip(*rows, strict=True)
    ]
    lines = pa.array([each.line for each in records], pa.int64())
    raw = pa.array([each.raw for each in records], pa.string())
    return pa.RecordBatch.from_arrays([*columns, lines, raw], [*header, LINE, RAW])
