"""Read a batch into the bronze contract's columns, with all values as text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import LongType, StringType, StructField, StructType

from pipeline import frames
from pipeline.lake.uris import Lake
from pipeline.sources import batch_files, format_named, native, synthea
from pipeline.sources.batch_files import FILE
from pipeline.sources.csv_reader import LINE, RAW

EXTRA = ("_malformed", FILE, LINE, "_received")
"""Added columns: wrong field count, file key, first line number, row as received (JSON)."""


def read(spark: SparkSession, lake: Lake, manifest: dict[str, Any], table: str) -> DataFrame | None:
    """Return the rows of one table in a batch with the `EXTRA` columns; None if the batch lacks the table."""
    if table not in manifest["tables"]:
        return None
    source = manifest["source"]
    needed = (table, *(synthea.LOOKS_UP[table] if source == "synthea" else ()))
    # Spark Connect resolves a view when the DataFrame is computed, so each batch has its own views
    suffix = re.sub(r"\W", "_", manifest["batch_id"])
    for name in needed:
        _files(spark, lake, manifest, name).createOrReplaceTempView(f"{name}_{suffix}")
    query = synthea.query(table) if source == "synthea" else native.query(table)
    frame = spark.sql(re.sub(rf"(?<=FROM )({'|'.join(needed)})\b", rf"\1_{suffix}", query))
    return frame.withColumn("batch_id", F.lit(manifest["batch_id"])).withColumn(
        "batch", F.struct(F.lit(manifest["received_at"]).cast("timestamp").alias("received_at"))
    )


def _files(spark: SparkSession, lake: Lake, manifest: dict[str, Any], table: str) -> DataFrame:
    """Return the rows of all files of a type; known columns that no file has are NULL."""
    known = sorted(format_named(manifest["source"]).known[table])
    files = manifest["tables"].get(table, {"files": []})["files"]
    names = _distinct((name for file in files for name in file["header"]), known)
    # same on both engines: every field is text
    received = F.coalesce(F.col(RAW), F.to_json(F.struct(*(_column(name) for name in names))))
    values = [F.when(F.expr(frames.stripped(f"`{name}`")) != "", _column(name)).alias(name) for name in known]
    return _rows(spark, lake, files, names).select(
        *values, F.col(RAW).isNotNull().alias("_malformed"), FILE, LINE, received.alias("_received")
    )


def _rows(spark: SparkSession, lake: Lake, files: list[dict[str, Any]], names: list[str]) -> DataFrame:
    """Return the rows of files, read with one task per file."""
    fields = [StructField(name, StringType()) for name in names]
    of_row = [StructField(LINE, LongType()), StructField(RAW, StringType()), StructField(FILE, StringType())]
    shape = StructType([*fields, *of_row])
    if not files:
        return frames.of(spark, [], shape)
    bucket = lake.bucket("bronze")
    entries = [{"entry": json.dumps({**file, "uri": f"s3://{bucket}/{file['key']}"})} for file in files]
    listed = frames.of(spark, entries, "entry string").repartition(len(files))
    return listed.mapInArrow(batch_files.reader(names), shape)


def _distinct(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return `names` in order, then the remaining `known` names.

    Of names that differ only in case, which engines treat as equal, the known one is used. Columns without a
    name are skipped.
    """
    spelled = {name.casefold(): name for name in known}
    found = dict.fromkeys(spelled.get(name.casefold(), name) for name in (*names, *spelled.values()))
    return list({name.casefold(): name for name in found if name}.values())


def _column(name: str) -> Column:
    return F.col("`" + name.replace("`", "``") + "`")
