"""What the quality rules found, run by run, and the rows that were refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.release import read_json
from portal.services import warehouse
from portal.services.aws import Aws, ServiceError

_RUN_ID = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Audit:
    """What the audit job decided about a run's release."""

    run_id: str
    decision: str
    reasons: list[dict[str, Any]]
    tables: dict[str, int]


def audit(aws: Aws, run_id: str) -> Audit | None:
    found = read_json(aws.client("s3"), aws.lake.audit(run_id))
    return Audit(**found[0]) if found else None


def results(aws: Aws, run_id: str) -> pd.DataFrame:
    """One row a rule and table: checked, failed, rate, threshold, status, sample keys."""
    return _rows(aws, "rule_result", run_id)


def reconciliation(aws: Aws, run_id: str) -> list[dict[str, Any]]:
    """One row a table and batch: received, loaded, quarantined (repeats among them)."""
    frame = _rows(aws, "reconciliation", run_id)
    columns = ["table_name", "batch_id", "received", "loaded", "quarantined", "repeated"]
    return [
        {name: (int(row[name]) if name in columns[2:] else str(row[name])) for name in columns}
        for row in frame.sort_values(["table_name", "batch_id"]).to_dict("records")
    ]


def quarantined(aws: Aws, run_id: str, table: str, limit: int = 200) -> pd.DataFrame:
    """Refused rows as received, with rules and reasons. Raw rows are PHI: mask before showing."""
    return _rows(aws, f"quarantine_{table}", run_id, limit)


def _rows(aws: Aws, table: str, run_id: str, limit: int | None = None) -> pd.DataFrame:
    if not _RUN_ID.fullmatch(run_id):
        raise ServiceError(f"'{run_id}' is no run id.")
    database = aws.lake.database("quality")
    last = f" LIMIT {limit}" if limit else ""
    sql = f"""SELECT * FROM "{database}"."{table}" WHERE run_id = '{run_id}'{last}"""
    return warehouse.ask(aws, sql, database=database).frame
