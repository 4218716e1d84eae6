"""What a page gives to take away: rows with where they come from inside the file."""

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
    """CSV with the release, the filters and the time in its first lines."""
    return sheet(_origin(answer, filters, note), frame)


def sheet(head: Mapping[str, str], frame: pd.DataFrame) -> str:
    """CSV below a comment line for each word of `head`; no text in it is a formula to a spreadsheet.

    Text that begins as a formula does gets an apostrophe before it (OWASP, CSV Injection); numbers stay as
    they are.
    """
    lines = "".join(f"# {name}: {_comment(said)}{_END}" for name, said in head.items())
    texts = frame.select_dtypes(["object", "string", "category"]).columns
    harmless = frame.assign(**{name: frame[name].map(_harmless) for name in texts})
    return lines + harmless.rename(columns=_harmless).to_csv(index=False, lineterminator=_END)


_END = "\r\n"
"""As in RFC 4180; a line break of either kind inside a cell is quoted then."""

_FORMULA = re.compile(r"[=@\t\r]|[+-](?!\d*\.?\d+$)")


def _harmless(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def _comment(said: str) -> str:
    """In one line; a spreadsheet makes cells of a comment too, at each comma or semicolon."""
    return re.sub(r"(?<=[,;])(?=\"*[=+@-])", "'", " ".join(said.split()))


def parquet(frame: pd.DataFrame, answer: QueryResult, filters: str, note: str = "none left out") -> bytes:
    """Parquet with the release, the filters, the time and the SQL in the file's metadata."""
    table = pa.Table.from_pandas(frame.convert_dtypes(), preserve_index=False)
    said = {**_origin(answer, filters, note), "sql": answer.sql}
    buffer = BytesIO()
    pq.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), **said}), buffer)
    return buffer.getvalue()
