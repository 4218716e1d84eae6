"""Glue job bronze_to_silver_patients."""

from __future__ import annotations

from pyspark.sql import DataFrame

from pipeline.contracts import load as load_contract
from pipeline.contracts.spark import conform
from pipeline.glue_jobs.bronze_to_silver import load, lookups, patient_columns
from pipeline.glue_jobs.job import Run, main

CONTRACT = load_contract("silver", "patients")


def transform(received: DataFrame, time_zone: str) -> DataFrame:
    """Typed patients beside the text that was received."""
    return load.typed(received, "patients", patient_columns.expressions(time_zone), time_zone)


def select(judged: DataFrame) -> DataFrame:
    """The silver columns."""
    return conform(judged, CONTRACT)


def work(run: Run) -> None:
    judged = lookups.with_zip_states(run, transform(load.received(run, "patients"), run.time_zone))
    load.run_table(run, CONTRACT, judged, select, key="patient_id")


if __name__ == "__main__":
    main(work)
