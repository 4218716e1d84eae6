"""What the quality rules found, run by run, and the rows that were refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.contracts.model import Rule, all_contracts, load
from pipeline.lake.store import read_json
from pipeline.rules.outcomes import FOUND, change
from portal.athena import client as athena_client
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.quality import failing_rows as failing_rows_
from portal.quality import failing_sql
from portal.quality.failing_sql import FailingQuery
from portal.releases import service as releases
from portal.reviews.read_model import Query
from portal.runs import service as runs

if TYPE_CHECKING:
    import pandas as pd  # a second to import: functions that need it do so

NO_KEY = "(none)"
"""Stands for the key of a row that was received without one."""
_RUN_ID = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Audit:
    """What the audit job decided about a run's release."""

    run_id: str
    decision: str
    reasons: list[dict[str, Any]]
    tables: dict[str, int]


def audit(context: Context, run_id: str) -> Audit | None:
    found = read_json(context.client("s3"), context.lake.audit(run_id))
    return Audit(**found[0]) if found else None


def results(context: Context, run_id: str) -> pd.DataFrame:
    """One row a rule and table: checked, failed, rate, threshold, status, sample keys (a tuple)."""
    frame = _rows(context, "rule_result", run_id)
    return frame.assign(sample_keys=frame["sample_keys"].map(_keys))


def ended_results(context: Context, run_id: str) -> pd.DataFrame:
    """As `results`, of a run whose audit has ended; `ServiceError` for any other."""
    _checked(run_id)
    made = releases.find(context, run_id)
    try:
        run = runs.get(context, run_id, details=False)
    except ServiceError:
        if made is None:
            raise
    else:
        if not run.is_over:
            raise ServiceError(f"Run '{run_id}' is still running: its rules are not all evaluated yet.")
        if made is None:
            raise ServiceError(
                f"Run '{run_id}' has no results: it {_ENDED[run.status]} before its audit. "
                f"See 'hdp runs show {run_id}'."
            )
    frame = results(context, run_id)
    if frame.empty:
        raise ServiceError(f"The results of run '{run_id}' are no longer in the lake: name a newer run.")
    return frame


_ENDED = {"FAILED": "failed", "TIMED_OUT": "timed out", "ABORTED": "was stopped", "SUCCEEDED": "ended"}


def history(context: Context, run_ids: Sequence[str]) -> pd.DataFrame:
    """The results of several runs: run_id, table_name, rule_id, severity, category, status, checked, failed, rate."""
    import pandas as pd  # noqa: PLC0415

    columns = [
        "run_id",
        "table_name",
        "rule_id",
        "severity",
        "category",
        "status",
        "checked",
        "failed",
        "rate",
    ]
    if not run_ids:
        return pd.DataFrame(columns=columns)
    wanted = ", ".join(f"'{_checked(run_id)}'" for run_id in run_ids)
    database = context.lake.database("quality")
    sql = f"""SELECT {", ".join(columns)} FROM "{database}"."rule_result" WHERE run_id IN ({wanted})"""
    return athena_client.run_query(context, sql, database=database).frame


def changes(now: pd.DataFrame, before: pd.DataFrame) -> pd.Series:
    """By row of `now`: new, worse, better, still there, resolved, or stable, held against `before`."""
    import pandas as pd  # noqa: PLC0415

    key = ["table_name", "rule_id"]
    both = now.merge(before[[*key, "status", "rate"]], on=key, how="left", suffixes=("", "_before"))
    columns = ("status", "rate", "status_before", "rate_before")
    found = [_change(*row) for row in zip(*(both[name].to_list() for name in columns), strict=True)]
    return pd.Series(found, index=now.index, dtype=object)


def _change(status: str, rate: float, status_before: object, rate_before: float) -> str:
    import pandas as pd  # noqa: PLC0415

    said = change(status, str(status_before))
    if said != "still_there":
        return said
    if pd.isna(rate) or pd.isna(rate_before) or abs(rate - rate_before) < 1e-9:
        return "still there"
    return "worse" if rate > rate_before else "better"


