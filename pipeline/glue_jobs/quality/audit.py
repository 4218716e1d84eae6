"""Glue job quality_audit: evaluate the rules on the whole release and decide if it may be published."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipeline.contracts.model import Contract, Rule, all_contracts, load, tables
from pipeline.glue_jobs import small_tables
from pipeline.glue_jobs.entry_point import main
from pipeline.glue_jobs.quality import recomputed
from pipeline.glue_jobs.quality.newest import MONTHS, TIMESTAMPS, newest
from pipeline.glue_jobs.runtime import Run, aws_client, describe
from pipeline.lake import pseudonyms, store
from pipeline.releases import files
from pipeline.releases import model as release_model
from pipeline.releases.model import Release
from pipeline.reviews import acceptances
from pipeline.reviews import log as review_log
from pipeline.reviews.acceptances import Acceptance, RowAcceptance
from pipeline.reviews.events import Event
from pipeline.reviews.integrity import Log
from pipeline.rules.row_rules import Result

_FACTS = {
    "fact_encounter": ("encounters", "admitted_month"),
    "fact_medication_admin": ("administrations", "administered_month"),
    "fact_medication_order": ("orders", "ordered_month"),
    "bridge_encounter_diagnosis": ("dated_diagnoses", "diagnosis_month"),
}
"""By fact, the suffix of the ``newest_…`` view with its rows in silver, and its month."""

AcceptedRows = Mapping[tuple[str, str], Mapping[str, RowAcceptance]]
"""Acceptances of rows by (table, rule id), then by the row's pseudonym."""

_PARALLEL_QUERIES = 4
"""Number of concurrent queries: while one is planned, another is computed."""


def measure(
    spark: SparkSession, has_parent: bool, has_new: bool, contracts: Iterable[Contract] | None = None
) -> list[Result]:
    """Evaluate the table rules of `contracts` (default: all) over the views of `create_views`.

    Rules with the same relation are evaluated in one query. A rule that cannot be computed becomes a rule
    error and does not affect others. Not applicable are rules without
    rows to check, rules of level "run" without a parent release, and rules of level "run" that read
    ``arrived_…`` views if the run adds no batch.
    """
    wanted = [(c, rule) for c in contracts or all_contracts() for rule in c.rules if rule.is_whole]
    results = [Result(rule, contract.zone, contract.table, 0, 0) for contract, rule in wanted]
    applicable = [
        n
        for n, (_, rule) in enumerate(wanted)
        if rule.level != "run" or (has_parent and (has_new or "arrived_" not in rule.sql))
    ]
    groups: dict[str, list[int]] = defaultdict(list)
    for number in applicable:
        groups[wanted[number][1].of or f"rule {number}"].append(number)
    with ThreadPoolExecutor(_PARALLEL_QUERIES) as threads:
        for found in threads.map(lambda group: _measured(spark, results, group), list(groups.values())):
            for number, result in found:
                results[number] = result
    return results


def _measured(spark: SparkSession, results: list[Result], group: list[int]) -> list[tuple[int, Result]]:
    """Return the results of the rules of one relation, from one query or, if it fails, one query each."""
    try:
        row = _query(spark, [results[n].rule for n in group]).first()
    except Exception:
        if len(group) == 1:
            return [(group[0], replace(results[group[0]], broken=True))]
        return [each for number in group for each in _measured(spark, results, [number])]
    found = row.asDict() if row else {}
    return [
        (
            number,
            replace(
                results[number],
                checked=int(found.get(f"checked_{n}") or 0),
                failed=int(found.get(f"failed_{n}") or 0),
                value=_number(found.get(f"value_{n}")),
            ),
        )
        for n, number in enumerate(group)
    ]


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _query(spark: SparkSession, rules: list[Rule]) -> DataFrame:
    """Return a query of one row, with the columns checked_n, failed_n and value_n of the n-th rule."""
    if rules[0].measure:
        measured = spark.sql(rules[0].measure)
        return measured.toDF(*(f"{name}_0" for name in measured.columns))
    wanted = [f"{sql} AS {name}_{n}" for n, rule in enumerate(rules) for name, sql in rule.aggregates.items()]
    return spark.sql(f"SELECT {', '.join(wanted)} FROM {rules[0].of}")


