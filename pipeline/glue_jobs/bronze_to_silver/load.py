"""Load received batches into silver and quarantine, the same way for all tables.

One Spark plan reads and types the rows of all batches of a run and evaluates the rules. It is computed once;
silver and quarantine are written from it, with one write each.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipeline import frames
from pipeline.contracts.model import Contract, Rule, load
from pipeline.contracts.spark import conform, schema
from pipeline.glue_jobs.errors import JobError
from pipeline.glue_jobs.runtime import Run, describe, for_each
from pipeline.glue_jobs.silver_to_gold.local_time import local_date
from pipeline.reference.code_lists import CODE_LISTS
from pipeline.rules import row_rules
from pipeline.rules.row_rules import Result, Tally
from pipeline.sources import spark as sources

ROW = ("_file", "_line")
"""Columns that identify a received row: file and first line."""

NULL_MARKED = "size(null_marked) > 0"
"""Condition by which the null marker rule is recognized."""

LOADED, REFUSED, DUPLICATE = "loaded", "refused", "duplicate"
"""Dispositions of a received row."""


def received(run: Run, table: str) -> DataFrame:
    """Return the table's rows in all batches of the run, with the columns of `as_raw`."""
    by_source = defaultdict(list)
    for manifest in run.manifests_of(run.plan["batch_ids"]):
        if table in manifest["tables"]:
            by_source[manifest["source"], manifest.get("time_zone")].append(manifest)
    found = [
        as_raw(sources.read(run.spark, run.lake, manifests, table, run.time_zone), table, source)
        for (source, _), manifests in by_source.items()
    ]
    return frames.union(found or [as_raw(_nothing(run, table), table, "native")])


def as_raw(frame: DataFrame, table: str, source: str) -> DataFrame:
    """Gather the bronze columns in the struct `raw`; replace null markers by NULL.

    `null_marked` lists the columns that had a marker. The other columns returned are `batch`, `batch_id`,
    `malformed`, `sources.AS_READ` and those of `ROW`.
    """
    contract = load("bronze", table)
    names = [column.name for column in contract.data_columns]
    marked = {name: _is_marker(name, contract.null_markers(source)) for name in names}
    return frame.select(
        F.struct(*(F.when(~marked[name], F.col(name)).alias(name) for name in names)).alias("raw"),
        F.array_compact(F.array(*(F.when(marked[name], F.lit(name)) for name in names))).alias("null_marked"),
        "batch",
        "batch_id",
        F.col("_malformed").alias("malformed"),
        *ROW,
        sources.AS_READ,
    )


def _is_marker(column: str, markers: Sequence[str]) -> Column:
    """Return whether a column's text is a null marker; a value of the column's code list is not one."""
    allowed = CODE_LISTS.get(column, {})
    words = [marker for marker in markers if marker.lower() not in allowed]
    return F.coalesce(F.expr(frames.stripped(column)).isin(*words), F.lit(False)) if words else F.lit(False)


def _nothing(run: Run, table: str) -> DataFrame:
    contract = load("bronze", table)
    empty = frames.of(run.spark, [], schema(contract))
    return empty.select(
        "*",
        F.lit(False).alias("_malformed"),
        F.lit("").alias("_file"),
        F.lit(0).cast("long").alias("_line"),
        F.lit(None).cast("array<string>").alias(sources.AS_READ),
        F.struct(
            F.current_timestamp().alias("received_at"), F.lit(None).cast("string").alias("facility")
        ).alias("batch"),
    )


def typed(frame: DataFrame, table: str, expressions: Mapping[str, str], time_zone: str) -> DataFrame:
    """Return `frame` with each silver column from its SQL expression, and columns that row rules need.

    If no `updated_at` was received, it is the time the batch was received; `updated_at_read` is NULL then.
    `received_on` is the date the batch was received, in the hospital's time zone. `row_hash` is equal for
    rows of one batch that agree in every field; all of them but the first are duplicates.
    """
    texts = [F.col(f"raw.{column.name}") for column in load("bronze", table).data_columns]
    read = frame.withColumns({name: F.expr(sql) for name, sql in expressions.items()})
    updated_at = F.when(F.col("raw.updated_at").isNull(), F.col("batch.received_at")).otherwise(
        F.col("updated_at")
    )
    return read.withColumns(
        {
            "updated_at_read": F.col("updated_at"),
            "updated_at": updated_at,
            "row_hash": frames.hash_of([*texts, F.col("batch_id")]),
            "received_on": local_date("batch.received_at", time_zone),
            "source_file": F.col("_file"),
            "source_line": F.col("_line"),
            "is_repeat": F.lit(False),
        }
    )


