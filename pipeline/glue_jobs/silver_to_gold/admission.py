"""Admit silver rows to a release: resolve references and evaluate rules that need other rows of the release.

This happens per release and not in silver, so that the outcome does not depend on how rows are distributed
over batches. The job fails unless silver rows = gold rows + superseded versions + rows quarantined in this
release.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipeline.contracts.model import Contract, load
from pipeline.contracts.spark import conform
from pipeline.glue_jobs import fact_months, standing
from pipeline.glue_jobs.errors import JobError
from pipeline.glue_jobs.runtime import Run, describe
from pipeline.glue_jobs.silver_to_gold import versions
from pipeline.rules import row_rules as rows
from pipeline.rules.row_rules import Tally

ROW = ("source_file", "source_line")
"""Columns that identify a silver row."""

REFUSED = "refused in release"


@dataclass(frozen=True)
class Admission:
    """The newest version of each admitted record, with counts of admitted and quarantined rows.

    `part` is the SQL condition on silver rows that belong to the same gold table.
    """

    table: str
    rows: DataFrame
    admitted: int
    quarantined: int
    part: str = "true"


def admit(run: Run, table: str, refer: Callable[[DataFrame], DataFrame], part: str = "true") -> Admission:
    """Evaluate the release rules on a silver table, quarantine failing rows and write the results.

    `refer` joins the rows of other tables that rules and measures need. All rows are evaluated; those of
    `part` are returned. A later job takes the others with `admitted`.
    """
    contract = load("silver", table)
    evaluated = evaluate(run.silver(table), contract, refer).withColumn("_is_in_part", F.expr(part))
    rules = rows.release_rules(contract)
    tally = Tally.of(evaluated, "_is_refused", "_is_in_part")
    run.write_results(rows.results_of(tally, evaluated, rules, contract, contract.key[0]))
    _quarantine(run, contract, evaluated.where("_is_refused"), tally.rows(_is_refused=True))
    _list_ended(run, contract)
    return Admission(
        table,
        evaluated.where("not _is_refused and _is_in_part"),
        tally.rows(_is_refused=False, _is_in_part=True),
        tally.rows(_is_refused=True, _is_in_part=True),
        part,
    )


def admitted(run: Run, table: str, refer: Callable[[DataFrame], DataFrame], part: str) -> Admission:
    """Return the rows of `part` that an earlier job of this run admitted.

    That job called `admit` for the same table: it evaluated all rows and wrote the quarantined ones.
    """
    silver = run.silver(table).where(part)
    refused = run.refused_in_release(table).select(*ROW)
    newest = versions.with_status(silver, load("silver", table)).where("is_newest")
    kept = newest.join(refused, list(ROW), "left_anti").persist()
    quarantined = silver.join(refused, list(ROW), "left_semi").count()
    return Admission(table, refer(kept), int(kept.count()), int(quarantined), part)


def nothing(run: Run, table: str, gold: Contract) -> None:
    """Write an empty gold table and results of rules that were not applicable, without a query.

    For a release without batches that contain the optional silver `table`.
    """
    contract = load("silver", table)
    rules = rows.release_rules(contract)
    run.write_results(rows.Result(rule, contract.zone, table, 0, 0) for rule in rules)
    uri = run.lake.quarantine(table, run.run_id)
    run.delete(f"{uri}stage=release/")
    run.register(load("quality", f"quarantine_{table}"), [([run.run_id], uri)])
    fact_months.write_nothing(run, gold)
    entry = {"silver_rows": 0, "gold_rows": 0, "superseded": 0, "quarantined": 0}
    run.write_quality("release_reconciliation", [{"table_name": table, "gold_table": gold.table, **entry}])


def evaluate(silver: DataFrame, contract: Contract, refer: Callable[[DataFrame], DataFrame]) -> DataFrame:
    """Return newest and conflicting versions with the release rules evaluated and `_is_refused`.

    `_is_refused` marks rows that fail a quarantining rule. The result of the rules on single rows is cached,
    because each rule across rows reads it.
    """
    rules = rows.release_rules(contract)
    candidates = versions.with_status(silver, contract).where("is_newest or is_conflicting")
    evaluated = rows.evaluate(refer(candidates), rules).persist()
    return rows.across(evaluated, rules, ROW).withColumn("_is_refused", rows.quarantined(rules))


def reconcile(run: Run, admission: Admission, gold_table: str, gold_rows: int) -> None:
    """Write the reconciliation of a gold table with the silver rows that belong to it.

    Raise `JobError` unless silver rows = gold rows + superseded versions + quarantined rows.
    """
    silver_rows = int(run.silver(admission.table).where(admission.part).count())
    superseded = silver_rows - admission.admitted - admission.quarantined
    entry = {
        "table_name": admission.table,
        "gold_table": gold_table,
        "silver_rows": silver_rows,
        "gold_rows": gold_rows,
        "superseded": superseded,
        "quarantined": admission.quarantined,
    }
    run.write_quality("release_reconciliation", [entry])
    describe(entry)
    if silver_rows != gold_rows + superseded + admission.quarantined:
        raise JobError(
            f"Row counts of {gold_table} in release {run.run_id} do not reconcile: "
            f"silver {silver_rows}, gold {gold_rows}, superseded {superseded}, "
            f"quarantined {admission.quarantined}. "
            "Nothing was published. Start the run again."
        )


def _quarantine(run: Run, contract: Contract, refused: DataFrame, number: int) -> None:
    """Write the rows quarantined in the release, next to those quarantined by the silver job."""
    quarantine = load("quality", f"quarantine_{contract.table}")
    uri = run.lake.quarantine(contract.table, run.run_id)
    stage_uri = f"{uri}stage=release/"
    run.delete(stage_uri)
    run.register(quarantine, [([run.run_id], uri)])
    if not number:
        return
    rules = rows.release_rules(contract)
    explained = refused.withColumns(
        {
            "record_key": F.col(contract.key[0]),
            "rule_ids": rows.failing_ids(rules),
            "reasons": rows.reasons(rules),
            "disposition": F.lit(REFUSED),
            # same on both engines: every field is text
            "raw": F.to_json(F.struct(*(_text(c.name, c.type) for c in contract.data_columns))),
        }
    )
    run.write(conform(explained, quarantine, partitions=False).coalesce(1), stage_uri)


def _list_ended(run: Run, contract: Contract) -> None:
    """Write the records that are missing from a full extract to the quarantine of the run."""
    quarantine = load("quality", f"quarantine_{contract.table}")
    uri = f"{run.lake.quarantine(contract.table, run.run_id)}stage={standing.ENDED}/"
    gone = run.ended(contract)
    if gone is None or gone.isEmpty():
        return
    listed = gone.withColumns(
        {
            "record_key": F.col(contract.key[0]),
            "rule_ids": F.array().cast("array<string>"),
            "disposition": F.lit(standing.ENDED),
            # same on both engines: every field is text
            "raw": F.to_json(F.struct(*(_text(c.name, c.type) for c in contract.data_columns))),
        }
    )
    run.write(conform(listed, quarantine, partitions=False).coalesce(1), uri)


def _text(name: str, type_: str) -> Column:
    """Return the column cast to text, formatted identically on every engine."""
    if type_ == "timestamp":
        return F.date_format(name, "yyyy-MM-dd'T'HH:mm:ss'Z'").alias(name)
    return F.col(name).cast("decimal(18,6)" if type_ == "double" else "string").cast("string").alias(name)
