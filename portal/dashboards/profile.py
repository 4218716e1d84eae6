"""Column profiles of gold tables: share of empty values, distinct values, minimum and maximum."""

from __future__ import annotations

import pandas as pd

from pipeline.contracts.model import load
from portal.athena.client import QueryResult, release_table, run_query
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires
from portal.releases import service as releases

_RANGED = ("int", "bigint", "double", "decimal", "date", "timestamp")

EXACT_ONLY = "Column profiles are available to analysts, clinicians and engineers."


@requires("see_charts")
def statement(context: Context, name: str, release_id: str) -> str:
    """Return SQL with one row: numbers of empty and distinct values, minimum and maximum of each column.

    Only numbers and dates have a minimum and maximum, because those of a text could identify a patient.
    """
    parts = ["count(*) AS total"]
    for column in load("gold", name).data_columns:
        parts.append(f"count(*) - count({column.name}) AS {column.name}__empty")
        parts.append(f"approx_distinct({column.name}) AS {column.name}__distinct")
        if _has_range(column.type):
            parts += [f"CAST({f}({column.name}) AS varchar) AS {column.name}__{f}" for f in ("min", "max")]
    return f"SELECT {', '.join(parts)} FROM {release_table(context, name, release_id)} t"


@requires("see_charts")
def of(context: Context, name: str, release_id: str) -> QueryResult:
    """Return one row per column of a table: column, empty (share), distinct, least, greatest.

    Raise `ServiceError` for roles that see suppressed counts: a minimum or maximum belongs to a single
    patient.
    """
    if not releases.sees_exact(context, release_id):
        raise ServiceError(EXACT_ONLY)
    answer = run_query(context, statement(context, name, release_id), release_id=release_id)
    row = answer.frame.iloc[0]
    total = int(row["total"])
    rows = []
    for column in load("gold", name).data_columns:
        empty = int(row[f"{column.name}__empty"])
        ends = [row.get(f"{column.name}__{end}") for end in ("min", "max")]
        rows.append(
            {
                "column": column.name,
                "empty": empty / total if total else None,
                "distinct": int(row[f"{column.name}__distinct"]),
                "least": None if pd.isna(ends[0]) else str(ends[0]),
                "greatest": None if pd.isna(ends[1]) else str(ends[1]),
            }
        )
    return QueryResult(
        pd.DataFrame(rows), answer.sql, answer.query_id, answer.scanned, answer.seconds, release_id
    )


def _has_range(type_: str) -> bool:
    return type_.startswith(_RANGED)