def former_run(run_id: str, ended: Sequence[str]) -> str | None:
    """The run before `run_id` among those that `ended` well, newest first."""
    later = ended.index(run_id) + 1 if run_id in ended else len(ended)
    return ended[later] if later < len(ended) else None


def sightings(past: pd.DataFrame, run_ids: Sequence[str]) -> dict[tuple[str, str], tuple[str, str]]:
    """By table and rule the first and the last of `run_ids` (oldest first) in which it found something."""
    place = {run_id: n for n, run_id in enumerate(run_ids)}
    found = past[past["status"].isin(FOUND) & past["run_id"].isin(place)]
    seen: dict[tuple[str, str], list[int]] = {}
    for table, rule, run_id in found[["table_name", "rule_id", "run_id"]].itertuples(index=False):
        seen.setdefault((table, rule), []).append(place[run_id])
    return {finding: (run_ids[min(places)], run_ids[max(places)]) for finding, places in seen.items()}


def false_alarms(queries: Iterable[Query]) -> dict[tuple[str, str], tuple[int, int]]:
    """By table and rule how many of its closed queries were false alarms, and of how many: where most were."""
    ended: dict[tuple[str, str], list[str]] = {}
    for query in queries:
        if query.state == "closed":
            last = next(event for event in reversed(query.events) if event.kind == "query_closed")
            ended.setdefault((query.table_name, query.rule_id), []).append(last.said["reason"])
    counted = {finding: (reasons.count("false_alarm"), len(reasons)) for finding, reasons in ended.items()}
    return {finding: (n, of) for finding, (n, of) in counted.items() if n >= 2 and n > of / 2}


def scorecard(frame: pd.DataFrame) -> pd.DataFrame:
    """By table and category the share of rules that passed, of those that had something to check (0 to 1)."""
    applicable = frame[frame["status"] != "not_applicable"]
    passed = applicable["status"].isin(["pass", "pass_with_failures"])
    kind = applicable["category"].str.split(":").str[0]
    return (
        passed.groupby([applicable["table_name"], kind])
        .mean()
        .unstack()
        .rename_axis(index=None, columns=None)
    )


