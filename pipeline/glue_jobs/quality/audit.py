"""Glue job quality_audit: measures the release as a whole, and decides whether it may be published."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipeline import release
from pipeline.contracts import all_contracts, load, tables
from pipeline.glue_jobs.job import Run, describe, main
from pipeline.glue_jobs.silver_to_gold import star
from pipeline.quality.rows import Result

_KEYS = {"patients": "patient_id", "encounters": "encounter_id", "medications": "administration_id"}


def measure(spark: SparkSession) -> list[Result]:
    """All table-level rules of the contracts in one query over the views named by the tables.

    A rule that cannot be computed is an error of its own and spoils no other.
    """
    wanted = [(c, rule) for c in all_contracts() for rule in c.rules if rule.measure is not None]
    parts, results = [], []
    for number, (contract, rule) in enumerate(wanted):
        sql = f"SELECT {number} AS number, CAST(checked AS BIGINT) AS checked, CAST(failed AS BIGINT) AS failed FROM ({rule.measure})"
        try:
            parts.append(spark.sql(sql))
        except Exception:
            results.append(Result(rule, contract.zone, contract.table, 0, 0, broken=True))
    for row in _union(parts):
        contract, rule = wanted[row["number"]]
        results.append(Result(rule, contract.zone, contract.table, row["checked"] or 0, row["failed"] or 0))
    return results


def _union(parts: list[DataFrame]) -> list[Any]:
    if not parts:
        return []
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.unionByName(part)
    return whole.collect()


def decide(results: Iterable[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    """Hold where a rule that blocks has failed or broken; warn where another one has; publish otherwise."""
    found = [r for r in results if r["status"] in {"fail", "error"} and r["severity"] != "info"]
    found.sort(key=lambda r: (r["severity"] != "block", r["severity"] != "error", r["rule_id"]))
    reasons = [
        {
            "rule_id": r["rule_id"],
            "table": r["table_name"],
            "severity": r["severity"],
            "checked": r["checked"],
            "failed": r["failed"],
            "status": r["status"],
        }
        for r in found
    ]
    if any(r["severity"] == "block" for r in found):
        return "hold", reasons
    return ("publish_with_warnings" if reasons else "publish"), reasons


def work(run: Run) -> None:
    gold = {table: run.gold(table).persist() for table in tables("gold")}
    for table, frame in gold.items():
        frame.createOrReplaceTempView(table)
    for table, key in _KEYS.items():
        star.newest(run.silver(table), key).persist().createOrReplaceTempView(f"newest_{table}")
    results = measure(run.spark)
    run.write_results(results)
    contract = load("quality", "rule_result")
    everything = run.spark.read.parquet(f"{run.lake.results(run.run_id)}").select(
        *(column.name for column in contract.data_columns)
    )
    decision, reasons = decide(
        row.asDict() for row in everything.where(F.col("rule_id").isNotNull()).collect()
    )
    counts = {table: frame.count() for table, frame in gold.items()}
    made = release.Release(
        release_id=run.run_id,
        run_id=run.run_id,
        batch_ids=list(run.plan["release_batch_ids"]),
        base_release_id=run.plan["base_release_id"],
        tables=counts,
        created_at=release.now(),
        decision=decision,
        reasons=reasons,
    )
    audit = {"run_id": run.run_id, "decision": decision, "reasons": reasons, "tables": counts}
    release.write_json(run.s3, run.lake.audit(run.run_id), audit)
    release.write(run.s3, run.lake, made)
    describe({"decision": decision, "rules_with_findings": [reason["rule_id"] for reason in reasons]})


if __name__ == "__main__":
    main(work)
