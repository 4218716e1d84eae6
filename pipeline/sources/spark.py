"""Reads a batch as received into the bronze contract's columns, every value still the text that it was."""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import boto3
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from pipeline import frames
from pipeline.lake import Lake, split
from pipeline.sources import formats, native, synthea

_CORRUPT = "_corrupt"
_ROWS = 10_000

EXTRA = ("_malformed", "_file", "_received")
"""Beside the columns: a field too many or too few, the file's key, the row as received (JSON)."""


def read(spark: SparkSession, lake: Lake, manifest: dict[str, Any], table: str) -> DataFrame | None:
    """One batch of one bronze table with the columns of `EXTRA`; None where the batch lacks the table."""
    if table not in manifest["tables"]:
        return None
    source = manifest["source"]
    needed = (table, *(synthea.LOOKS_UP[table] if source == "synthea" else ()))
    suffix = re.sub(r"\W", "_", manifest["batch_id"])
    for (
        name
    ) in needed:  # Spark Connect looks a view up when the frame is computed: each batch has views of its own
        _files(spark, lake, manifest, name).createOrReplaceTempView(f"{name}_{suffix}")
    query = synthea.query(table) if source == "synthea" else native.query(table)
    frame = spark.sql(re.sub(rf"(?<=FROM )({'|'.join(needed)})\b", rf"\1_{suffix}", query))
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


def _reader(header: list[str]) -> Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]]:
    """Read CSV files, named by URI, into their columns as text; `_corrupt` holds a row of another number of fields."""

    def read(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        csv.field_size_limit(1 << 30)
        names = [*header, _CORRUPT]
        for batch in batches:
            for uri in batch.column(0).to_pylist():
                rows = _rows(uri, len(header))
                while some := list(islice(rows, _ROWS)):
                    columns = list(zip(*some, strict=True))
                    arrays = [pa.array(column, pa.string()) for column in columns]
                    yield pa.RecordBatch.from_arrays(arrays, names=names)

    return read


def _rows(uri: str, width: int) -> Iterator[list[str | None]]:
    raw = open_uri(uri)
    plain: Any = gzip.GzipFile(fileobj=raw) if uri.endswith(".gz") else raw
    text = io.TextIOWrapper(plain, encoding="utf-8-sig", errors="replace", newline="")
    reader = csv.reader(text)
    next(reader, None)
    for row in reader:
        if len(row) == width:
            yield [*(value or None for value in row), None]
        elif len(row) > 1 or any(value.strip() for value in row):
            yield [*([None] * width), ",".join(row)]


def open_uri(uri: str) -> BinaryIO:
    """Open an S3 object for reading; below HDP_S3_ROOT, where that is set, as the laptop's worker does."""
    bucket, key = split(uri)
    if root := os.environ.get("HDP_S3_ROOT"):
        return (Path(root) / bucket / key).open("rb")
    body = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
    return io.BufferedReader(_Raw(body))


class _Raw(io.RawIOBase):
    """What botocore streams, as a raw file."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data: bytes = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _file(spark: SparkSession, lake: Lake, file: dict[str, Any]) -> DataFrame:
    address = f"s3://{lake.bucket('bronze')}/{file['key']}"
    header = list(file["header"])
    if file["key"].endswith(".parquet"):
        columns = [F.col(f"`{name}`").cast("string").alias(name) for name in header]
        frame = spark.read.parquet(address).select(*columns).withColumn(_CORRUPT, F.lit(None).cast("string"))
    else:
        schema = StructType([StructField(name, StringType()) for name in [*header, _CORRUPT]])
        frame = spark.createDataFrame([(address,)], "uri string").mapInArrow(_reader(header), schema)
    received = F.coalesce(F.col(_CORRUPT), F.to_json(F.struct(*(F.col(f"`{name}`") for name in header))))
    cleaned = [F.when(F.trim(F.col(f"`{name}`")) != "", F.col(f"`{name}`")).alias(name) for name in header]
    return frame.select(
        *cleaned,
        F.col(_CORRUPT).isNotNull().alias("_malformed"),
        F.lit(file["key"]).alias("_file"),
        received.alias("_received"),
    )
