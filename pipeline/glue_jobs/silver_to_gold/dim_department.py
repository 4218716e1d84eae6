"""Glue job silver_to_gold_dim_department: one row per department of a facility."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipeline.contracts.model import load
from pipeline.glue_jobs.entry_point import main
from pipeline.glue_jobs.runtime import Run
from pipeline.glue_jobs.silver_to_gold import star

CONTRACT = load("gold", "dim_department")


def transform(encounters: DataFrame) -> DataFrame:
    """Return the departments of silver encounters, and the unknown member."""
    named = encounters.where("facility is not null or department is not null")
    rows = named.select("facility", "department").distinct().withColumn("department_key", department_key())
    return star.with_unknown(rows, CONTRACT, {"department": "Unknown department"})


def department_key() -> Column:
    """Return the key of a facility and a department, of which one may be NULL."""
    return F.xxhash64(*(F.coalesce(F.col(name), F.lit("")) for name in ("facility", "department")))


def select(rows: DataFrame, release_id: str) -> DataFrame:
    return star.select(rows, CONTRACT, release_id)


def work(run: Run) -> None:
    run.write_gold(select(transform(run.silver("encounters")), run.run_id), CONTRACT)


if __name__ == "__main__":
    main(work)