def decide(
    results: Iterable[dict[str, Any]],
    accepted: Mapping[tuple[str, str], Acceptance] | None = None,
    on: date | None = None,
    rows: AcceptedRows | None = None,
) -> tuple[str, list[dict[str, Any]]]:
    """Return the decision (`hold`, `publish_with_warnings` or `publish`) and the findings it is based on.

    Hold if a rule of severity "block" has failed or has an error and no acceptance covers it on the date `on`
    (default: today, UTC). Failing rows that a reviewer has verified as correct do not count as failing.
    Findings are returned even if they, or all their rows, are accepted.
    """
    on = on or datetime.now(UTC).date()
    adjusted = [_without_accepted(result, rows or {}, on) for result in results]
    found = [r for r in adjusted if r["severity"] != "info" and (_failed(r) or r["accepted_rows"])]
    found.sort(key=lambda r: (r["severity"] != "block", r["severity"] != "error", r["rule_id"]))
    reasons = [
        {
            "rule_id": r["rule_id"],
            "table": r["table_name"],
            "severity": r["severity"],
            "checked": r["checked"],
            "failed": r["failed"],
            "rate": r["rate"],
            "status": r["status"],
            "accepted_rows": r["accepted_rows"],
            "accepted": _covering(r, accepted or {}, on),
        }
        for r in found
    ]
    if any(r["severity"] == "block" and _failed(r) and not r["accepted"] for r in reasons):
        return "hold", reasons
    return ("publish_with_warnings" if reasons else "publish"), reasons


def _failed(result: Mapping[str, Any]) -> bool:
    return result["status"] in {"fail", "error"}


def _without_accepted(result: Mapping[str, Any], rows: AcceptedRows, on: date) -> dict[str, Any]:
    """Return `result` with accepted rows not counted as failing, and with their number, `accepted_rows`.

    Acceptances count only if they cover the date `on` and the keys of all failing rows are known and
    distinct.
    """
    failing, accepted = result["failing_rows"], rows.get((result["table_name"], result["rule_id"]), {})
    covering = (accepted.get(row) for row in failing)
    number = sum(1 for found in covering if found is not None and found.covers(on))
    if not number or result["status"] == "error" or len(failing) != result["failed"]:
        return {**result, "accepted_rows": 0}
    failed = result["failed"] - number
    rate = failed / result["checked"]
    status = "fail" if rate > result["threshold"] else "pass_with_failures" if failed else "pass"
    return {**result, "failed": failed, "rate": rate, "status": status, "accepted_rows": number}


def with_pseudonyms(result: Mapping[str, Any], secret: bytes) -> dict[str, Any]:
    """Return `result` with `failing_rows`, the pseudonyms of sampled failing rows, which reviewers accept."""
    keys = result["sample_keys"] or ()
    return {**result, "failing_rows": {pseudonyms.label(secret, result["table_name"], key) for key in keys}}


def _covering(
    result: Mapping[str, Any], accepted: Mapping[tuple[str, str], Acceptance], on: date
) -> dict[str, Any] | None:
    """Return the acceptance that covers a failure on the date `on`, or None; it never covers a rule error."""
    found = accepted.get((result["table_name"], result["rule_id"]))
    if found is None or result["status"] == "error" or not found.covers(result["rate"], on):
        return None
    return {"by": found.by, "reason": found.reason, "until": found.until, "event": found.event}


def _trusted(log: Log) -> tuple[Event, ...]:
    """Return the events of the review log, or no events if the log has integrity problems."""
    if log.problems:
        describe(
            {
                "reviews": "the review log does not verify, so no acceptance is applied",
                "problems": log.problems,
            }
        )
        return ()
    return log.events


def _months(table: str, silver: str, month: str) -> str:
    """Return SQL of rows and cost of a fact per month, next to those of silver and the parent's rows."""
    cost = "sum(total_cost)" if table == "fact_encounter" else "cast(null as double)"
    counted = f"SELECT {month}, count(*) AS {{0}}rows, {cost} AS {{0}}cost FROM {{1}} GROUP BY {month}"
    sides = ((counted.format("", table)), counted.format("silver_", f"newest_{silver}"))
    parent = f"SELECT {month}, count(*) AS former_rows FROM former_{table} GROUP BY {month}"
    both = f"SELECT * FROM ({sides[0]}) FULL JOIN ({sides[1]}) USING ({month})"
    return f"{both} FULL JOIN ({parent}) USING ({month})"