def run_table(run: Run, contract: Contract, transform: Callable[[DataFrame], DataFrame]) -> None:
    """Load one table for the run's batches.

    Type the rows (`transform`), evaluate the rules, then write silver, quarantine, results and
    reconciliation.
    """
    if not _batches(run, contract):
        _load_nothing(run, contract)
        return
    rules, key = row_rules.row_rules(contract), contract.key[0]
    source = received(run, contract.table)
    kept = _kept(row_rules.evaluate(transform(source), rules), contract, key).persist()
    whole = row_rules.across(with_duplicates(kept, rules), rules, ROW).withColumn(
        "_disposition", _disposition(rules)
    )
    tally = Tally.of(whole, "batch_id", "_disposition")
    loaded = _write_silver(run, contract, whole.where(F.col("_disposition") == LOADED), tally)
    refused = _as_received(whole.where(F.col("_disposition") != LOADED), source, contract.table)
    quarantined = _write_quarantine(run, contract, refused, tally)
    results = row_rules.results_of(tally, whole, rules, contract, key)
    run.write_results(_with_columns_marked(results, whole))
    _reconcile(run, contract, loaded, quarantined)
    kept.unpersist()


def _load_nothing(run: Run, contract: Contract) -> None:
    """Write what a run without rows of the table leaves behind, without a query."""
    uri = run.lake.quarantine(contract.table, run.run_id)
    run.delete(uri)
    run.register(load("quality", f"quarantine_{contract.table}"), [([run.run_id], uri)])
    rules = row_rules.row_rules(contract)
    run.write_results(Result(rule, contract.zone, contract.table, 0, 0) for rule in rules)
    run.write_quality("reconciliation", [])


def with_duplicates(evaluated: DataFrame, rules: Sequence[Rule]) -> DataFrame:
    """Return `evaluated` with duplicates marked in `is_repeat` and by the bit of the duplicate rule.

    Rows are grouped by hash; only hashes that occur more than once are joined back to find the first row.
    """
    number = next(n for n, rule in enumerate(rules) if rule.fails == "is_repeat")
    well_formed = evaluated.where(~F.col("malformed"))
    several = well_formed.groupBy("row_hash").agg(F.count(F.lit(1)).alias("_n")).where("_n > 1")
    firsts = (
        well_formed.join(several.select("row_hash"), "row_hash", "left_semi")
        .groupBy("row_hash")
        .agg(F.min(F.struct(*ROW)).alias("_first"))
        .persist()
    )
    is_first = (F.col("_first._file") == F.col("_file")) & (F.col("_first._line") == F.col("_line"))
    is_duplicate = F.col("_first").isNotNull() & ~is_first & ~F.col("malformed")
    joined = evaluated.join(firsts, "row_hash", "left").withColumn("is_repeat", is_duplicate)
    return joined.withColumn(row_rules.FAILING, row_rules.with_rule("is_repeat", number, len(rules))).drop(
        "_first"
    )


def _with_columns_marked(results: Sequence[Result], whole: DataFrame) -> list[Result]:
    """Return the results, with the number of null markers by column as detail of the null marker rule."""
    number = next(n for n, result in enumerate(results) if result.rule.fails == NULL_MARKED)
    if not results[number].failed:
        return list(results)
    counted = whole.select(F.explode("null_marked").alias("column")).groupBy("column").count().collect()
    detail = ", ".join(f"{row['column']} {int(row['count']):,}" for row in sorted(counted))
    return [replace(each, detail=detail) if n == number else each for n, each in enumerate(results)]


def _disposition(rules: Sequence[Rule]) -> Column:
    return F.when(row_rules.quarantined(rules), REFUSED).when(F.col("is_repeat"), DUPLICATE).otherwise(LOADED)


def _kept(evaluated: DataFrame, contract: Contract, key: str) -> DataFrame:
    """Return the columns that later steps need; `AS_READ` is NULL unless a row rule quarantines the row."""
    rules = row_rules.row_rules(contract)
    silver = [column.name for column in contract.columns]
    needed = {"row_hash", "malformed", "null_marked", *ROW, *row_rules.columns_across(rules)} & {
        *evaluated.columns
    }
    as_read = F.when(row_rules.quarantined(rules), F.col(sources.AS_READ)).alias(sources.AS_READ)
    return evaluated.select(
        *dict.fromkeys([*silver, *sorted(needed)]),
        F.col(f"raw.{key}").alias("record_key"),
        as_read,
        row_rules.FAILING,
        row_rules.APPLYING,
    )


