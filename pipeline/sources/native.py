"""Extracts in the bronze contracts' own columns."""

from __future__ import annotations

from pipeline.contracts.model import load


def query(table: str) -> str:
    """SQL over the file's own columns, view `table`."""
    columns = ", ".join(f"`{column.name}`" for column in load("bronze", table).data_columns)
    return f"SELECT {columns}, _malformed, _file, _line, _received, batch_id, _received_at FROM {table}"
