"""Rule results by run, failing rows and quarantined rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.contracts.model import all_contracts, load
from pipeline.lake.store import read_json
from pipeline.rules.outcomes import FOUND, change
from portal.athena import client as athena_client
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.pseudonyms import labels
from portal.core.rights import requires
from portal.quality import failing_rows as failing_rows_
from portal.quality import failing_sql, received_rows
from portal.quality.failing_sql import FailingQuery
from portal.releases import service as releases
from portal.reviews.read_model import DataQuery
from portal.runs import service as runs

if TYPE_CHECKING:
    import pandas as pd  # takes a second to import, so functions that need it import it

_RUN_ID = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Audit:
    """The decision of the audit job on a run's release."""

    run_id: str
    decision: str
    reasons: list[dict[str, Any]]
    tables: dict[str, int]


@requires("see_charts")
def audit(context: Context, run_id: str) -> Audit | None:
    """Return the audit of a run, or None if the audit has not ended."""
    found = read_json(context.client("s3"), context.lake.audit(run_id))
    return Audit(**found[0]) if found else None


@requires("see_charts")
def results(context: Context, run_id: str) -> pd.DataFrame:
    """Return the rule results of a run, a row for each rule: checked, failed, rate, threshold, status."""
    return _rows(context, "rule_result", run_id).drop(columns="sample_keys")


@requires("query")
def stored_rows(context: Context, run_id: str, table: str, rule_id: str) -> list[str]:
    """Return the pseudonyms of the failing rows that a run stored with a rule result."""
    found = _rows(context, "rule_result", run_id)
    is_it = (found["table_name"] == table) & (found["rule_id"] == rule_id)
    return labels(context, table, [key for keys in found[is_it]["sample_keys"] for key in _keys(keys)])


@requires("see_charts")
def ended_results(context: Context, run_id: str) -> pd.DataFrame:
    """Return the rule results of a run that has ended.

    Raise `ServiceError` if the run does not exist, is running or ended before its audit, or if its results
    were deleted.
    """
    _checked(run_id)
    release = releases.find(context, run_id)
    try:
        run = runs.get(context, run_id, details=False)
    except ServiceError:
        if release is None:
            raise
    else:
        if not run.is_over:
            raise ServiceError(
                f"Run '{run_id}' is still running. Not all of its rules have been evaluated yet."
            )
        if release is None:
            raise ServiceError(
                f"Run '{run_id}' has no results: it {_ENDED[run.status]} before its audit. "
                f"See 'hdp runs show {run_id}'."
            )
    frame = results(context, run_id)
    if frame.empty:
        raise ServiceError(f"The rule results of run '{run_id}' were deleted. Choose a newer run.")
    return frame


_ENDED = {"FAILED": "failed", "TIMED_OUT": "timed out", "ABORTED": "was stopped", "SUCCEEDED": "ended"}


@requires("see_charts")
def history(context: Context, run_ids: Sequence[str]) -> pd.DataFrame:
    """Return the rule results of several runs."""
    import pandas as pd  # noqa: PLC0415

    columns = ["run_id", "table_name", "rule_id", "severity", "category", "status"]
    columns += ["checked", "failed", "rate"]
    if not run_ids:
        return pd.DataFrame(columns=columns)
    wanted = ", ".join(f"'{_checked(run_id)}'" for run_id in run_ids)
    database = context.lake.database("quality")
    sql = f"""SELECT {", ".join(columns)} FROM "{database}"."rule_result" WHERE run_id IN ({wanted})"""
    return athena_client.run_query(context, sql, database=database).frame


def changes(now: pd.DataFrame, before: pd.DataFrame) -> pd.Series:
    """Return the change of each rule result in `now` compared with `before`.

    A change is a key of `vocabulary.CHANGES`: new, worse, better, still there, resolved or stable.
    """
    import pandas as pd  # noqa: PLC0415

    key = ["table_name", "rule_id"]
    both = now.merge(before[[*key, "status", "rate"]], on=key, how="left", suffixes=("", "_before"))
    columns = ("status", "rate", "status_before", "rate_before")
    found = [_change(*row) for row in zip(*(both[name].to_list() for name in columns), strict=True)]
    return pd.Series(found, index=now.index, dtype=object)


