"""Where the rows of a CSV file begin, their columns, and the file's encoding."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.sources.csv_quoting import CsvFault

ENCODINGS = {"utf-8": "UTF-8", "windows-1252": "Windows-1252"}


class EncodingFault(CsvFault):
    """A line has bytes that are not of the file's encoding."""


@dataclass(frozen=True)
class Layout:
    """How to read a file: its header, the number of lines up to the header's end, its encoding."""

    header: tuple[str, ...]
    header_lines: int = 1
    encoding: str = "utf-8"
