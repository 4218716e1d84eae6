"""The portal's own statements, through Athena; what a person types goes through `sql_queries` instead."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.releases.model import current
from portal.core.context import Context
from portal.core.errors import ServiceError

if TYPE_CHECKING:
    import pandas as pd

_POLLING = 0.05
"""Seconds between two looks at a query: Athena itself answers in tenths of a second at best."""


@dataclass(frozen=True)
class Answer:
    """Rows, and what they cost: `seconds` of waiting, `scanned` bytes; `release_id` where one was named.

    `note` says what was left out of the rows.
    `rows`, where groups were counted, is how many rows of the star are behind them.
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
    """Nothing has been published yet."""

    def __init__(self) -> None:
        super().__init__("No release has been published yet: start a run first.")


def published(context: Context) -> str:
    """The id of the release that readers see."""
    found = current(context.client("s3"), context.lake)
    if found is None:
        raise NoRelease
    return found.release_id


def table(context: Context, name: str, release_id: str) -> str:
    """A gold table of one release, as something to select from."""
    if not re.fullmatch(r"[A-Za-z0-9._-]+", release_id):
        raise ServiceError(f"'{release_id}' is no release id.")
    return f"""(SELECT * FROM "{context.lake.database("gold_releases")}"."{name}" WHERE release_id = '{release_id}')"""


def ask(
    context: Context,
    sql: str,
    *,
    database: str | None = None,
    release_id: str | None = None,
    params: dict[str, Any] | None = None,
) -> Answer:
    """Run a statement of the portal's own, whatever the person's rights; `params` fill `:name` places."""
    import awswrangler as wr
    from awswrangler.exceptions import QueryCancelled, QueryFailed

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
                athena_query_wait_polling_delay=_POLLING,
                boto3_session=session,
            )
    except (QueryFailed, QueryCancelled) as error:
        raise ServiceError(f"Athena could not answer: {error}") from None
    metadata = getattr(frame, "query_metadata", None) or {}
    return Answer(
        frame=frame,
        sql=sql,
        query_id=metadata.get("QueryExecutionId", ""),
        scanned=metadata.get("Statistics", {}).get("DataScannedInBytes", 0),
        seconds=time.monotonic() - began,
        release_id=release_id,
    )
