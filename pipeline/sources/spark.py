"""Reads a batch as received into the bronze contract's columns, every value still the text that it was."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from pipeline import frames
from pipeline.lake import Lake
from pipeline.sources import formats, native, synthea

_CORRUPT = "_corrupt"

EXTRA = ("_malformed", "_file", "_received")
"""Beside the columns: a field too many or too few, the file's key, the row as received (JSON)."""


def read(spark: SparkSession, lake: Lake, manifest: dict[str, Any], table: str) -> DataFrame | None:
    """One batch of one bronze table with the columns of `EXTRA`; None where the batch lacks the table."""
    if table not in manifest["tables"]:
        return None
    source = manifest["source"]
    needed = (table, *(synthea.LOOKS_UP[table] if source == "synthea" else ()))
    for name in needed:
        _files(spark, lake, manifest, name).createOrReplaceTempView(name)
    frame = spark.sql(synthea.query(table) if source == "synthea" else native.query(table))
    return frame.withColumn("batch_id", F.lit(manifest["batch_id"])).withColumn(
        "batch", F.struct(F.lit(manifest["received_at"]).cast("timestamp").alias("received_at"))
    )


def _files(spark: SparkSession, lake: Lake, manifest: dict[str, Any], table: str) -> DataFrame:
    """All files of a kind; a column that the format knows and no file has is there, empty."""
    known = next(each.known[table] for each in formats() if each.name == manifest["source"])
    parts = [_file(spark, lake, file) for file in manifest["tables"].get(table, {"files": []})["files"]]
    if not parts:
        fields = [StructField(name, StringType()) for name in sorted(known)]
        extra = [*fields, *(StructField(name, StringType()) for name in EXTRA)]
        return frames.of(spark, [], StructType(extra)).withColumn("_malformed", F.lit(False))
    frame = parts[0]
    for other in parts[1:]:
        frame = frame.unionByName(other, allowMissingColumns=True)
    missing = {name: F.lit(None).cast("string") for name in sorted(known - set(frame.columns))}
    return frame.withColumns(missing) if missing else frame


def _file(spark: SparkSession, lake: Lake, file: dict[str, Any]) -> DataFrame:
    address = f"s3://{lake.bucket('bronze')}/{file['key']}"
    header = list(file["header"])
    if file["key"].endswith(".parquet"):
        columns = [F.col(f"`{name}`").cast("string").alias(name) for name in header]
        frame = spark.read.parquet(address).select(*columns).withColumn(_CORRUPT, F.lit(None).cast("string"))
    else:
        schema = StructType([StructField(name, StringType()) for name in [*header, _CORRUPT]])
        frame = spark.read.csv(
            address,
            schema=schema,
            header=True,
            multiLine=file["multiline"],
            quote='"',
            escape='"',
            mode="PERMISSIVE",
            columnNameOfCorruptRecord=_CORRUPT,
            encoding="UTF-8",
        )
    received = F.coalesce(F.col(_CORRUPT), F.to_json(F.struct(*(F.col(f"`{name}`") for name in header))))
    cleaned = [F.when(F.trim(F.col(f"`{name}`")) != "", F.col(f"`{name}`")).alias(name) for name in header]
    return frame.select(
        *cleaned,
        F.col(_CORRUPT).isNotNull().alias("_malformed"),
        F.lit(file["key"]).alias("_file"),
        received.alias("_received"),
    )