def _change(status: str, rate: float, status_before: object, rate_before: float) -> str:
    import pandas as pd  # noqa: PLC0415

    kind = change(status, str(status_before))
    if kind != "still_there":
        return kind
    if pd.isna(rate) or pd.isna(rate_before) or abs(rate - rate_before) < 1e-9:
        return "still there"
    return "worse" if rate > rate_before else "better"


def previous_run(run_id: str, ended: Sequence[str]) -> str | None:
    """Return the run before `run_id` in `ended`, the successful runs from newest to oldest.

    Return None if `run_id` is the oldest of them or not one of them.
    """
    later = ended.index(run_id) + 1 if run_id in ended else len(ended)
    return ended[later] if later < len(ended) else None


def first_and_last_seen(past: pd.DataFrame, run_ids: Sequence[str]) -> dict[tuple[str, str], tuple[str, str]]:
    """Return, by table and rule, the first and the last of `run_ids` (oldest first) that have the finding."""
    index = {run_id: n for n, run_id in enumerate(run_ids)}
    found = past[past["status"].isin(FOUND) & past["run_id"].isin(index)]
    seen: dict[tuple[str, str], list[int]] = {}
    for table, rule, run_id in found[["table_name", "rule_id", "run_id"]].itertuples(index=False):
        seen.setdefault((table, rule), []).append(index[run_id])
    return {finding: (run_ids[min(found_in)], run_ids[max(found_in)]) for finding, found_in in seen.items()}


def false_alarms(queries: Iterable[DataQuery]) -> dict[tuple[str, str], tuple[int, int]]:
    """Return (false alarms, closed queries) by table and rule, of rules with mostly false alarms.

    These rules have at least two false alarms, in more than half of their closed queries.
    """
    ended: dict[tuple[str, str], list[str]] = {}
    for query in queries:
        if query.state == "closed":
            last = next(event for event in reversed(query.events) if event.kind == "query_closed")
            ended.setdefault((query.table_name, query.rule_id), []).append(last.payload["reason"])
    counted = {finding: (reasons.count("false_alarm"), len(reasons)) for finding, reasons in ended.items()}
    return {finding: (n, of) for finding, (n, of) in counted.items() if n >= 2 and n > of / 2}


@requires("query")
def failing_rows(
    context: Context, run_id: str, table: str, rule_id: str, most: int = failing_sql.MOST_ROWS
) -> pd.DataFrame:
    """Return up to `most` rows that fail a rule, masked; none for rules on whole tables or deleted rules."""
    rows = _failing(context, run_id, table, rule_id, most)
    if rows.empty:
        return rows
    contract = load("silver", table)
    rule = next((rule for rule in contract.rules if rule.id == rule_id), None)
    return failing_rows_.masked(rows, contract, labels(context, table, rows["row"]), rule)


@requires("see_phi")
def identified_rows(context: Context, run_id: str, table: str, rule_id: str) -> pd.DataFrame:
    """Return up to 200 rows that fail a rule, unmasked, with the key in `row`.

    Quarantined rows are returned as received, others as in silver. Rules on whole tables have no failing
    rows.
    """
    return _failing(context, run_id, table, rule_id)


