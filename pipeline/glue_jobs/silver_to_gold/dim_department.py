"""Glue job silver_to_gold_dim_department: one row per department of a facility."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.contracts.model import load
from pipeline.glue_jobs.entry_point import main
from pipeline.glue_jobs.runtime import Run
from pipeline.glue_jobs.silver_to_gold import star

CONTRACT = load("gold", "dim_department")


def transform(encounters: DataFrame) -> DataFrame:
    """Return the departments of silver encounters, and the unknown member."""
    named = encounters.where("facility is not null or department is not null")
    key = F.xxhash64(*(F.coalesce(F.col(name), F.lit("")) for name in ("facility", "department")))
    rows = named.select("facility", "department").distinct().withColumn("department_key", key)
    return star.with_unknown(rows, CONTRACT, {"department": "Unknown department"})


def with_department_key(fact: DataFrame, departments: DataFrame) -> DataFrame:
    """Return `fact` with `department_key` of its facility and department, or -1 if it names neither.

    The names are joined, not hashed: Sail cannot hash columns of which every row is NULL.
    """
    names = ("facility", "department")
    known = departments.where(f"department_key <> {star.UNKNOWN}").select(
        "department_key", *(F.coalesce(F.col(name), F.lit("")).alias(f"_{name}") for name in names)
    )
    fits = [F.coalesce(F.col(name), F.lit("")) == F.col(f"_{name}") for name in names]
    joined = fact.join(F.broadcast(known), fits, "left").drop("_facility", "_department")
    return joined.withColumn(
        "department_key", F.coalesce("department_key", F.lit(star.UNKNOWN).cast("bigint"))
    )


def select(rows: DataFrame, release_id: str) -> DataFrame:
    return star.select(rows, CONTRACT, release_id)


def work(run: Run) -> None:
    run.write_gold(select(transform(run.silver("encounters")), run.run_id), CONTRACT)


if __name__ == "__main__":
    main(work)
