"""Exports as CSV and Parquet, with their origin inside the file."""

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


def csv(frame: pd.DataFrame, answer: QueryResult, filters: str, note: str = "none left out") -> str:
    """Return CSV whose first lines name release, filters and timestamp."""
    return sheet(_origin(answer, filters, note), frame)


def sheet(head: Mapping[str, str], frame: pd.DataFrame) -> str:
    """Return CSV below comment lines for `head`.

    Texts that a spreadsheet would evaluate as formulas are escaped.
    """
    lines = "".join(f"# {name}: {_comment(text)}{_END}" for name, text in head.items())
    texts = frame.select_dtypes(["object", "string", "category"]).columns
    harmless = frame.assign(**{name: frame[name].map(_harmless) for name in texts})
    return lines + harmless.rename(columns=_harmless).to_csv(index=False, lineterminator=_END)


_END = "\r\n"
"""Characters that require quotes (RFC 4180), including both kinds of line breaks."""

_FORMULA = re.compile(r"[=@\t\r]|[+-](?!\d*\.?\d+$)")


def _harmless(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def _comment(text: str) -> str:
    """Return a text as one line without commas and semicolons, at which spreadsheets split comments."""
    return re.sub(r"(?<=[,;])(?=\"*[=+@-])", "'", " ".join(text.split()))


def parquet(frame: pd.DataFrame, answer: QueryResult, filters: str, note: str = "none left out") -> bytes:
    """Return Parquet with release, filters, timestamp and SQL in its metadata."""
    table = pa.Table.from_pandas(frame.convert_dtypes(), preserve_index=False)
    metadata = {**_origin(answer, filters, note), "sql": answer.sql}
    buffer = BytesIO()
    pq.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), **metadata}), buffer)
    return buffer.getvalue()
