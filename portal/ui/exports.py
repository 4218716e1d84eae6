"""Download buttons, which no other module draws, and CSV and Parquet files that state their origin.

Files with single rows require the right `query`, and the audit log records each file before it is created.
"""

from __future__ import annotations

import csv as csv_format
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import streamlit as st

from portal.athena.client import QueryResult
from portal.audit import service as audit_log
from portal.core.context import Context
from portal.ui import session

_MIME = {
    "csv": "text/csv",
    "html": "text/html",
    "log": "text/plain",
    "pdf": "application/pdf",
    "parquet": "application/vnd.apache.parquet",
    "zip": "application/zip",
}


Write = Callable[[pd.DataFrame, QueryResult, str, str], str | bytes]


@dataclass(frozen=True)
class SingleRows:
    """The source of a file with single rows and the pseudonyms of these rows, for the audit log."""

    target: Mapping[str, str]
    pseudonyms: Sequence[str] = ()


def button(
    label: str,
    make: Callable[[Context], str | bytes],
    file_name: str,
    *,
    rows: SingleRows | None = None,
    place: Any = st,
    **options: Any,
) -> None:
    """Draw a download button in `place`. `make` creates the file on click, on behalf of the user.

    Pass `rows` for a file with single rows. `options` are those of Streamlit's download button.
    """

    def made(context: Context) -> str | bytes:
        if rows is not None:
            context.require("query")
            audit_log.record(context, "export_rows", dict(rows.target), patients=rows.pseudonyms)
        return make(context)

    place.download_button(
        label,
        session.deferred_download(made),
        file_name,
        _MIME[file_name.rpartition(".")[2]],
        on_click="ignore",
        **options,
    )


def answer_buttons(
    places: Sequence[Any],
    frame: Callable[[Context], pd.DataFrame],
    answer: QueryResult,
    texts: tuple[str, str],
    name: str,
    *,
    rows: SingleRows | None = None,
    refusal: str = "",
    key: str | None = None,
) -> None:
    """Draw the CSV button in the first of `places` and the Parquet button in the second.

    `frame` returns the rows on click. `texts` are written to the file: the filters and the note on small
    counts. If there is no file, `refusal` says why, and the buttons are disabled.
    """
    writers: dict[str, Write] = {"CSV": csv, "Parquet": parquet}
    for place, (label, write) in zip(places, writers.items(), strict=True):

        def make(context: Context, write: Write = write) -> str | bytes:
            return write(frame(context), answer, *texts)

        suffix = label.lower()
        button(
            label,
            make,
            f"{name}.{suffix}",
            rows=rows,
            place=place,
            key=f"{key}-{suffix}" if key else None,
            width="stretch",
            disabled=bool(refusal),
            help=refusal or None,
        )


def _origin(answer: QueryResult, filters: str, note: str) -> dict[str, str]:
    return {
        "release": str(answer.release_id),
        "filters": filters,
        "exported": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "small counts": note,
    }


def csv(frame: pd.DataFrame, answer: QueryResult, filters: str, note: str = "none suppressed") -> str:
    """Return CSV whose first lines give release, filters, timestamp and treatment of small counts."""
    return sheet(_origin(answer, filters, note), frame)


def sheet(head: Mapping[str, str], frame: pd.DataFrame) -> str:
    """Return CSV that starts with a comment line for each entry of `head`.

    Texts that a spreadsheet would evaluate as formulas are escaped, as OWASP advises. All texts are quoted,
    because spreadsheets of some languages split unquoted ones at semicolons.
    """
    lines = "".join(f"# {name}: {_comment(text)}{_END}" for name, text in head.items())
    texts = frame.select_dtypes(["object", "string", "category"]).columns
    escaped = frame.assign(**{name: frame[name].map(_escape_formula) for name in texts})
    return lines + escaped.rename(columns=_escape_formula).to_csv(
        index=False, lineterminator=_END, quoting=csv_format.QUOTE_NONNUMERIC
    )


_END = "\r\n"
"""Line break of CSV files (RFC 4180)."""

_NUMBER = re.compile(r"[+-]?\d*\.?\d+")
_CONTROLS = frozenset("\t\r\n\0")
_OPERATORS = frozenset("=+-@")


def _escape_formula(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and _is_formula(cell) else cell


def _is_formula(text: str) -> bool:
    """Return whether a spreadsheet may evaluate a text, even after blanks or with a full-width operator."""
    if text[:1] in _CONTROLS:
        return True
    visible = text.lstrip().lstrip(_INVISIBLE).lstrip()
    first = unicodedata.normalize("NFKC", visible[:1])
    return first in _OPERATORS and not _NUMBER.fullmatch(visible)


_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"
"""Characters without width that Python does not count as whitespace."""


def _comment(text: str) -> str:
    """Return a text as one line without a formula in any cell that a spreadsheet may split it into.

    Spreadsheets may split a comment line at commas and semicolons.
    """
    cells = re.split(r"([,;])", " ".join(text.split()))
    return "".join(f"'{cell}" if _is_formula(cell.lstrip('" ')) else cell for cell in cells)


def parquet(frame: pd.DataFrame, answer: QueryResult, filters: str, note: str = "none suppressed") -> bytes:
    """Return Parquet with release, filters, timestamp, treatment of small counts and SQL in its metadata."""
    table = pa.Table.from_pandas(frame.convert_dtypes(), preserve_index=False)
    metadata = {**_origin(answer, filters, note), "sql": answer.sql}
    buffer = BytesIO()
    pq.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), **metadata}), buffer)
    return buffer.getvalue()
