"""Run the portal's own statements on Athena. SQL that a user typed goes through `sql_queries`."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.releases.model import current
from portal.athena.literals import literal
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class QueryResult:
    """The rows of a query, its duration in seconds and how many bytes it scanned.

    `note` is set if the rows are incomplete ("the first 100,000 rows"). `rows` is the number of fact rows
    behind a grouped result, else None.
    """

    frame: pd.DataFrame
    sql: str
    query_id: str
    scanned: int
    seconds: float
    release_id: str | None = None
    note: str = ""
    rows: int | None = None


class NoRelease(ServiceError):
    """No release has been published yet."""

    def __init__(self) -> None:
        super().__init__("No release has been published yet: start a run first.")


@requires("see_charts")
def published_release_id(context: Context) -> str:
    """Return the id of the published release; raise `NoRelease` if there is none."""
    found = current(context.client("s3"), context.lake)
    if found is None:
        raise NoRelease
    return found.release_id


@requires("see_charts")
def release_table(context: Context, name: str, release_id: str) -> str:
    """Return the gold table `name` of one release as a SQL subquery.

    Raise `ServiceError` if `release_id` is not a valid id.
    """
    if not re.fullmatch(r"[A-Za-z0-9._-]+", release_id):
        raise ServiceError(f"'{release_id}' is not a release id.")
    database = context.lake.database("gold_releases")
    return f"""(SELECT * FROM "{database}"."{name}" WHERE release_id = {literal(release_id)})"""


@requires("see_charts")
def run_query(
    context: Context,
    sql: str,
    *,
    database: str | None = None,
    release_id: str | None = None,
    params: dict[str, Any] | None = None,
) -> QueryResult:
    """Run a statement of the portal itself and return its rows; `params` replace `:name` placeholders.

    Raise `ServiceError` if it fails, or if it names tables with patient identifiers without the review role.
    """
    import awswrangler as wr  # noqa: PLC0415  (takes a second to import, and most commands do not query Athena)
    from awswrangler.exceptions import QueryCancelled, QueryFailed  # noqa: PLC0415

    _check_role(context, sql)
    began = time.monotonic()
    try:
        with context.session() as session:
            frame = wr.athena.read_sql_query(
                sql,
                database=database or context.lake.database("gold"),
                workgroup=context.workgroup,
                ctas_approach=False,
                params=params,
                paramstyle="named",
                athena_query_wait_polling_delay=context.settings.athena_poll_seconds,
                boto3_session=session,
            )
    except (QueryFailed, QueryCancelled) as error:
        raise ServiceError(f"Athena query failed: {error}") from None
    metadata = getattr(frame, "query_metadata", None) or {}
    return QueryResult(
        frame=frame,
        sql=sql,
        query_id=metadata.get("QueryExecutionId", ""),
        scanned=metadata.get("Statistics", {}).get("DataScannedInBytes", 0),
        seconds=time.monotonic() - began,
        release_id=release_id,
    )


def _check_role(context: Context, sql: str) -> None:
    """Raise `ServiceError` if `sql` names tables with identifiers and the context lacks the review role."""
    named = rf"\b({context.lake.database('bronze')}|{context.lake.database('silver')})\b|\bquarantine_\w"
    if not context.is_review_role and re.search(named, sql, re.IGNORECASE):
        raise ServiceError("Only the review role reads tables with patient identifiers.")
