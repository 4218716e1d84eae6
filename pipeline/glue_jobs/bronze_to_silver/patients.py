"""Glue job bronze_to_silver_patients."""

from __future__ import annotations

from pyspark.sql import DataFrame

from pipeline.contracts.model import load as load_contract
from pipeline.glue_jobs.bronze_to_silver import load, lookups, patient_columns
from pipeline.glue_jobs.entry_point import main
from pipeline.glue_jobs.runtime import Run

CONTRACT = load_contract("silver", "patients")


def transform(received: DataFrame, time_zone: str) -> DataFrame:
    """Return the received rows with typed columns added."""
    return load.typed(received, "patients", patient_columns.expressions(time_zone), time_zone)


def work(run: Run) -> None:
    load.run_table(run, CONTRACT, lambda rows: lookups.with_zip_states(run, transform(rows, run.time_zone)))


if __name__ == "__main__":
    main(work)
