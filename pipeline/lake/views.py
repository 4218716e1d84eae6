"""The views that readers query, one a gold table."""

from __future__ import annotations

from pipeline.lake.uris import Lake


def view_sql(lake: Lake, table: str, release_id: str) -> str:
    """The plain view for people who bring their own SQL tool."""
    source = f'"{lake.database("gold_releases")}"."{table}"'
    view = f'"{lake.database("gold")}"."{table}"'
    return f"CREATE OR REPLACE VIEW {view} AS SELECT * FROM {source} WHERE release_id = '{release_id}'"
