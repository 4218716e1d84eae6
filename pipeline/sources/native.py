"""SQL for extracts whose columns are those of the bronze contracts."""

from __future__ import annotations

from pipeline.contracts.model import load

CHANGES = "record_changes"
"""File type of notices that records were cancelled or merged; see docs/changes.md."""

CHANGE_COLUMNS = ("table_name", "record_id", "change", "updated_at")
SURVIVOR = "survivor_id"


def query(table: str) -> str:
    """Return SQL that selects the bronze and the added columns of a table from the view named `table`."""
    columns = ", ".join(f"`{column.name}`" for column in load("bronze", table).data_columns)
    return f"SELECT {columns}, _malformed, _file, _line, _as_read, batch_id, _received_at FROM {table}"
