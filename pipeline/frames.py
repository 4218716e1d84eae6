"""Build small DataFrames from Python rows, union DataFrames, and hash rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructType,
    TimestampType,
)

WHITESPACE = " \t\n\x0b\x0c\r\u00a0\u2007\u202f\ufeff"
"""Whitespace that spreadsheets and terminals add to values; SQL's trim removes only spaces."""


def stripped(sql: str) -> str:
    """Return SQL that trims all whitespace from a string expression."""
    return f"btrim({sql}, '{WHITESPACE}')"


def of(spark: SparkSession, rows: Iterable[Mapping[str, object]], shape: StructType | str) -> DataFrame:
    """Return a DataFrame of `rows` with the schema `shape`; a column that a row lacks is NULL.

    `rows` map column names to values; `shape` may be DDL. Dates and timestamps may be ISO 8601 text; a
    timestamp without an offset is UTC.
    """
    schema = shape if isinstance(shape, StructType) else spark.createDataFrame([], shape).schema
    return spark.createDataFrame([_tuple(row, schema) for row in rows], schema)


def union(frames: Sequence[DataFrame]) -> DataFrame:
    """Return the rows of all `frames` (at least one), matched by column name."""
    first, *others = frames
    for other in others:
        first = first.unionByName(other)
    return first


def hash_of(values: Sequence[Column]) -> Column:
    """Return a 64-bit hash of the values and, for each of them, of a flag that it is NULL.

    ``xxhash64`` skips NULL, so the hashes of ("a", NULL) and (NULL, "a") would be equal without these flags.
    """
    return F.xxhash64(*values, *(value.isNull() for value in values))


def _tuple(row: Mapping[str, object], schema: StructType) -> tuple[Any, ...]:
    return tuple(_value(row.get(field.name), field.dataType) for field in schema)


def _value(value: Any, type_: DataType) -> Any:
    """Convert a Python value to the type that ``createDataFrame`` accepts for a Spark type."""
    if value is None:
        return None
    if isinstance(type_, StructType):
        return _tuple(value, type_)
    if isinstance(type_, ArrayType):
        return [_value(item, type_.elementType) for item in value]
    convert = _CONVERSIONS.get(type(type_))
    return convert(value) if convert else value


def _timestamp(value: Any) -> datetime:
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    return found if found.tzinfo else found.replace(tzinfo=UTC)


_CONVERSIONS: dict[type[DataType], Any] = {
    DateType: lambda value: date.fromisoformat(value[:10]) if isinstance(value, str) else value,
    DecimalType: lambda value: Decimal(str(value)),
    DoubleType: float,
    IntegerType: int,
    LongType: int,
    StringType: str,
    TimestampType: _timestamp,
}
