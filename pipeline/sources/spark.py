"""Read batches as received into the bronze contract's columns, every value still its text."""

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
"""Columns beside the table's: whether the number of fields is wrong, file key, first line number, the row as received
(its text where it is malformed, otherwise JSON), the batch, and when that was received."""

_MOST_TASKS = 64
"""Files are read by at most so many tasks at once, each of several files."""


def read(spark: SparkSession, lake: Lake, manifests: Sequence[dict[str, Any]], table: str) -> DataFrame:
    """Return the rows of one bronze table in batches of one source, with the columns of `EXTRA`: one plan for all."""
    source = manifests[0]["source"]
    needed = (table, *(synthea.LOOKS_UP[table] if source == "synthea" else ()))
    # Spark Connect looks a view up when the frame is computed: the frames of each call have views of their own
    suffix = re.sub(r"\W", "_", f"{source}_{manifests[0]['batch_id']}_{len(manifests)}")
    for name in needed:
        _files(spark, lake, manifests, name).createOrReplaceTempView(f"{name}_{suffix}")
    query = synthea.query(table) if source == "synthea" else native.query(table)
    frame = spark.sql(re.sub(rf"(?<=FROM )({'|'.join(needed)})\b", rf"\1_{suffix}", query))
    return frame.withColumn("batch", F.struct(F.col(RECEIVED_AT).cast("timestamp").alias("received_at")))


def _files(spark: SparkSession, lake: Lake, manifests: Sequence[dict[str, Any]], table: str) -> DataFrame:
    """Return the rows of all files of a kind; a column that the format knows and no file has is there, empty."""
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
    """Return the row as received: its text, or a JSON object of its columns, those that the format lacks at the end."""
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
    listed = frames.of(spark, entries, "entry string").repartition(min(len(files), _MOST_TASKS))
    return listed.mapInArrow(batch_files.reader(names), shape)


def _column(name: str) -> Column:
    return F.col("`" + name.replace("`", "``") + "`")
