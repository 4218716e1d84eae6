"""From batches as received to silver and quarantine: the steps that the three tables share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipeline import frames
from pipeline.contracts import Contract, Rule, load
from pipeline.contracts.spark import conform, schema
from pipeline.glue_jobs.job import JobError, Run, describe
from pipeline.quality import rows
from pipeline.sources import spark as sources


def received(run: Run, table: str) -> DataFrame:
    """Every row of this run's batches, as text: `raw`, `batch`, `batch_id`, `malformed`, `_file`, `_line`, `_received`."""
    found = [sources.read(run.spark, run.lake, run.manifest(b), table) for b in run.plan["batch_ids"]]
    there = [as_raw(frame, table) for frame in found if frame is not None]
    return frames.union(there or [as_raw(_nothing(run, table), table)])


def as_raw(frame: DataFrame, table: str) -> DataFrame:
    """The bronze columns gathered in the struct `raw`."""
    names = [column.name for column in load("bronze", table).data_columns]
    return frame.select(
        F.struct(*(F.col(name) for name in names)).alias("raw"),
        "batch",
        "batch_id",
        F.col("_malformed").alias("malformed"),
        "_file",
        "_line",
        "_received",
    )


def _nothing(run: Run, table: str) -> DataFrame:
    contract = load("bronze", table)
    empty = frames.of(run.spark, [], schema(contract))
    return empty.select(
        "*",
        F.lit(False).alias("_malformed"),
        F.lit("").alias("_file"),
        F.lit(0).cast("long").alias("_line"),
        F.lit("").alias("_received"),
        F.struct(F.current_timestamp().alias("received_at")).alias("batch"),
    )


def typed(frame: DataFrame, expressions: Mapping[str, str]) -> DataFrame:
    """Each silver column from its SQL expression; a row without `updated_at` counts as of its batch."""
    read = frame.withColumns({name: F.expr(sql) for name, sql in expressions.items()})
    read = read.withColumn("updated_at_read", F.col("updated_at"))
    moment = F.when(F.col("raw.updated_at").isNull(), F.col("batch.received_at")).otherwise(
        F.col("updated_at")
    )
    return read.withColumn("updated_at", moment)


def identity(key: str) -> tuple[str, ...]:
    """Rows that agree in these were received twice: they are the same row."""
    return ("row_hash", key, "batch_id")


def mark_repeats(frame: DataFrame, key: str) -> DataFrame:
    """`row_hash` and `is_repeat`: of rows that are the same in every field, all but the first."""
    texts = [F.col(f"raw.{name}") for name in frame.select("raw.*").columns]
    hashed = frame.withColumn("row_hash", frames.hash_of(texts))
    same = Window.partitionBy(*identity(key)).orderBy("_file", "_line")
    repeated = (F.row_number().over(same) > 1) & ~F.col("malformed")
    return hashed.withColumn("is_repeat", repeated)


def run_table(
    run: Run, contract: Contract, judged: DataFrame, select: Callable[[DataFrame], DataFrame], key: str
) -> None:
    """Evaluate the rules on `judged`, then write silver, quarantine, results and the reconciliation."""
    rules = rows.row_rules(contract)
    kept = _kept(rows.evaluate(judged, rules), contract, key).persist()
    try:
        whole = rows.across(kept, rules, identity(key))
        whole = whole.withColumn("_disposition", _disposition(rules))
        loaded = _write_silver(run, contract, select(whole.where("_disposition is null")))
        refused = _as_received(whole.where("_disposition is not null"), judged, key)
        quarantined = _write_quarantine(run, contract, refused)
        results = rows.count(whole, rules, contract, key)
        run.write_results(results)
        _reconcile(run, contract, loaded, quarantined)
    finally:
        kept.unpersist()


def _disposition(rules: Sequence[Rule]) -> Column:
    """Why a row is not loaded; NULL where it is."""
    return F.when(rows.refused(rules), "refused").when(F.col("is_repeat"), "repeat")


def _kept(evaluated: DataFrame, contract: Contract, key: str) -> DataFrame:
    """What rules across rows and the writes need, and no more: the text of a row only where it is not loaded."""
    rules = rows.row_rules(contract)
    needed = {column.name for column in contract.columns} | set(identity(key)) | rows.words_across(rules)
    held = _disposition(rules).isNotNull()
    return evaluated.select(
        *(name for name in evaluated.columns if name in needed),
        *(F.when(held, F.col(source)).alias(name) for name, source in _received_as(key).items()),
        "is_repeat",
        rows.FAILING,
        rows.APPLYING,
    )


