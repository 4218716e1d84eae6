"""What people ask in SQL: begun, waited for, cancelled, answered; their history, and queries saved for all."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any
from urllib.parse import quote, unquote

import awswrangler as wr
import pandas as pd

from pipeline.contracts.glue import quality_location
from pipeline.lake.uris import split
from pipeline.releases.model import current
from portal.athena import client as warehouse
from portal.athena import sql_guard
from portal.athena.client import Answer
from portal.athena.sql_guard import MOST_ROWS, Statement
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.privacy import sql_answers

MOST_KEPT = 50
LOOKED_THROUGH = 1000
"""Athena lists the questions of a workgroup, the dashboards' own among them."""
_POLLING = 0.1
_ALIVE = frozenset({"QUEUED", "RUNNING"})
_WHO = "-- asked in the portal by "
_RELEASE = "-- of release "
_TYPED = "-- | "


@dataclass(frozen=True)
class Asked:
    """A query of the person's own, as Athena's history has it: `sql` as typed; `scanned` in bytes."""

    query_id: str
    sql: str
    release_id: str
    state: str
    asked_at: datetime
    seconds: float
    scanned: int
    reason: str = ""

    @property
    def is_over(self) -> bool:
        return self.state not in _ALIVE


@dataclass(frozen=True)
class Saved:
    """A query saved for everybody: one of Athena's named queries."""

    query_id: str
    name: str
    description: str
    sql: str


# asking


def checked(context: Context, sql: str, release_id: str) -> Statement:
    """`sql` as it would run over a release; `ServiceError` where the person may not ask it."""
    context.require("query")
    return sql_guard.resolve(context.lake, sql, release_id, _visible(context))


def begin(context: Context, sql: str, release_id: str) -> str:
    """Have Athena start on what a person typed; gives the id under which it is answered."""
    statement = checked(context, sql, release_id)
    started = context.client("athena").start_query_execution(
        QueryString=_headed(context, statement, release_id),
        QueryExecutionContext={"Database": context.lake.database("gold")},
        WorkGroup=context.lake.workgroup,
    )
    return str(started["QueryExecutionId"])


def asked(context: Context, query_id: str) -> Asked:
    """What the person asked under that id, and how far it is; nobody else's, and nothing the portal asked itself."""
    context.require("query")
    athena = context.client("athena")
    found = list(_executions(athena, [query_id])) if re.fullmatch(r"[\w-]{1,128}", query_id) else []
    mine = [each for each in map(_asked, found) if each and _is_mine(context, found[0])]
    if not mine:
        raise ServiceError(f"You have no query '{query_id[:80]}': run the statement again.")
    return mine[0]


def wait(context: Context, query_id: str, seconds: float) -> Asked:
    """The question once it is over, or as it stands after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (found := asked(context, query_id)).is_over and time.monotonic() < deadline:
        time.sleep(_POLLING)
    return found


def cancel(context: Context, query_id: str) -> None:
    """Stop a question of the person's own."""
    asked(context, query_id)
    context.client("athena").stop_query_execution(QueryExecutionId=query_id)


def answer(context: Context, query_id: str) -> Answer:
    """The rows of a question that is over: roles that may ask see exact figures."""
    found = asked(context, query_id)
    if found.state != "SUCCEEDED":
        raise ServiceError(_no_answer(found))
    checked(context, found.sql, found.release_id)
    with context.session() as session:
        frame = wr.athena.get_query_results(query_id, boto3_session=session)
    note = f"the first {MOST_ROWS:,} rows" if len(frame) >= MOST_ROWS else ""
    return Answer(frame, found.sql, query_id, found.scanned, found.seconds, found.release_id, note)


def safe_to_share(context: Context, found: Answer) -> tuple[pd.DataFrame | None, str]:
    """Return an answer as it may leave the portal, and what was left out; None where it may not."""
    statement = checked(context, found.sql, str(found.release_id))
    return sql_answers.safe_to_share(statement.told, found.frame)


def ask(context: Context, sql: str, release_id: str | None = None) -> Answer:
    """Ask of the published release, or another, and wait for the answer; who stops waiting stops the question."""
    query_id = begin(context, sql, release_id or warehouse.published(context))
    try:
        while not wait(context, query_id, 60).is_over:
            pass
    except KeyboardInterrupt:
        cancel(context, query_id)
        raise
    return answer(context, query_id)


def _no_answer(found: Asked) -> str:
    if not found.is_over:
        return "Athena is still at work on this: wait, or cancel it."
    if found.state == "CANCELLED":
        return "This question was cancelled."
    return f"Athena could not answer: {found.reason}"


def _visible(context: Context) -> Sequence[str] | None:
    """Releases in `gold_releases` for this person: a held one is for those who review or publish, who see all."""
    if context.user.may("publish") or context.user.may("review"):
        return None
    present = current(context.client("s3"), context.lake)
    return [each for each in (present.release_id, present.previous_release_id) if each] if present else []


