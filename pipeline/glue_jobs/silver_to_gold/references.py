"""Join the row that a row refers to, as a struct whose field `found` is false if there is no such row."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.glue_jobs.runtime import SNAPSHOTS

_KEYS = {"patient": "patients", "encounter": "encounters"}


def join(frame: DataFrame, snapshot: DataFrame, key: str, name: str) -> DataFrame:
    """Return `frame` with a struct `name`: the row of `snapshot` that has the same `key`."""
    fields = [each.split()[0] for each in SNAPSHOTS[_KEYS[name]].split(", ")]
    referenced = snapshot.select(
        F.col(key).alias("_refers_to"),
        *(F.col(field).alias(f"_{name}_{field}") for field in fields if field != key),
    )
    joined = frame.join(referenced, F.col(key) == F.col("_refers_to"), "left")
    found = F.col("_refers_to").isNotNull().alias("found")
    others = [F.col(f"_{name}_{field}").alias(field) for field in fields if field != key]
    dropped = ["_refers_to", *(f"_{name}_{field}" for field in fields if field != key)]
    return joined.withColumn(name, F.struct(found, *others)).drop(*dropped)
