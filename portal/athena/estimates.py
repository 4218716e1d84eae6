"""Estimate how many bytes a user's query scans."""

from __future__ import annotations

from pipeline.contracts.glue import quality_location
from pipeline.lake.uris import split
from pipeline.releases.files import Files
from pipeline.releases.model import find
from portal.athena.running import MOST_SECONDS
from portal.athena.sql_guard import MOST_ROWS, Statement
from portal.core.context import Context
from portal.core.rights import requires

LIMITS = f"max. {MOST_ROWS:,} rows, {MOST_SECONDS // 60} minutes"


@requires("query")
def estimate_scan(context: Context, statement: Statement, release_id: str) -> int:
    """Return how many bytes a statement scans at most: the total size of its tables.

    A gold table counts with the files of the release, which earlier releases may have written, or with those
    of all releases if it is read in `gold_releases`.
    """
    release = find(context.client("s3"), context.lake, release_id)
    files = release.files if release else {}
    return sum(_size(context, *named, files) for named in statement.tables)


def _size(context: Context, database: str, table: str, files: Files) -> int:
    if database == "gold":
        return sum(int(file["size"]) for name, file in files.items() if name.startswith(f"gold/{table}/"))
    lake = context.lake
    uri = lake.gold_table(table) if database == "gold_releases" else quality_location(table, lake)
    bucket, prefix = split(uri)
    pages = context.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return sum(item["Size"] for page in pages for item in page.get("Contents", []))
