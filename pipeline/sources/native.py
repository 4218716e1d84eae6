"""Extracts with the columns of the bronze contracts."""

from __future__ import annotations

from pipeline.contracts.model import load


def query(table: str) -> str:
    """Return SQL over the file's columns (view `table`)."""
    columns = ", ".join(f"`{column.name}`" for column in load("bronze", table).data_columns)
    return f"SELECT {columns}, _malformed, _file, _line, _as_read, batch_id, _received_at FROM {table}"