# Athena's history


def _headed(context: Context, statement: Statement, release_id: str) -> str:
    """What runs, under comments that tell who asked, of which release, and what was typed."""
    lines = re.split(r"\r\n|\r|\n", statement.typed)
    typed = "\n".join(_TYPED + line for line in lines)
    return f"{_WHO}{_person(context)}\n{_RELEASE}{release_id}\n{typed}\n{statement.runs}"


def _person(context: Context) -> str:
    """The person's name in one word, which is nobody else's."""
    return quote(context.settings.user, safe="@+")


def _is_mine(context: Context, execution: dict[str, Any]) -> bool:
    return str(execution["Query"]).startswith(f"{_WHO}{_person(context)}\n")


def _asked(execution: dict[str, Any]) -> Asked | None:
    """An execution as somebody asked it, or None for one of the portal's own."""
    _, *lines = str(execution["Query"]).split("\n")
    if not execution["Query"].startswith(_WHO) or not lines or not lines[0].startswith(_RELEASE):
        return None
    typed = [line.removeprefix(_TYPED) for line in takewhile(lambda x: x.startswith(_TYPED), lines[1:])]
    status, cost = execution["Status"], execution.get("Statistics", {})
    return Asked(
        query_id=execution["QueryExecutionId"],
        sql="\n".join(typed),
        release_id=lines[0].removeprefix(_RELEASE),
        state=status["State"],
        asked_at=status["SubmissionDateTime"],
        seconds=cost.get("TotalExecutionTimeInMillis", 0) / 1000,
        scanned=cost.get("DataScannedInBytes", 0),
        reason=status.get("StateChangeReason", "no reason given"),
    )


def history(context: Context) -> list[Asked]:
    """What the person asked last, newest first; of the newest `LOOKED_THROUGH` of everybody."""
    context.require("query")
    athena = context.client("athena")
    mine: list[Asked] = []
    for page in athena.get_paginator("list_query_executions").paginate(
        WorkGroup=context.lake.workgroup, PaginationConfig={"PageSize": 50, "MaxItems": LOOKED_THROUGH}
    ):
        found = _executions(athena, page["QueryExecutionIds"])
        mine += [asked for each in found if _is_mine(context, each) and (asked := _asked(each))]
        if len(mine) >= MOST_KEPT:
            break
    return sorted(mine, key=lambda each: each.asked_at, reverse=True)[:MOST_KEPT]


def _executions(athena: Any, ids: list[str]) -> list[dict[str, Any]]:
    if not ids:
        return []
    return list(athena.batch_get_query_execution(QueryExecutionIds=ids)["QueryExecutions"])


# saved queries


def saved(context: Context) -> list[Saved]:
    """Queries saved for everybody, by name."""
    context.require("query")
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
            Saved(q["NamedQueryId"], q["Name"], unquote(q.get("Description", "")), q["QueryString"])
            for q in found
        ),
        key=lambda q: q.name.lower(),
    )


def save(context: Context, name: str, sql: str) -> None:
    """Save a query for everybody under a name that is not taken."""
    context.require("query")
    name = name.strip()
    if not 1 <= len(name) <= 100:
        raise ServiceError("A saved query needs a name of 1 to 100 characters.")
    if any(each.name.lower() == name.lower() for each in saved(context)):
        raise ServiceError(f"There is a saved query '{name}' already: take another name.")
    context.client("athena").create_named_query(
        Name=name,
        Description=f"Saved by {_person(context)}",
        Database=context.lake.database("gold"),
        QueryString=sql,
        WorkGroup=context.lake.workgroup,
    )


def remove(context: Context, query_id: str) -> None:
    """Remove a saved query; its author or an engineer may."""
    context.require("query")
    found = next((each for each in saved(context) if each.query_id == query_id), None)
    if found and found.description != f"Saved by {context.settings.user}" and not context.user.may("publish"):
        raise ServiceError(
            f"'{found.name}' was saved by somebody else: its author or an engineer may remove it."
        )
    context.client("athena").delete_named_query(NamedQueryId=query_id)


# estimates


def bytes_at_most(context: Context, statement: Statement, release_id: str) -> int:
    """The size of the tables that a statement reads: it scans that much of a release at most, fewer columns less."""
    context.require("query")
    return sum(_size(context, _place(context, *named, release_id)) for named in statement.tables)


def _place(context: Context, database: str, table: str, release_id: str) -> str:
    if database == "gold":
        return context.lake.gold_release(table, release_id)
    return (
        context.lake.gold_table(table)
        if database == "gold_releases"
        else quality_location(table, context.lake)
    )


def _size(context: Context, address: str) -> int:
    bucket, prefix = split(address)
    pages = context.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return sum(item["Size"] for page in pages for item in page.get("Contents", []))
