"""Which silver rows stand in a release: not those of cancelled, merged or missing records.

A record is missing if a later full extract lacks it. Silver keeps every row, so an earlier release, or a
release without the batch that ended a record, is unchanged. See docs/changes.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipeline import frames
from pipeline.contracts.model import Contract, load
from pipeline.glue_jobs.errors import JobError
from pipeline.sources import batch_files
from pipeline.sources.native import CHANGE_COLUMNS, CHANGES, SURVIVOR

if TYPE_CHECKING:
    from pipeline.glue_jobs.runtime import Run

CANCELLED, MERGED = ("cancelled", "entered-in-error"), "merged"
TABLES = ("patients", "encounters", "medications")
FULL = "full"
ENDED = "ended"
"""Disposition, in the quarantine, of a record that is missing from a later full extract."""

_COLUMNS = (*CHANGE_COLUMNS, SURVIVOR)
_ERROR_STATUS = "entered-in-error"


@dataclass(frozen=True)
class Changes:
    """Notices of a release's batches: times of cancellation by table and record, and survivors of merges."""

    cancelled: dict[str, dict[str, str]] = field(default_factory=dict)
    survivors: dict[str, str] = field(default_factory=dict)


def changes_of(rows: Iterable[Mapping[str, Any]]) -> Changes:
    """Return the notices in rows of `record_changes` files; raise `JobError` if one cannot be understood."""
    found = Changes()
    for row in rows:
        where = f"Line {row['_line']} of {row['_file']}"
        if row["table_name"] not in TABLES or not row["record_id"] or not _is_time(row["updated_at"]):
            raise JobError(
                f"{where} names no record: it needs table_name ({', '.join(TABLES)}), record_id and "
                "updated_at (ISO 8601). Correct the file, retire the batch and import it again."
            )
        if row["change"] in CANCELLED:
            times = found.cancelled.setdefault(row["table_name"], {})
            times[row["record_id"]] = max(times.get(row["record_id"], ""), row["updated_at"])
        elif row["change"] == MERGED and row["table_name"] == "patients" and row["survivor_id"]:
            found.survivors[row["record_id"]] = row["survivor_id"]
        else:
            raise JobError(
                f"{where} is no change that is known: {', '.join(CANCELLED)}, or {MERGED} of patients with a "
                "survivor_id. Correct the file, retire the batch and import it again."
            )
    return Changes(found.cancelled, _final(found.survivors))


def _is_time(text: str | None) -> bool:
    try:
        return bool(datetime.fromisoformat(text or ""))
    except ValueError:
        return False


def _final(survivors: Mapping[str, str]) -> dict[str, str]:
    """Return the last survivor of each chain of merges; a circle of merges changes nothing."""
    final = {}
    for merged in survivors:
        seen, last = {merged}, survivors[merged]
        while last in survivors and last not in seen:
            seen.add(last)
            last = survivors[last]
        if last not in seen:
            final[merged] = last
    return final


def read_changes(manifests: Sequence[Mapping[str, Any]], bucket: str) -> Changes:
    """Read the notices of batches, in the order in which the batches were received."""
    rows: list[dict[str, Any]] = []
    for manifest in sorted(manifests, key=_order):
        for file in manifest["tables"].get(CHANGES, {"files": []})["files"]:
            given = {**file, "uri": f"s3://{bucket}/{file['key']}"}
            given |= {name: manifest[name] for name in ("batch_id", "received_at")}
            for batch in batch_files.rows_of(given, _COLUMNS):
                rows.extend(batch.to_pylist())
    return changes_of(rows)


def _order(manifest: Mapping[str, Any]) -> tuple[str, str]:
    return manifest["received_at"], manifest["batch_id"]


def without_changed(silver: DataFrame, contract: Contract, changes: Changes) -> DataFrame:
    """Return the rows without cancelled records and merged patients; others refer to the survivor.

    A version that is newer than the cancellation stands again.
    """
    key = contract.key[0]
    times = changes.cancelled.get(contract.table, {})
    if times:
        named = [{"_id": record, "_at": at} for record, at in times.items()]
        cancelled = frames.of(silver.sparkSession, named, "_id string, _at string")
        joined = silver.join(cancelled, F.col(key) == F.col("_id"), "left")
        silver = joined.where("_id is null or updated_at > cast(_at as timestamp)").drop("_id", "_at")
    if contract.table == "medications" and not silver.where(F.col("status") == _ERROR_STATUS).isEmpty():
        silver = _without_errors(silver, contract)
    if not changes.survivors:
        return silver
    pairs = [{"_id": merged, "_to": survivor} for merged, survivor in changes.survivors.items()]
    merges = frames.of(silver.sparkSession, pairs, "_id string, _to string")
    if contract.table == "patients":
        return silver.join(merges, F.col(key) == F.col("_id"), "left_anti")
    if "patient_id" not in silver.columns:
        return silver
    joined = silver.join(merges, F.col("patient_id") == F.col("_id"), "left")
    renamed = joined.withColumn("patient_id", F.coalesce("_to", "patient_id"))
    return renamed.select(*silver.columns)


def _without_errors(silver: DataFrame, contract: Contract) -> DataFrame:
    """Return the rows without medication events whose newest version was entered in error."""
    key = list(contract.record_key)
    wrong = silver.where(F.col("status") == _ERROR_STATUS)
    latest = wrong.groupBy(*key).agg(F.max("updated_at").alias("_wrong_at"))
    renamed = latest.select(*(F.col(name).alias(f"_{name}") for name in key), "_wrong_at")
    same: Column = F.lit(True)
    for name in key:
        same = same & (F.col(name) == F.col(f"_{name}"))
    joined = silver.join(renamed, same, "left")
    return joined.where("_wrong_at is null or updated_at > _wrong_at").select(*silver.columns)


