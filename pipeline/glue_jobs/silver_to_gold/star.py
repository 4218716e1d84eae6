"""Shared by dimensions and facts: Type 2 history, surrogate keys, unknown members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from pipeline import frames
from pipeline.contracts.model import Contract
from pipeline.contracts.spark import conform, schema

UNKNOWN = -1
"""Key of the unknown member, in every dimension (Kimball). Facts whose reference is missing point to it."""

BEGINNING = "1900-01-01 00:00:00"
END = "9999-12-31 00:00:00"


def newest_text(column: str) -> Column:
    """Return an aggregate: the newest, by `updated_at`, of the values of a column that are not NULL."""
    order = F.struct("updated_at", column)
    return F.max_by(column, F.when(F.col(column).isNotNull(), order)).alias(column)


def key_of(*columns: str) -> Column:
    """Return the surrogate key of a business key, the same in every run."""
    return F.xxhash64(*columns)


def history(versions: DataFrame, key: str, tracked: Sequence[str]) -> DataFrame:
    """Return the Type 2 history of rows with `key`, `updated_at` and `tracked`: one row per version.

    Added columns: valid_from and valid_to (open-ended for the first and the last version), is_current,
    version (from 1) and `_changed_at`, the timestamp that is part of the version's surrogate key. Only keys
    with several rows are sorted.
    """
    hashed = versions.withColumn("_key", F.xxhash64(key))
    several = hashed.groupBy("_key").agg(F.count(F.lit(1)).alias("_n")).where("_n > 1").select("_key")
    single = hashed.join(several, "_key", "left_anti").drop("_key")
    alone = single.withColumns(
        {
            "version": F.lit(1),
            "valid_to": F.lit(END).cast("timestamp"),
            "is_current": F.lit(True),
            "_changed_at": F.col("updated_at"),
            "valid_from": F.lit(BEGINNING).cast("timestamp"),
        }
    )
    ordered = _in_order(hashed.join(several, "_key", "left_semi").drop("_key"), key, tracked)
    return alone.unionByName(ordered)


def _in_order(versions: DataFrame, key: str, tracked: Sequence[str]) -> DataFrame:
    """Return the history of keys that may have several versions."""
    moments = Window.partitionBy(key, "updated_at").orderBy(F.xxhash64(*tracked))
    single = versions.withColumn("_rank", F.row_number().over(moments)).where("_rank = 1").drop("_rank")
    timeline = Window.partitionBy(key).orderBy("updated_at")
    content = frames.hash_of([F.col(name) for name in tracked])
    changed = (
        single.withColumn("_content", content)
        .withColumn("_before", F.lag("_content").over(timeline))
        .where("_before is null or _before <> _content")
        .drop("_content", "_before")
    )
    version = F.row_number().over(timeline)
    following = F.lead("updated_at").over(timeline)
    return (
        changed.withColumn("version", version)
        .withColumn("valid_to", F.coalesce(following, F.lit(END).cast("timestamp")))
        .withColumn("is_current", following.isNull())
        .withColumn("_changed_at", F.col("updated_at"))
        .withColumn(
            "valid_from",
            F.when(F.col("version") == 1, F.lit(BEGINNING).cast("timestamp")).otherwise(F.col("updated_at")),
        )
    )


def with_unknown(frame: DataFrame, contract: Contract, known: Mapping[str, object]) -> DataFrame:
    """Return the dimension with its unknown member: keys -1, the columns in `known`, all others NULL."""
    spark: SparkSession = frame.sparkSession
    columns = [column for column in contract.columns if column.name != "release_id"]
    fields = [field for field in schema(contract) if field.name != "release_id"]
    member: dict[str, object] = {}
    for column in columns:
        is_key = column.key_position is not None or column.name.endswith("_durable_key")
        member[column.name] = known.get(column.name, UNKNOWN if is_key else None)
    unknown = frames.of(spark, [member], StructType(fields))
    return frame.select(*(column.name for column in columns)).unionByName(unknown)


def select(frame: DataFrame, contract: Contract, release_id: str) -> DataFrame:
    """Return the contract's columns, with the release's id added."""
    return conform(frame.withColumn("release_id", F.lit(release_id)), contract)


def as_of(fact: DataFrame, dimension: DataFrame, durable: str, key: str, timestamp: str) -> DataFrame:
    """Return `fact` with `key` of the dimension version valid at `timestamp`, or -1 if there is none.

    `timestamp` and `durable` (the durable key) are columns of `fact`.
    """
    versions = dimension.where(f"{durable} <> {UNKNOWN}").select(
        F.col(durable).alias("_durable"),
        F.col(key).alias("_key"),
        F.col("valid_from").alias("_from"),
        F.col("valid_to").alias("_to"),
    )
    fits = (
        (F.col(durable) == F.col("_durable"))
        & (F.col(timestamp) >= F.col("_from"))
        & (F.col(timestamp) < F.col("_to"))
    )
    joined = fact.join(versions, fits, "left")
    return joined.withColumn(key, F.coalesce("_key", F.lit(UNKNOWN).cast("long"))).drop(
        "_durable", "_key", "_from", "_to"
    )


def member(fact: DataFrame, dimension: DataFrame, key: str, type_: str) -> DataFrame:
    """Return `fact` with `key` set to -1 where `dimension`, in which `key` is unique, lacks it."""
    members = dimension.select(F.col(key).alias("_member"))
    joined = fact.join(members, F.col(key) == F.col("_member"), "left")
    return joined.withColumn(key, F.coalesce("_member", F.lit(UNKNOWN).cast(type_))).drop("_member")


def date_key(day: str | Column) -> Column:
    """Return a date as the number yyyymmdd, or -1 if it is NULL."""
    return F.coalesce(F.date_format(day, "yyyyMMdd").cast("int"), F.lit(UNKNOWN))
