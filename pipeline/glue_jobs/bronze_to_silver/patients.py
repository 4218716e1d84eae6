"""Glue job bronze_to_silver_patients."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.contracts import load as load_contract
from pipeline.contracts.spark import conform
from pipeline.glue_jobs.bronze_to_silver import load, lookups, patient_columns
from pipeline.glue_jobs.job import Run, main

CONTRACT = load_contract("silver", "patients")


def transform(received: DataFrame) -> DataFrame:
    """Typed patients beside the text that was received, with repeats marked."""
    return load.mark_repeats(load.typed(received, patient_columns.EXPRESSIONS), "patient_id")


def select(judged: DataFrame) -> DataFrame:
    """The silver columns."""
    months = judged.withColumn("updated_month", F.date_format("updated_at", "yyyy-MM"))
    return conform(months, CONTRACT)


def work(run: Run) -> None:
    judged = lookups.with_zip_states(run, transform(load.received(run, "patients")))
    load.run_table(run, CONTRACT, judged, select, key="patient_id")


if __name__ == "__main__":
    main(work)