def _received_as(key: str) -> dict[str, str]:
    """Columns of quarantine that say what was received, and where they come from."""
    return {"source_file": "_file", "source_line": "_line", "record_key": f"raw.{key}", "raw": "_received"}


def _as_received(refused: DataFrame, judged: DataFrame, key: str) -> DataFrame:
    """`refused` with the text of every row: rows that only others made wrong are read again."""
    lacking = refused.where("raw is null").select(*identity(key)).distinct()
    if lacking.isEmpty():
        return refused
    names = {name: f"_again_{name}" for name in identity(key)}
    texts = judged.select(
        *(F.col(name).alias(again) for name, again in names.items()),
        *(F.col(source).alias(f"_again_{name}") for name, source in _received_as(key).items()),
    )
    found = texts.join(
        F.broadcast(lacking),
        [F.col(again).eqNullSafe(F.col(name)) for name, again in names.items()],
        "left_semi",
    ).dropDuplicates(list(names.values()))
    same = [F.col(name).eqNullSafe(F.col(again)) for name, again in names.items()]
    texts_of = {name: F.coalesce(F.col(name), F.col(f"_again_{name}")) for name in _received_as(key)}
    return refused.join(F.broadcast(found), same, "left").withColumns(texts_of)


def _write_silver(run: Run, contract: Contract, accepted: DataFrame) -> dict[str, int]:
    """One folder a batch; the counts are those of the files, read back."""
    month = contract.partition_columns[-1].name
    conformed = conform(accepted, contract)
    written = {}
    for batch_id in run.plan["batch_ids"]:
        if contract.table not in run.manifest(batch_id)["tables"]:
            continue
        address = run.lake.silver_batch(contract.table, batch_id)
        part = conformed.where(F.col("batch_id") == batch_id).drop("batch_id")
        run.write(part.repartition(month), address, month)
        values = run._folders(address, month)
        run.register(contract, [([batch_id, value], f"{address}{month}={value}/") for value in values])
        written[batch_id] = run.rows_written(address, contract)
        run.mark_complete(address)
    return written


def _write_quarantine(run: Run, contract: Contract, refused: DataFrame) -> Counter[tuple[str, str]]:
    """The rows that are not loaded; counts by batch and disposition are those of the files, read back."""
    quarantine = load("quality", f"quarantine_{contract.table}")
    rules = rows.row_rules(contract)
    is_repeat = F.col("_disposition") == "repeat"
    explained = refused.withColumns(
        {
            "rule_ids": F.when(is_repeat, F.array(F.lit(_repeat_rule(contract)))).otherwise(
                rows.failing_ids(rules)
            ),
            "reasons": F.when(is_repeat, F.array(F.lit("The same row was received before."))).otherwise(
                rows.reasons(rules)
            ),
            "disposition": F.col("_disposition"),
        }
    )
    address = run.lake.quarantine(contract.table, run.run_id)
    run.write(conform(explained, quarantine, partitions=False).coalesce(2), address)
    run.register(quarantine, [([run.run_id], address)])
    there = run.spark.read.schema("batch_id string, disposition string").parquet(address)
    counted = there.groupBy("batch_id", "disposition").count().collect()
    return Counter({(row["batch_id"], row["disposition"]): int(row["count"]) for row in counted})


def _repeat_rule(contract: Contract) -> str:
    return next(rule.id for rule in contract.rules if rule.fails == "is_repeat")


def _reconcile(
    run: Run, contract: Contract, loaded: dict[str, int], quarantined: Counter[tuple[str, str]]
) -> None:
    """received = loaded + quarantined for every batch, by the manifest's own count, or the run fails."""
    account = []
    for batch_id, rows_loaded in loaded.items():
        files = run.manifest(batch_id)["tables"][contract.table]["files"]
        account.append(
            {
                "table_name": contract.table,
                "batch_id": batch_id,
                "received": sum(file["rows"] for file in files),
                "loaded": rows_loaded,
                "quarantined": quarantined[batch_id, "refused"] + quarantined[batch_id, "repeat"],
                "repeated": quarantined[batch_id, "repeat"],
            }
        )
    run.write_quality("reconciliation", account)
    for line in account:
        describe(line)
        if line["received"] != line["loaded"] + line["quarantined"]:
            raise JobError(
                f"Rows of {contract.table} in batch {line['batch_id']} went astray: received {line['received']}, "
                f"loaded {line['loaded']}, quarantined {line['quarantined']}. Nothing was published; run it again."
            )
