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
from pipeline.lake.uris import Lake
from pipeline.sources import batch_files, format_named, native, synthea
from pipeline.sources.batch_files import BATCH, FILE, OTHERS, RECEIVED_AT
from pipeline.sources.csv_reader import LINE, RAW

EXTRA = ("_malformed", FILE, LINE, "_received", BATCH, RECEIVED_AT)
"""Added columns: wrong field count, file key, first line number, row as received, batch id, receipt time.

The row as received is its text if it is malformed, otherwise JSON.
"""

_MAX_TASKS = 64
"""Maximum number of tasks that read files; each reads several."""


def read(spark: SparkSession, lake: Lake, manifests: Sequence[dict[str, Any]], table: str) -> DataFrame:
    """Return the rows of one table in batches of one source, with the `EXTRA` columns, in one plan."""
    source = manifests[0]["source"]
    needed = (table, *(synthea.LOOKS_UP[table] if source == "synthea" else ()))
    # Spark Connect resolves a view when the DataFrame is computed, so each call has its own views
    suffix = re.sub(r"\W", "_", f"{source}_{manifests[0]['batch_id']}_{len(manifests)}")
    for name in needed:
        _files(spark, lake, manifests, name).createOrReplaceTempView(f"{name}_{suffix}")
    query = synthea.query(table) if source == "synthea" else native.query(table)
    frame = spark.sql(re.sub(rf"(?<=FROM )({'|'.join(needed)})\b", rf"\1_{suffix}", query))
    return frame.withColumn("batch", F.struct(F.col(RECEIVED_AT).cast("timestamp").alias("received_at")))


def _files(spark: SparkSession, lake: Lake, manifests: Sequence[dict[str, Any]], table: str) -> DataFrame:
    """Return the rows of all files of a type; known columns that no file has are NULL."""
    known = sorted(format_named(manifests[0]["source"]).known[table])
    files = [
        {**file, **{name: manifest[name] for name in ("batch_id", "received_at")}}
        for manifest in manifests
        for file in manifest["tables"].get(table, {"files": []})["files"]
    ]
    values = [F.when(F.expr(frames.stripped(f"`{name}`")) != "", _column(name)).alias(name) for name in known]
    return _rows(spark, lake, files, known).select(
        *values, F.col(RAW).isNotNull().alias("_malformed"), FILE, LINE, _received(known), BATCH, RECEIVED_AT
    )


def _received(known: Sequence[str]) -> Column:
    """Return the row as received: its text, or a JSON object with known columns first."""
    # same on both engines: every field is text
    ours = F.to_json(F.struct(*(_column(name) for name in known)))
    begun = F.when(ours == "{}", "{").otherwise(F.concat(F.left(ours, F.length(ours) - 1), F.lit(",")))
    with_others = F.concat(begun, F.col(OTHERS), F.lit("}"))
    return F.coalesce(F.col(RAW), with_others, ours).alias("_received")


def _rows(
    spark: SparkSession, lake: Lake, files: Sequence[dict[str, Any]], names: Sequence[str]
) -> DataFrame:
    of_row = (LINE, RAW, OTHERS, BATCH, RECEIVED_AT, FILE)
    types = {LINE: LongType()}
    shape = StructType([StructField(name, types.get(name, StringType())) for name in (*names, *of_row)])
    if not files:
        return frames.of(spark, [], shape)
    bucket = lake.bucket("bronze")
    entries = [{"entry": json.dumps({**file, "uri": f"s3://{bucket}/{file['key']}"})} for file in files]
    listed = frames.of(spark, entries, "entry string").repartition(min(len(files), _MAX_TASKS))
    return listed.mapInArrow(batch_files.reader(names), shape)


def _column(name: str) -> Column:
    return F.col("`" + name.replace("`", "``") + "`")
