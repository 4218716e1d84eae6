"""Layout of a file: header, number of header lines, encoding, delimiter, or type of FHIR resources."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.sources.csv_quoting import CsvFault

ENCODINGS = {"utf-8": "UTF-8", "windows-1252": "Windows-1252"}
"""Encodings that a person can choose, with their labels; UTF-16 is recognized by the file's bytes."""

LABELS = {**ENCODINGS, "utf-16-le": "UTF-16", "utf-16-be": "UTF-16"}

DELIMITERS = {
    ",": "commas",
    ";": "semicolons",
    "\t": "tabs",
    "|": "vertical bars",
    "\x01": "Ctrl-A characters",
}
"""Delimiters of fields with their plural names, in the order in which they are tried on a header."""


class EncodingFault(CsvFault):
    """A file contains bytes that are invalid in its encoding."""


@dataclass(frozen=True)
class Layout:
    """How to read a file: columns, number of lines up to the end of the header, encoding, delimiter.

    `resource` is the FHIR resource type of the lines of an NDJSON file, which has no header line; it is empty
    for CSV. A Parquet file (`parquet`) has neither lines nor encoding nor delimiter.
    """

    header: tuple[str, ...]
    header_lines: int = 1
    encoding: str = "utf-8"
    delimiter: str = ","
    resource: str = ""
    parquet: bool = False

    @property
    def ending(self) -> str:
        """The ending of the name of such a file in bronze, uncompressed."""
        if self.parquet:
            return ".parquet"
        return ".ndjson" if self.resource else ".csv"