def _as_received(refused: DataFrame, source: DataFrame, table: str) -> DataFrame:
    """Return `refused` with the received text in `raw`, read from `source` again where `AS_READ` is NULL."""
    lacking = refused.where(F.col(sources.AS_READ).isNull()).select(*ROW).persist()
    if not lacking.isEmpty():
        rows = source.select(*ROW, F.col(sources.AS_READ).alias("_again"))
        again = rows.join(lacking, list(ROW), "left_semi")
        refused = refused.join(again, list(ROW), "left").withColumn(
            sources.AS_READ, F.coalesce(sources.AS_READ, "_again")
        )
    return refused.withColumn("raw", sources.received(sources.AS_READ, table))


def _batches(run: Run, contract: Contract) -> list[str]:
    """Return the ids of the run's batches that contain the table."""
    return [b for b in run.plan["batch_ids"] if contract.table in run.manifest(b)["tables"]]


def _write_silver(run: Run, contract: Contract, accepted: DataFrame, tally: Tally) -> dict[str, int]:
    """Write one partition per batch; return row counts by batch, counted by reading the files back."""
    batch_ids = _batches(run, contract)
    run.prepare_silver(contract.table, batch_ids)
    if tally.rows(_disposition=LOADED):
        run.append(conform(accepted, contract), run.lake.silver_table(contract.table), "batch_id")
    run.register(contract, [([b], run.lake.silver_batch(contract.table, b)) for b in batch_ids])
    written = run.count_by(contract, run.lake.silver_table(contract.table), "batch_id", batch_ids)
    for_each(lambda batch_id: run.mark_complete(contract.table, batch_id), batch_ids)
    return {batch_id: written.get(batch_id, 0) for batch_id in batch_ids}


def _write_quarantine(
    run: Run, contract: Contract, refused: DataFrame, tally: Tally
) -> Counter[tuple[str, str]]:
    """Write quarantined rows; return counts by batch and disposition, counted by reading the files back."""
    quarantine = load("quality", f"quarantine_{contract.table}")
    uri = run.lake.quarantine(contract.table, run.run_id)
    run.delete(uri)
    run.register(quarantine, [([run.run_id], uri)])
    if not any(tally.rows(_disposition=each) for each in (REFUSED, DUPLICATE)):
        return Counter()
    explained = refused.withColumns(_explanations(contract)).withColumn("disposition", F.col("_disposition"))
    stage_uri = f"{uri}stage=silver/"
    run.write(conform(explained, quarantine, partitions=False).coalesce(1), stage_uri)
    written = run.parquet("batch_id string, disposition string", stage_uri)
    counted = written.groupBy("batch_id", "disposition").count().collect()
    return Counter({(row["batch_id"], row["disposition"]): int(row["count"]) for row in counted})


def _explanations(contract: Contract) -> dict[str, Column]:
    """Return the columns that explain why a row is not loaded: `rule_ids` and, as sentences, `reasons`."""
    rules = row_rules.row_rules(contract)
    duplicate_rule = next(rule.id for rule in rules if rule.fails == "is_repeat")
    is_duplicate = F.col("_disposition") == DUPLICATE
    explanations = {
        "rule_ids": (duplicate_rule, row_rules.failing_ids(rules)),
        "reasons": (
            "The same row was received before.",
            F.array_compact(F.concat(F.array(sources.fault(sources.AS_READ)), row_rules.reasons(rules))),
        ),
    }
    return {
        name: F.when(is_duplicate, F.array(F.lit(text))).otherwise(refusal)
        for name, (text, refusal) in explanations.items()
    }


def _reconcile(
    run: Run, contract: Contract, loaded: dict[str, int], quarantined: Counter[tuple[str, str]]
) -> None:
    """Write the reconciliation; raise `JobError` unless received = loaded + quarantined in every batch.

    Received rows are those counted in the manifest.
    """
    entries = []
    for batch_id, rows_loaded in loaded.items():
        files = run.manifest(batch_id)["tables"][contract.table]["files"]
        entries.append(
            {
                "table_name": contract.table,
                "batch_id": batch_id,
                "received": sum(file["rows"] for file in files),
                "loaded": rows_loaded,
                "quarantined": quarantined[batch_id, REFUSED] + quarantined[batch_id, DUPLICATE],
                "duplicates": quarantined[batch_id, DUPLICATE],
            }
        )
    run.write_quality("reconciliation", entries)
    for entry in entries:
        describe(entry)
        if entry["received"] != entry["loaded"] + entry["quarantined"]:
            raise JobError(
                f"Row counts of {contract.table} in batch {entry['batch_id']} do not reconcile: received "
                f"{entry['received']}, loaded {entry['loaded']}, quarantined {entry['quarantined']}. "
                "Nothing was published. Leave the batch out with 'hdp batches retire', "
                "or read it again with 'hdp batches reprocess'."
            )
