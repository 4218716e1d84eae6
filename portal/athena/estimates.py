"""Estimate how many bytes a user's query scans."""

from __future__ import annotations

from pipeline.contracts.glue import quality_location
from pipeline.lake.uris import split
from portal.athena.running import MOST_SECONDS
from portal.athena.sql_guard import MOST_ROWS, Statement
from portal.core.context import Context
from portal.core.rights import requires

LIMITS = f"max. {MOST_ROWS:,} rows, {MOST_SECONDS // 60} minutes"


@requires("query")
def estimate_scan(context: Context, statement: Statement, release_id: str) -> int:
    """Return how many bytes a statement scans at most: the total size of its tables.

    A gold table counts with its files of the release, or of all releases if it is read in `gold_releases`.
    """
    return sum(_size(context, _uri(context, *named, release_id)) for named in statement.tables)


def _uri(context: Context, database: str, table: str, release_id: str) -> str:
    if database == "gold":
        return context.lake.gold_release(table, release_id)
    return (
        context.lake.gold_table(table)
        if database == "gold_releases"
        else quality_location(table, context.lake)
    )


def _size(context: Context, uri: str) -> int:
    bucket, prefix = split(uri)
    pages = context.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return sum(item["Size"] for page in pages for item in page.get("Contents", []))
