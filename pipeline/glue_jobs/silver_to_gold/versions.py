"""Find the newest and the conflicting versions of each silver record in a release.

Versions are ordered by `updated_at` and then by content, so that the result does not depend on how rows are
distributed over batches.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from pipeline import frames
from pipeline.contracts.model import Contract

_PROVENANCE = {"batch_id", "source_file", "source_line"}


def with_status(silver: DataFrame, contract: Contract) -> DataFrame:
    """Return every version with `is_conflicting` and `is_newest`.

    Versions of a key with the same `updated_at` but different content conflict. The newest version that does
    not conflict has `is_newest`. Only the few keys with several versions are sorted.
    """
    key = contract.record_key
    content = [F.col(c.name) for c in contract.columns if c.name not in _PROVENANCE]
    hashed = silver.withColumn("_key", F.xxhash64(*key))
    several = hashed.groupBy("_key").agg(F.count(F.lit(1)).alias("_n")).where("_n > 1").select("_key")
    same_time = Window.partitionBy(*key, "updated_at")
    order = [
        F.desc("updated_at"),
        F.desc("_content"),
        F.desc("batch_id"),
        F.desc("source_file"),
        F.desc("source_line"),
    ]
    ranked = (
        hashed.join(several, "_key", "left_semi")
        .withColumn("_content", frames.hash_of(content))
        .withColumn("is_conflicting", F.min("_content").over(same_time) != F.max("_content").over(same_time))
        .withColumn("_rank", F.row_number().over(Window.partitionBy(*key, "is_conflicting").orderBy(*order)))
        .withColumn("is_newest", ~F.col("is_conflicting") & (F.col("_rank") == 1))
        .drop("_rank", "_content")
    )
    single = (
        hashed.join(several, "_key", "left_anti")
        .withColumn("is_conflicting", F.lit(False))
        .withColumn("is_newest", F.lit(True))
    )
    return single.unionByName(ranked).drop("_key")