def with_local_times(frame: DataFrame, time_zone: str, columns: Iterable[str]) -> DataFrame:
    """Return `frame` with a column `<name>_local` in hospital time for each UTC timestamp in `columns`."""
    return frame.select("*", *(F.from_utc_timestamp(c, time_zone).alias(f"{c}_local") for c in columns))


def create_views(run: Run, parent: Release | None) -> dict[str, DataFrame]:
    """Create the views that table rules query; return the gold tables by name.

    - the gold tables, by their names
    - ``newest_…``, the rows of a silver table that the release should contain
    - ``arrived_…``, the silver rows of this run's batches
    - ``former_…``, the silver rows of the parent release's batches and the parent release's rows of a fact;
      empty without a parent release
    - ``months_…``, rows and cost per month of a fact, next to those of silver and the parent release's rows
    - ``reconciliation`` of this run and, with `is_former`, of the parent release's run
    - the views of `recomputed`

    Silver rows have each timestamp in hospital time next to UTC.
    """
    gold = {table: run.gold(table) for table in tables("gold")}
    for table, frame in gold.items():
        frame.createOrReplaceTempView(table)
    parent_id = parent.release_id if parent else None
    for table, timestamps in TIMESTAMPS.items():
        found = with_local_times(newest(run, table).persist(), run.time_zone, timestamps)
        if table in MONTHS:
            found = found.withColumn(MONTHS[table][0], F.date_format(F.expr(MONTHS[table][1]), "yyyy-MM"))
        found.createOrReplaceTempView(f"newest_{table}")
        sides = {"arrived": run.plan["batch_ids"], "former": parent.batch_ids if parent else []}
        for side, batch_ids in sides.items():
            rows = with_local_times(run.silver(table, batch_ids), run.time_zone, timestamps)
            rows.createOrReplaceTempView(f"{side}_{table}")
    recomputed.create_views(run.spark)
    for table, (silver, month) in _FACTS.items():
        run.released(table, parent_id).createOrReplaceTempView(f"former_{table}")
        months = run.spark.sql(_months(table, silver, month)).persist()  # few rows that several rules read
        months.createOrReplaceTempView(f"months_{table}")
    of_run = run.reconciliation(run.run_id).withColumn("is_former", F.lit(False))
    of_parent = run.reconciliation(parent_id).withColumn("is_former", F.lit(True))
    of_run.unionByName(of_parent).createOrReplaceTempView("reconciliation")
    return gold


def work(run: Run) -> None:
    parent_id = run.plan["parent_release_id"]
    parent = release_model.get(run.s3, run.lake, parent_id) if parent_id else None
    gold = create_views(run, parent)
    new = set(run.plan["batch_ids"]) - set(parent.batch_ids if parent else [])
    results = measure(run.spark, has_parent=parent is not None, has_new=bool(new))
    run.write_results(results)
    columns = [column.name for column in load("quality", "rule_result").data_columns]
    secret = pseudonyms.read_secret(aws_client("secretsmanager"), run.lake)
    found = small_tables.read(run.s3, run.lake.results(run.run_id), columns)
    all_results = [with_pseudonyms(result, secret) for result in found]
    events = _trusted(review_log.read(run.s3, run.lake))
    rows = acceptances.row_acceptances(events)
    decision, reasons = decide(all_results, acceptances.acceptances(events), rows=rows)
    counts = {table: int(frame.count()) for table, frame in gold.items()}
    audit = {"run_id": run.run_id, "decision": decision, "reasons": reasons, "tables": counts}
    store.write_json(run.s3, run.lake.audit(run.run_id), audit)
    new_release = Release(
        release_id=run.run_id,
        run_id=run.run_id,
        batch_ids=list(run.plan["release_batch_ids"]),
        parent_release_id=parent_id,
        tables=counts,
        created_at=store.now(),
        decision=decision,
        reasons=reasons,
        files=files.of_run(run.s3, run.lake, run.run_id),
    )
    release_model.write(run.s3, run.lake, new_release)
    describe({"decision": decision, "rules_with_findings": [reason["rule_id"] for reason in reasons]})


if __name__ == "__main__":
    main(work)
