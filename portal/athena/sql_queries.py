"""SQL queries of users: start, wait, cancel, fetch the result; the query history and saved queries."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import takewhile
from typing import Any
from urllib.parse import quote, unquote

import awswrangler as wr
import pandas as pd
from awswrangler.exceptions import UndetectedType, UnsupportedType

from pipeline.releases.model import current
from portal.athena import client as athena_client
from portal.athena import outcomes, sql_guard
from portal.athena.client import QueryResult
from portal.athena.running import RUNNING
from portal.athena.sql_guard import MOST_ROWS, Statement
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires
from portal.privacy import sql_results

HISTORY_LENGTH = 50
HISTORY_SCANNED = 1000
"""Maximum number of executions to search for the user's queries.

Athena lists all executions of a workgroup, including those of dashboards.
"""
_ALIVE = frozenset({"QUEUED", "RUNNING"})
_USER_COMMENT = "-- run in the portal by "
_RELEASE_COMMENT = "-- on release "
_SQL_COMMENT = "-- | "


@dataclass(frozen=True)
class SqlQuery:
    """A query of a user from Athena's history: `sql` as typed, `scanned` in bytes, `reason` for the state."""

    query_id: str
    sql: str
    release_id: str
    state: str
    started_at: datetime
    seconds: float
    scanned: int
    reason: str = ""

    @property
    def is_over(self) -> bool:
        return self.state not in _ALIVE


@dataclass(frozen=True)
class SavedQuery:
    """A query saved for all users, as a named query of Athena."""

    query_id: str
    name: str
    description: str
    sql: str


# running


@requires("query")
def validate(context: Context, sql: str, release_id: str) -> Statement:
    """Validate and rewrite `sql` for a release; raise `ServiceError` if it is not allowed."""
    return sql_guard.validate(context.lake, sql, release_id, _visible_releases(context))


@requires("query")
def start(context: Context, sql: str, release_id: str) -> str:
    """Validate a query, start it on Athena and return its id; raise `ServiceError` if it is not allowed."""
    statement = validate(context, sql, release_id)
    started = context.client("athena").start_query_execution(
        QueryString=_with_comments(context, statement, release_id),
        QueryExecutionContext={"Database": context.lake.database("gold")},
        WorkGroup=context.lake.workgroup,
    )
    query_id = str(started["QueryExecutionId"])
    RUNNING.add(query_id, partial(_stop, context, query_id))
    return query_id


@requires("query")
def get(context: Context, query_id: str) -> SqlQuery:
    """Return a query of the user; raise `ServiceError` if the user has no query with this id."""
    athena = context.client("athena")
    found = list(_executions(athena, [query_id])) if re.fullmatch(r"[\w-]{1,128}", query_id) else []
    query = _as_query(found[0]) if found and _is_own(context, found[0]) else None
    if query is None:
        raise ServiceError(f"You have no query '{query_id[:80]}'. Run the statement again.")
    RUNNING.asked(query_id, is_over=query.is_over)
    return query


@requires("query")
def wait(context: Context, query_id: str, seconds: float) -> SqlQuery:
    """Wait at most `seconds` for a query to end; return it in its latest state."""
    deadline = time.monotonic() + seconds
    while not (found := get(context, query_id)).is_over and time.monotonic() < deadline:
        time.sleep(context.settings.athena_poll_seconds)
    return found


@requires("query")
def cancel(context: Context, query_id: str) -> None:
    """Cancel a query of the user; raise `ServiceError` if the user has no query with this id."""
    get(context, query_id)  # raises for a query of another user
    _stop(context, query_id)


def _stop(context: Context, query_id: str) -> None:
    context.client("athena").stop_query_execution(QueryExecutionId=query_id)


@requires("query")
def fetch_result(context: Context, query_id: str) -> QueryResult:
    """Return the rows of a query, with exact counts.

    Raise `ServiceError` if it has not succeeded, is no longer allowed or has a column that cannot be shown.
    """
    found = get(context, query_id)
    if found.state != "SUCCEEDED":
        raise ServiceError(outcomes.no_result(found))
    validate(context, found.sql, found.release_id)
    try:
        with context.session() as session:
            frame = wr.athena.get_query_results(query_id, boto3_session=session)
    except (UnsupportedType, UndetectedType):
        raise ServiceError(outcomes.unsupported(context, query_id)) from None
    note = f"the first {MOST_ROWS:,} rows" if len(frame) >= MOST_ROWS else ""
    return QueryResult(frame, found.sql, query_id, found.scanned, found.seconds, found.release_id, note)


@requires("query")
def safe_to_share(context: Context, found: QueryResult) -> tuple[pd.DataFrame | None, str]:
    """Return the result with small counts suppressed and a note, or None and a reason if it lists patients.

    The note is empty if nothing was suppressed.
    """
    statement = validate(context, found.sql, str(found.release_id))
    return sql_results.safe_to_share(statement.disclosure, found.frame)


@requires("query")
def run(context: Context, sql: str, release_id: str | None = None) -> QueryResult:
    """Run a query on a release (by default the published one) and wait for its result; Ctrl-C cancels it."""
    query_id = start(context, sql, release_id or athena_client.published_release_id(context))
    try:
        while not wait(context, query_id, 60).is_over:
            pass
    except KeyboardInterrupt:
        cancel(context, query_id)
        raise
    return fetch_result(context, query_id)