def rescored(frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` judged by the limits that the contracts have today; a rule that broke, or is gone, keeps its outcome."""
    rules = {(c.table, rule.id): rule for c in all_contracts() for rule in c.rules}
    return frame.assign(status=[_again(row, rules) for row in frame.to_dict("records")])


def _again(row: dict[Any, Any], rules: Mapping[tuple[str, str], Rule]) -> str:
    import pandas as pd  # noqa: PLC0415

    rule = rules.get((row["table_name"], row["rule_id"]))
    if rule is None or row["status"] == "error":
        return str(row["status"])
    return rule.outcome(row["failed"], None if pd.isna(row["rate"]) else row["rate"])


def trend(past: pd.DataFrame, run_ids: Sequence[str]) -> pd.DataFrame:
    """By table and category (rows) and run (columns) the share of rules that passed, of those that applied (0 to 1)."""
    applicable = past[past["status"] != "not_applicable"]
    passed = applicable["status"].isin(["pass", "pass_with_failures"])
    kind = applicable["category"].str.split(":").str[0]
    card = passed.groupby([applicable["table_name"], kind, applicable["run_id"]]).mean().unstack("run_id")
    return card.reindex(columns=list(run_ids)).rename_axis(index=["table", "kind"], columns=None)


def failing_rows(context: Context, run_id: str, table: str, rule_id: str) -> pd.DataFrame:
    """As `identified_rows` with identifiers and exact dates masked: for all who may ask of single rows."""
    context.require("query")
    rows = _failing(context, run_id, table, rule_id)
    if rows.empty:
        return rows
    contract = load("silver", table)
    rule = next((rule for rule in contract.rules if rule.id == rule_id), None)
    return failing_rows_.masked(rows, contract, run_id, rule)


def identified_rows(context: Context, run_id: str, table: str, rule_id: str) -> pd.DataFrame:
    """Up to 200 rows that fail a rule, with the failing row's key in `row`; `reviews.unmask` gives one of them.

    Refused rows come as they were received, others as they are in silver. Empty for rules on whole tables.
    """
    context.require("see_phi")
    return _failing(context, run_id, table, rule_id)


def failing_query(context: Context, run_id: str, table: str, rule_id: str) -> FailingQuery | None:
    """The SQL that gives those rows; None for rules that speak of whole tables, or that are no more."""
    contract = next((c for c in all_contracts() if c.table == table and c.zone == "silver"), None)
    rule = next((r for r in contract.rules if r.id == rule_id), None) if contract else None
    if contract is None or rule is None or rule.is_whole:
        return None
    plan = read_json(context.client("s3"), context.lake.run_plan(_checked(run_id)))
    covered = "release_batch_ids" if rule.level == "release" else "batch_ids"
    batches = [_checked(batch_id) for batch_id in plan[0][covered]] if plan else []
    if not batches:
        raise ServiceError(
            f"What run '{run_id}' covered is not in the lake (any more): its rows cannot be told."
        )
    return failing_sql.of_rule(context.lake, contract, rule, run_id, batches)


def _failing(context: Context, run_id: str, table: str, rule_id: str) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415

    query = failing_query(context, run_id, table, rule_id)
    if query is None:
        return pd.DataFrame()
    found = athena_client.run_query(
        context.assume_review_role(), query.sql, database=context.lake.database("quality")
    ).frame
    if "raw" in found and "record_key" in found:
        rows = pd.DataFrame([received(raw) for raw in found["raw"]])
        rows.insert(0, "row", found["record_key"].fillna(NO_KEY).to_list())
        return _ordered(rows.assign(**{name: found[name].to_list() for name in failing_rows_.SOURCE}))
    found.insert(0, "row", found[load("silver", table).key[0]])
    return _ordered(found)


def _ordered(rows: pd.DataFrame) -> pd.DataFrame:
    """The same rows in the same order at every look, so that a position names one."""
    return rows.sort_values(list(rows.columns), key=lambda column: column.astype(str), ignore_index=True)


def received(raw: str) -> dict[str, Any]:
    """The fields of a row as received; a row that could not be split into fields is one field."""
    try:
        document = json.loads(raw)
    except ValueError:
        return {"as_received": raw}
    return document if isinstance(document, dict) else {"as_received": raw}


def _keys(text: object) -> tuple[str, ...]:
    """The array of an Athena result, which is text: ``[a, b]``."""
    listed = str(text or "").strip("[]")
    return tuple(key.strip() for key in listed.split(",")) if listed and text is not None else ()


def _checked(name: str) -> str:
    if not _RUN_ID.fullmatch(name):
        raise ServiceError(f"'{name}' is not an id: ids have letters, digits, dots and dashes only.")
    return name


def reconciliation(context: Context, run_id: str) -> list[dict[str, Any]]:
    """One row a table and batch: received, loaded, quarantined (duplicates among them)."""
    frame = _rows(context, "reconciliation", run_id)
    columns = ["table_name", "batch_id", "received", "loaded", "quarantined", "duplicates"]
    return [
        {name: (int(row[name]) if name in columns[2:] else str(row[name])) for name in columns}
        for row in frame.sort_values(["table_name", "batch_id"]).to_dict("records")
    ]


def quarantined(context: Context, run_id: str, table: str, limit: int = 200) -> pd.DataFrame:
    """Refused rows as received, with rules and reasons. Raw rows are PHI: mask before showing."""
    return _rows(context.assume_review_role(), f"quarantine_{table}", run_id, limit)


def _rows(context: Context, table: str, run_id: str, limit: int | None = None) -> pd.DataFrame:
    database = context.lake.database("quality")
    last = f" LIMIT {limit}" if limit else ""
    sql = f"""SELECT * FROM "{database}"."{table}" WHERE run_id = '{_checked(run_id)}'{last}"""
    return athena_client.run_query(context, sql, database=database).frame
