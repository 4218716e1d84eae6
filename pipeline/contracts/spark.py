"""Convert a contract to a Spark schema, and a DataFrame to a contract's columns."""

from __future__ import annotations

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from pipeline.contracts.model import Contract

_TYPES: dict[str, DataType] = {
    "string": StringType(),
    "date": DateType(),
    "timestamp": TimestampType(),
    "bigint": LongType(),
    "int": IntegerType(),
    "double": DoubleType(),
    "boolean": BooleanType(),
}


def schema(contract: Contract, partitions: bool = True) -> StructType:
    """Return the Spark schema in the contract's column order, with or without the partition columns."""
    columns = contract.columns if partitions else contract.data_columns
    return StructType([StructField(column.name, data_type(column.type)) for column in columns])


def data_type(name: str) -> DataType:
    """Return the Spark type of a Glue type such as ``bigint``, ``decimal(12,2)`` or ``array<string>``."""
    if name.startswith("array<"):
        return ArrayType(data_type(name[len("array<") : -1]))
    if name.startswith("decimal("):
        precision, scale = name[len("decimal(") : -1].split(",")
        return DecimalType(int(precision), int(scale))
    return _TYPES[name]


def conform(frame: DataFrame, contract: Contract, partitions: bool = True) -> DataFrame:
    """Return the contract's columns of `frame`, in the contract's order and cast to its types.

    If a column is missing, Spark's error names it.
    """
    columns = contract.columns if partitions else contract.data_columns
    return frame.select(*(_cast(column.name, column.type) for column in columns))


def _cast(name: str, type_: str) -> SparkColumn:
    return F.col(f"`{name}`").cast(type_).alias(name)
