"""Layout of a CSV file: header, number of header lines, encoding."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.sources.csv_quoting import CsvFault

ENCODINGS = {"utf-8": "UTF-8", "windows-1252": "Windows-1252"}


class EncodingFault(CsvFault):
    """A line contains bytes that are invalid in the file's encoding."""


@dataclass(frozen=True)
class Layout:
    """How to read a file: columns, number of lines up to the end of the header, encoding."""

    header: tuple[str, ...]
    header_lines: int = 1
    encoding: str = "utf-8"
