"""SQL of the views that readers query, one per gold table."""

from __future__ import annotations

from pipeline.lake.uris import Lake


def view_sql(lake: Lake, table: str, release_id: str) -> str:
    """Return the SQL that points a table's view at a release."""
    source = f'"{lake.database("gold_releases")}"."{table}"'
    view = f'"{lake.database("gold")}"."{table}"'
    return f"CREATE OR REPLACE VIEW {view} AS SELECT * FROM {source} WHERE release_id = '{release_id}'"
