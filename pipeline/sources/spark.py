"""Read batches into the bronze contract's columns, with all values as text."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import LongType, StringType, StructField, StructType

from pipeline import frames
from pipeline.contracts.model import load
from pipeline.lake.uris import Lake
from pipeline.sources import batch_files, format_named, formats
from pipeline.sources.batch_files import BATCH, FILE, OTHERS, RECEIVED_AT
from pipeline.sources.csv_reader import LINE, RAW
from pipeline.sources.fhir.resources import FAULT

AS_READ = "_as_read"
"""Column with a row as an array: source, why it is malformed, text, unknown columns as JSON, known columns.

The text is that of a malformed row of CSV and of every line of NDJSON, whose known columns are left out.
`received` builds the text of a row from the array, because few rows need their text.
"""

EXTRA = ("_malformed", FILE, LINE, AS_READ, BATCH, RECEIVED_AT)
"""Added columns: unreadable row, file key, first line number, row as received, batch id, receipt time."""

TIME_ZONE = "{time_zone}"
"""In a query: replaced by the name of the hospital's time zone."""

FORMER_TYPES = {"diagnoses": "conditions"}
"""Former names of file types, in manifests of batches that were imported before: they are looked up only."""

_LOCAL_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?\z"

_MAX_TASKS, _ROWS_PER_TASK = 64, 5_000
"""Maximum number of tasks that read files, and minimum number of rows of each; a task reads several files."""


def read(
    spark: SparkSession,
    lake: Lake,
    manifests: Sequence[dict[str, Any]],
    table: str,
    time_zone: str = "UTC",
) -> DataFrame:
    """Return a table's rows in batches of one source, with the columns `EXTRA` and `batch`, in one plan.

    All batches have the same time zone: the one stated at the import, or `time_zone`, that of the hospital.
    """
    source = format_named(manifests[0]["source"])
    needed = tuple(dict.fromkeys((table, *source.looks_up.get(table, ()))))
    # Spark Connect resolves a view when the DataFrame is computed, so each call has its own views
    suffix = re.sub(r"\W", "_", f"{source.name}_{manifests[0]['batch_id']}_{len(manifests)}")
    for name in needed:
        _files(spark, lake, manifests, name).createOrReplaceTempView(f"{name}_{suffix}")
    stated = manifests[0].get("time_zone")
    query = source.query(table).replace(TIME_ZONE, stated or time_zone)
    frame = spark.sql(re.sub(rf"(?<=FROM )({'|'.join(needed)})\b", rf"\1_{suffix}", query))
    if stated and TIME_ZONE not in source.query(table):
        frame = frame.withColumns(_in_utc(table, stated))
    received_at = F.col(RECEIVED_AT).cast("timestamp").alias("received_at")
    return frame.withColumn("batch", F.struct(received_at, _facility(manifests).alias("facility")))


def _in_utc(table: str, time_zone: str) -> dict[str, Column]:
    """Return columns with times without an offset converted from local time to UTC; dates stay dates."""
    names = [each.name for each in load("bronze", table).data_columns if each.name.endswith("_at")]
    found = {}
    for name in names:
        text = F.expr(frames.stripped(name))
        in_utc = F.to_utc_timestamp(text.cast("timestamp"), time_zone).cast("string")
        found[name] = F.when(text.rlike(_LOCAL_TIME), in_utc).otherwise(F.col(name))
    return found


def _facility(manifests: Sequence[dict[str, Any]]) -> Column:
    """Return the facility of each row's batch, as stated at the import."""
    found = F.lit(None).cast("string")
    for manifest in manifests:
        if manifest.get("facility"):
            found = F.when(F.col(BATCH) == manifest["batch_id"], manifest["facility"]).otherwise(found)
    return found


def _files(spark: SparkSession, lake: Lake, manifests: Sequence[dict[str, Any]], table: str) -> DataFrame:
    """Return the rows of all files of a type; known columns that no file has are NULL."""
    known = sorted(format_named(manifests[0]["source"]).known[table])
    files = [
        {**file, **{name: manifest[name] for name in ("batch_id", "received_at")}}
        for manifest in manifests
        for file in _listed(manifest, table)
    ]
    values = [F.when(F.expr(frames.stripped(f"`{name}`")) != "", _column(name)).alias(name) for name in known]
    source = format_named(manifests[0]["source"])
    kept = [_column(name) for name in known] if source.required else []
    as_read = F.array(F.lit(source.name), F.col(FAULT), F.col(RAW), F.col(OTHERS), *kept).alias(AS_READ)
    rows = _rows(spark, lake, files, known).select(
        *values, F.col(FAULT).isNotNull().alias("_malformed"), FILE, LINE, as_read, BATCH, RECEIVED_AT
    )
    return rows.withColumn("_received", received(AS_READ, table))


def _listed(manifest: dict[str, Any], table: str) -> list[dict[str, Any]]:
    """Return the files of a type in a manifest."""
    found = manifest["tables"].get(table) or manifest["tables"].get(FORMER_TYPES.get(table, ""))
    return list(found["files"]) if found else []


def fault(as_read: str) -> Column:
    """Return why a row is malformed; NULL if it is not, or if the rule's description says it."""
    return F.when(F.col(as_read)[1] != "", F.col(as_read)[1])


def received(as_read: str, table: str) -> Column:
    """Return the text of a row: as received if it is kept, otherwise a JSON object, known columns first.

    `as_read` names a column with the content of `AS_READ`.
    """
    source, _, raw, others = (F.col(as_read)[n] for n in range(4))
    json_ = F.lit(None).cast("string")
    for each in formats():
        if not each.required:
            continue  # the text of every row is kept
        known = sorted(each.known[table]) if table in each.known else []
        fields = F.struct(*(F.col(as_read)[n].alias(name) for n, name in enumerate(known, 4)))
        # same on both engines: every field is text
        object_ = F.to_json(fields) if known else json_
        json_ = F.when(source == each.name, object_).otherwise(json_)
    begun = F.when(json_ == "{}", "{").otherwise(F.concat(F.left(json_, F.length(json_) - 1), F.lit(",")))
    with_others = F.concat(begun, others, F.lit("}"))
    return F.coalesce(raw, with_others, json_)


def _rows(
    spark: SparkSession, lake: Lake, files: Sequence[dict[str, Any]], names: Sequence[str]
) -> DataFrame:
    of_row = (LINE, RAW, FAULT, OTHERS, BATCH, RECEIVED_AT, FILE)
    types = {LINE: LongType()}
    shape = StructType([StructField(name, types.get(name, StringType())) for name in (*names, *of_row)])
    if not files:
        return frames.of(spark, [], shape)
    bucket = lake.bucket("bronze")
    entries = [{"entry": json.dumps({**file, "uri": f"s3://{bucket}/{file['key']}"})} for file in files]
    tasks = min(len(files), _MAX_TASKS, 1 + sum(file["rows"] for file in files) // _ROWS_PER_TASK)
    listed = frames.of(spark, entries, "entry string").repartition(tasks)
    return listed.mapInArrow(batch_files.reader(names), shape)


def _column(name: str) -> Column:
    return F.col("`" + name.replace("`", "``") + "`")
