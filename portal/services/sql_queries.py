"""What the SQL page keeps beside the answers: estimates, the person's history, queries saved for all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.contracts import tables
from pipeline.lake import split
from portal.services.aws import Aws, ServiceError

MOST_KEPT = 50
_LOOKED_THROUGH = 200
_MARK = "-- portal, SQL page: "


@dataclass(frozen=True)
class Asked:
    """A query of the person's own, from Athena's history; `scanned` in bytes."""

    sql: str
    state: str
    asked_at: datetime
    seconds: float
    scanned: int


@dataclass(frozen=True)
class Saved:
    """A query saved for everybody: one of Athena's named queries."""

    query_id: str
    name: str
    description: str
    sql: str


def marked(aws: Aws, sql: str) -> str:
    """`sql` under a comment that names who asked, so that Athena's history can be told apart by person."""
    return f"{_MARK}{_person(aws)}\n{sql}"


def _person(aws: Aws) -> str:
    return re.sub(r"[^\w.@+-]", "_", aws.settings.user)


def history(aws: Aws) -> list[Asked]:
    """The person's newest questions on the SQL page, newest first."""
    aws.require("query")
    athena = aws.client("athena")
    ids: list[str] = []
    for page in athena.get_paginator("list_query_executions").paginate(
        WorkGroup=aws.lake.workgroup, PaginationConfig={"PageSize": 50, "MaxItems": _LOOKED_THROUGH}
    ):
        ids += page["QueryExecutionIds"]
    mine = _MARK + _person(aws) + "\n"
    found = [e for e in _executions(athena, ids) if e["Query"].startswith(mine)]
    found.sort(key=lambda e: e["Status"]["SubmissionDateTime"], reverse=True)
    return [
        Asked(
            sql=e["Query"].removeprefix(mine),
            state=e["Status"]["State"],
            asked_at=e["Status"]["SubmissionDateTime"],
            seconds=e.get("Statistics", {}).get("TotalExecutionTimeInMillis", 0) / 1000,
            scanned=e.get("Statistics", {}).get("DataScannedInBytes", 0),
        )
        for e in found[:MOST_KEPT]
    ]


def _executions(athena: Any, ids: list[str]) -> Iterator[dict[str, Any]]:
    for start in range(0, len(ids), 50):
        yield from athena.batch_get_query_execution(QueryExecutionIds=ids[start : start + 50])[
            "QueryExecutions"
        ]


def saved(aws: Aws) -> list[Saved]:
    """Queries saved for everybody, by name."""
    athena = aws.client("athena")
    ids = athena.list_named_queries(WorkGroup=aws.lake.workgroup, MaxResults=50)["NamedQueryIds"]
    if not ids:
        return []
    found = athena.batch_get_named_query(NamedQueryIds=ids)["NamedQueries"]
    return sorted(
        (Saved(q["NamedQueryId"], q["Name"], q.get("Description", ""), q["QueryString"]) for q in found),
        key=lambda q: q.name.lower(),
    )


def save(aws: Aws, name: str, sql: str) -> None:
    """Save a query for everybody under a name that is not taken."""
    aws.require("query")
    name = name.strip()
    if not 1 <= len(name) <= 100:
        raise ServiceError("A saved query needs a name of 1 to 100 characters.")
    if any(each.name.lower() == name.lower() for each in saved(aws)):
        raise ServiceError(f"There is a saved query '{name}' already: take another name.")
    aws.client("athena").create_named_query(
        Name=name,
        Description=f"Saved by {_person(aws)}",
        Database=aws.lake.database("gold"),
        QueryString=sql,
        WorkGroup=aws.lake.workgroup,
    )


def remove(aws: Aws, query_id: str) -> None:
    """Remove a saved query; its author or an engineer may."""
    aws.require("query")
    found = next((each for each in saved(aws) if each.query_id == query_id), None)
    if found and found.description != f"Saved by {_person(aws)}" and not aws.person.may("publish"):
        raise ServiceError(
            f"'{found.name}' was saved by somebody else: its author or an engineer may remove it."
        )
    aws.client("athena").delete_named_query(NamedQueryId=query_id)


def bytes_at_most(aws: Aws, sql: str, release_id: str) -> int:
    """The size of the tables that a statement names: it reads that much at most, fewer columns read less."""
    words = {word.lower() for word in re.findall(r"\w+", sql)}
    places = [aws.lake.gold_release(table, release_id) for table in tables("gold") if table in words]
    if "rule_result" in words:
        places.append(aws.lake.results_table())
    return sum(_size(aws, place) for place in places)


def _size(aws: Aws, address: str) -> int:
    bucket, prefix = split(address)
    pages = aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return sum(item["Size"] for page in pages for item in page.get("Contents", []))