def _visible_releases(context: Context) -> Sequence[str] | None:
    """Return the ids of the published and the previous release, as far as they exist.

    Return None for reviewers and publishers, who see all releases, including held ones.
    """
    if context.user.may("publish") or context.user.may("review"):
        return None
    present = current(context.client("s3"), context.lake)
    return [each for each in (present.release_id, present.previous_release_id) if each] if present else []


# Athena's history


def _with_comments(context: Context, statement: Statement, release_id: str) -> str:
    """Return the SQL for Athena after comments that record the user, the release and the SQL as typed."""
    lines = re.split(r"\r\n|\r|\n", statement.user_sql)
    typed = "\n".join(_SQL_COMMENT + line for line in lines)
    user = f"{_USER_COMMENT}{_quoted_user(context)}"
    return f"{user}\n{_RELEASE_COMMENT}{release_id}\n{typed}\n{statement.athena_sql}"


def _quoted_user(context: Context) -> str:
    """Return the user's name percent-encoded: unique, and without spaces or line breaks."""
    return quote(context.settings.user, safe="@+")


def _is_own(context: Context, execution: dict[str, Any]) -> bool:
    return str(execution["Query"]).startswith(f"{_USER_COMMENT}{_quoted_user(context)}\n")


def _as_query(execution: dict[str, Any]) -> SqlQuery | None:
    """Return the user query that an execution runs, or None if it is one of the portal's own."""
    _, *lines = str(execution["Query"]).split("\n")
    is_of_user = execution["Query"].startswith(_USER_COMMENT)
    if not is_of_user or not lines or not lines[0].startswith(_RELEASE_COMMENT):
        return None
    typed = takewhile(lambda line: line.startswith(_SQL_COMMENT), lines[1:])
    status, statistics = execution["Status"], execution.get("Statistics", {})
    return SqlQuery(
        query_id=execution["QueryExecutionId"],
        sql="\n".join(line.removeprefix(_SQL_COMMENT) for line in typed),
        release_id=lines[0].removeprefix(_RELEASE_COMMENT),
        state=status["State"],
        started_at=status["SubmissionDateTime"],
        seconds=statistics.get("TotalExecutionTimeInMillis", 0) / 1000,
        scanned=statistics.get("DataScannedInBytes", 0),
        reason=status.get("StateChangeReason", "no reason given"),
    )


@requires("query")
def history(context: Context) -> list[SqlQuery]:
    """Return up to `HISTORY_LENGTH` queries of the user, newest first.

    Only the newest `HISTORY_SCANNED` executions of all users are searched.
    """
    athena = context.client("athena")
    own: list[SqlQuery] = []
    for page in athena.get_paginator("list_query_executions").paginate(
        WorkGroup=context.lake.workgroup, PaginationConfig={"PageSize": 50, "MaxItems": HISTORY_SCANNED}
    ):
        found = _executions(athena, page["QueryExecutionIds"])
        own += filter(None, map(_as_query, (each for each in found if _is_own(context, each))))
        if len(own) >= HISTORY_LENGTH:
            break
    return sorted(own, key=lambda each: each.started_at, reverse=True)[:HISTORY_LENGTH]


def _executions(athena: Any, ids: list[str]) -> list[dict[str, Any]]:
    if not ids:
        return []
    return list(athena.batch_get_query_execution(QueryExecutionIds=ids)["QueryExecutions"])


# saved queries


@requires("query")
def list_saved(context: Context) -> list[SavedQuery]:
    """Return the saved queries of all users, sorted by name."""
    athena = context.client("athena")
    pages = athena.get_paginator("list_named_queries").paginate(
        WorkGroup=context.lake.workgroup, PaginationConfig={"PageSize": 50}
    )
    lists = [page["NamedQueryIds"] for page in pages]
    found = [
        q for ids in lists if ids for q in athena.batch_get_named_query(NamedQueryIds=ids)["NamedQueries"]
    ]
    return sorted(
        (
            SavedQuery(q["NamedQueryId"], q["Name"], unquote(q.get("Description", "")), q["QueryString"])
            for q in found
        ),
        key=lambda q: q.name.lower(),
    )


@requires("query")
def save(context: Context, name: str, sql: str) -> None:
    """Save a query for all users; raise `ServiceError` if the name is taken, empty or too long."""
    name = name.strip()
    if not 1 <= len(name) <= 100:
        raise ServiceError("A saved query needs a name of 1 to 100 characters.")
    if any(each.name.lower() == name.lower() for each in list_saved(context)):
        raise ServiceError(f"A saved query '{name}' already exists. Choose another name.")
    context.client("athena").create_named_query(
        Name=name,
        Description=f"Saved by {_quoted_user(context)}",
        Database=context.lake.database("gold"),
        QueryString=sql,
        WorkGroup=context.lake.workgroup,
    )


@requires("query")
def remove(context: Context, query_id: str) -> None:
    """Remove a saved query; raise `ServiceError` unless the user is its author or an engineer."""
    found = next((each for each in list_saved(context) if each.query_id == query_id), None)
    if found and found.description != f"Saved by {context.settings.user}" and not context.user.may("publish"):
        raise ServiceError(
            f"'{found.name}' was saved by another user. Only its author or an engineer can remove it."
        )
    context.client("athena").delete_named_query(NamedQueryId=query_id)
