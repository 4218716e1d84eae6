"""Say why a user's query has no result."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.athena.grammar import locate
from portal.athena.running import MOST_SECONDS
from portal.athena.sql_guard import queryable_columns, queryable_tables
from portal.athena.suggestions import nearest
from portal.core.context import Context
from portal.core.rights import requires

if TYPE_CHECKING:
    from portal.athena.sql_queries import SqlQuery

_UNSUPPORTED = ("interval", "ipaddress", "time with", "unknown", "uuid")
"""Beginnings of the names of types that awswrangler cannot read."""
_PLACE = re.compile(r"line \d+:\d+: ")


@requires("query")
def unsupported(context: Context, query_id: str) -> str:
    """Return a message: which columns of a result have a type that cannot be shown, and what to do."""
    answer = context.client("athena").get_query_results(QueryExecutionId=query_id, MaxResults=1)
    columns = answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    found = [column for column in columns if column["Type"].startswith(_UNSUPPORTED)]
    if not found:
        return "The result cannot be shown. Use CAST(column AS varchar) for columns of unusual types."
    named = ", ".join(f"{column['Name']} ({column['Type']})" for column in found)
    return (
        f"The result cannot be shown because of the type of {named}. Use CAST({found[0]['Name']} AS varchar)."
    )


def no_result(found: SqlQuery) -> str:
    if not found.is_over:
        return "The query is still running. Wait, or cancel it."
    if found.state == "CANCELLED" and found.seconds > MOST_SECONDS:
        return (
            f"The query was cancelled after {MOST_SECONDS // 60} minutes. Filter or group by fewer columns."
        )
    if found.state == "CANCELLED":
        return "The query was cancelled."
    return f"Athena query failed: {_as_typed(found)}{_suggestion(found)}"


def _suggestion(found: SqlQuery) -> str:
    """Return which column was meant, if a column was not found and a table of the query has a similar one."""
    name = re.search(r"COLUMN_NOT_FOUND.*?Column '([^']+)'", found.reason)
    if name is None:
        return ""
    words = set(re.findall(r"\w+", found.sql.lower()))
    tables = queryable_tables()
    used = [tables[table] for table in tables if table in words]
    columns = dict.fromkeys(column.name for table in used for column in queryable_columns(table))
    meant = nearest(name[1].rpartition(".")[2], columns)
    return f" Did you mean {meant}?" if meant else ""


def _as_typed(found: SqlQuery) -> str:
    """Return why a query failed, with line and column in the SQL as typed.

    Athena's own line and column refer to the rewritten SQL. They are removed if the place is not found in
    the SQL as typed.
    """
    name = re.search(r"'([^']+)'", found.reason)
    place = locate(found.sql, name[1].rpartition(".")[2]) if name else None
    return _PLACE.sub(f"line {place[0]}:{place[1]}: " if place else "", found.reason, count=1)
