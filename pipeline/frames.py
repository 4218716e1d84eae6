"""A few rows of the program's own as a DataFrame, with no Python process; and the hash that tells rows apart."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StructType


def of(spark: SparkSession, rows: Iterable[Mapping[str, object]], shape: StructType | str) -> DataFrame:
    """`rows` by column name with the columns of `shape` (a schema, or DDL); a name that a row lacks is NULL.

    ``createDataFrame`` would start a Python worker each time that the rows are used.
    """
    many = ArrayType(shape) if isinstance(shape, StructType) else f"array<struct<{shape}>>"
    document = json.dumps(list(rows), default=str)
    held = spark.range(0, 1, 1, 1)
    return held.select(F.explode(F.from_json(F.lit(document), many)).alias("row")).select("row.*")


def hash_of(values: Sequence[Column]) -> Column:
    """64 bits of the values, NULL among them: ``xxhash64`` passes over it, so a text beside it could change places."""
    return F.xxhash64(*values, *(value.isNull() for value in values))
