"""Export frames as CSV and Parquet, with release, filters and timestamp inside the file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from portal.athena.client import QueryResult


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

    Texts that a spreadsheet would evaluate as formulas are escaped.
    """
    lines = "".join(f"# {name}: {_comment(text)}{_END}" for name, text in head.items())
    texts = frame.select_dtypes(["object", "string", "category"]).columns
    escaped = frame.assign(**{name: frame[name].map(_escape_formula) for name in texts})
    return lines + escaped.rename(columns=_escape_formula).to_csv(index=False, lineterminator=_END)


_END = "\r\n"
"""Line break of CSV files (RFC 4180)."""

_FORMULA = re.compile(r"[=@\t\r]|[+-](?!\d*\.?\d+$)")
"""Matches the start of a text that a spreadsheet evaluates; signed numbers are not matched."""


def _escape_formula(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def _comment(text: str) -> str:
    """Return a text as one line, with formulas escaped after commas and semicolons.

    Spreadsheets may split a comment line into cells there.
    """
    return re.sub(r"(?<=[,;])(?=\"*[=+@-])", "'", " ".join(text.split()))


def parquet(frame: pd.DataFrame, answer: QueryResult, filters: str, note: str = "none suppressed") -> bytes:
    """Return Parquet with release, filters, timestamp, treatment of small counts and SQL in its metadata."""
    table = pa.Table.from_pandas(frame.convert_dtypes(), preserve_index=False)
    metadata = {**_origin(answer, filters, note), "sql": answer.sql}
    buffer = BytesIO()
    pq.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), **metadata}), buffer)
    return buffer.getvalue()