@requires("query")
def failing_query(
    context: Context, run_id: str, table: str, rule_id: str, most: int = failing_sql.MOST_ROWS
) -> FailingQuery | None:
    """Return the query for failing rows; None for rules on whole tables and rules that do not exist.

    Raise `ServiceError` if the run plan is missing.
    """
    contract = next((c for c in all_contracts() if c.table == table and c.zone == "silver"), None)
    rule = next((r for r in contract.rules if r.id == rule_id), None) if contract else None
    if contract is None or rule is None or rule.is_whole:
        return None
    plan = read_json(context.client("s3"), context.lake.run_plan(_checked(run_id)))
    covered = "release_batch_ids" if rule.level == "release" else "batch_ids"
    batches = [_checked(batch_id) for batch_id in plan[0][covered]] if plan else []
    if not batches:
        raise ServiceError(
            f"The run plan of run '{run_id}' is missing, so its failing rows cannot be found. "
            "Choose a newer run."
        )
    return failing_sql.of_rule(context.lake, contract, rule, run_id, batches, most)


def _failing(
    context: Context, run_id: str, table: str, rule_id: str, most: int = failing_sql.MOST_ROWS
) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415

    query = failing_query(context, run_id, table, rule_id, most)
    if query is None:
        return pd.DataFrame()
    found = athena_client.run_query(
        context.assume_review_role(), query.sql, database=context.lake.database("quality")
    ).frame
    if "raw" in found and "record_key" in found:
        rows = pd.DataFrame([received_rows.fields(raw) for raw in found["raw"]])
        rows.insert(0, "row", received_rows.keys(found))
        return _ordered(rows.assign(**{name: found[name].to_list() for name in failing_rows_.SOURCE}))
    found.insert(0, "row", found[load("silver", table).key[0]])
    return _ordered(found)


def _ordered(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows sorted by the text of all columns, so that a position identifies a row."""
    return rows.sort_values(list(rows.columns), key=lambda column: column.astype(str), ignore_index=True)


def _keys(text: object) -> tuple[str, ...]:
    """Return the elements of an array that Athena returned as text: ``[a, b]``."""
    listed = str(text or "").strip("[]")
    return tuple(key.strip() for key in listed.split(",")) if listed and text is not None else ()


def _checked(name: str) -> str:
    if not _RUN_ID.fullmatch(name):
        raise ServiceError(f"'{name}' is not an id. Ids have letters, digits, dots and dashes only.")
    return name


@requires("see_charts")
def reconciliation(context: Context, run_id: str) -> list[dict[str, Any]]:
    """Return rows received, loaded and quarantined (including duplicates), by table and batch.

    Raise `ServiceError` for roles that see suppressed counts.
    """
    if not releases.sees_exact(context, run_id):
        raise ServiceError("Row counts by zone are available to analysts, clinicians and engineers.")
    frame = _rows(context, "reconciliation", run_id)
    columns = ["table_name", "batch_id", "received", "loaded", "quarantined", "duplicates"]
    return [
        {name: (int(row[name]) if name in columns[2:] else str(row[name])) for name in columns}
        for row in frame.sort_values(["table_name", "batch_id"]).to_dict("records")
    ]


@requires("query")
def quarantined_rows(context: Context, run_id: str, table: str) -> pd.DataFrame:
    """Return up to 200 rows of a table that the run quarantined, masked, with the rules that refused them."""
    import pandas as pd  # noqa: PLC0415

    found = _rows(context.assume_review_role(), f"quarantine_{table}", run_id, failing_sql.MOST_ROWS)
    if found.empty:
        return pd.DataFrame()
    rows = pd.DataFrame([received_rows.fields(raw) for raw in found["raw"]])
    rows.insert(0, "row", received_rows.keys(found))
    masked = failing_rows_.masked(rows, load("silver", table), labels(context, table, rows["row"]))
    masked.insert(1, "refused by", [str(ids).strip("[]") for ids in found["rule_ids"]])
    return masked


def _rows(context: Context, table: str, run_id: str, limit: int | None = None) -> pd.DataFrame:
    database = context.lake.database("quality")
    last = f" LIMIT {limit}" if limit else ""
    sql = f"""SELECT * FROM "{database}"."{table}" WHERE run_id = '{_checked(run_id)}'{last}"""
    return athena_client.run_query(context, sql, database=database).frame