@dataclass(frozen=True)
class Place:
    """A batch of a feed: its position, and that of the feed's last full extract of the table, else 0."""

    batch_id: str
    feed: str
    position: int
    last_full: int


def places(manifests: Sequence[Mapping[str, Any]], table: str) -> list[Place]:
    """Return the place of each batch with the table; a feed is a source format and facility."""
    ordered = [each for each in sorted(manifests, key=_order) if table in each["tables"]]
    feeds = [f"{each['source']} {each.get('facility') or ''}" for each in ordered]
    full: dict[str, int] = {}
    for position, (manifest, feed) in enumerate(zip(ordered, feeds, strict=True), 1):
        if manifest.get("extract") == FULL:
            full[feed] = position
    return [
        Place(manifest["batch_id"], feed, position, full.get(feed, 0))
        for position, (manifest, feed) in enumerate(zip(ordered, feeds, strict=True), 1)
    ]


def missing(
    silver: DataFrame, contract: Contract, batches: Sequence[Place], quarantine: Callable[[], DataFrame]
) -> DataFrame | None:
    """Return keys (with `_feed`) whose last row came before the last full extract; None if there is none.

    `quarantine` returns `record_key`, `batch_id` and `disposition` of quarantined rows: a record of which the
    full extract has a row that was quarantined is not missing.
    """
    if not any(each.position < each.last_full for each in batches):
        return None
    key, spark = list(contract.record_key), silver.sparkSession
    shape = "_batch string, _feed string, _position int, _last_full int"
    rows = [
        {"_batch": b.batch_id, "_feed": b.feed, "_position": b.position, "_last_full": b.last_full}
        for b in batches
    ]
    known = F.broadcast(frames.of(spark, rows, shape))
    placed = silver.join(known, F.col("batch_id") == F.col("_batch"))
    last = placed.groupBy(*key, "_feed").agg(
        F.max("_position").alias("_last"), F.max("_last_full").alias("_full")
    )
    gone = last.where("_last < _full").select(*key, "_feed")
    refused = quarantine().where(f"disposition <> '{ENDED}'")
    again = refused.join(known, F.col("batch_id") == F.col("_batch")).where("_position >= _last_full")
    seen = again.select(F.col("record_key").alias("_seen"), F.col("_feed").alias("_of")).distinct()
    is_seen = (F.col(key[0]) == F.col("_seen")) & (F.col("_feed") == F.col("_of"))
    return gone.join(seen, is_seen, "left_anti")


def without_missing(
    silver: DataFrame, contract: Contract, batches: Sequence[Place], gone: DataFrame
) -> DataFrame:
    """Return the rows without the records `gone`, which `missing` returned."""
    key, spark = list(contract.record_key), silver.sparkSession
    rows = [{"_batch": each.batch_id, "_of": each.feed} for each in batches]
    known = F.broadcast(frames.of(spark, rows, "_batch string, _of string"))
    placed = silver.join(known, F.col("batch_id") == F.col("_batch"))
    renamed = gone.select(*(F.col(name).alias(f"_{name}") for name in key), "_feed")
    same: Column = F.col("_of") == F.col("_feed")
    for name in key:
        same = same & (F.col(name) == F.col(f"_{name}"))
    return placed.join(renamed, same, "left_anti").select(*silver.columns)


def rows(run: Run, table: str) -> DataFrame:
    """Return the silver rows of a table that stand in the release of a run."""
    contract, found = load("silver", table), _unchanged(run, table)
    batches, gone = _missing(run, contract, found)
    return found if gone is None else without_missing(found, contract, batches, gone)


def ended(run: Run, contract: Contract) -> DataFrame | None:
    """Return the newest version of each record that is missing from a full extract, with `reasons`.

    Return None without such an extract.
    """
    found = _unchanged(run, contract.table)
    batches, gone = _missing(run, contract, found)
    if gone is None:
        return None
    stands = without_missing(found, contract, batches, gone).select("source_file", "source_line")
    left = found.join(stands, ["source_file", "source_line"], "left_anti")
    newest = Window.partitionBy(*contract.record_key).orderBy(F.desc("updated_at"), F.desc("batch_id"))
    last = left.withColumn("_rank", F.row_number().over(newest)).where("_rank = 1").drop("_rank")
    full = {each.feed: "" for each in batches}
    full |= {each.feed: each.batch_id for each in batches if each.position == each.last_full}
    reasons = [
        {"_batch": each.batch_id, "_why": f"The full extract of batch {full[each.feed]} lacks the record."}
        for each in batches
    ]
    known = F.broadcast(frames.of(run.spark, reasons, "_batch string, _why string"))
    return last.join(known, F.col("batch_id") == F.col("_batch")).withColumn("reasons", F.array("_why"))


def _unchanged(run: Run, table: str) -> DataFrame:
    batch_ids = run.plan["release_batch_ids"]
    if CHANGES not in run.notices:
        manifests = run.manifests_of(batch_ids)
        run.notices[CHANGES] = read_changes(manifests, run.lake.bucket("bronze"))
    return without_changed(run.every_version(table, batch_ids), load("silver", table), run.notices[CHANGES])


def _missing(run: Run, contract: Contract, found: DataFrame) -> tuple[list[Place], DataFrame | None]:
    batches = places(run.manifests_of(run.plan["release_batch_ids"]), contract.table)
    shape = "record_key string, batch_id string, disposition string"
    uri = run.lake.quarantine_table(contract.table)
    return batches, missing(found, contract, batches, lambda: run.parquet(shape, uri))
