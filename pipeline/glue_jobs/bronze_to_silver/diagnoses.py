"""Glue job bronze_to_silver_diagnoses."""

from __future__ import annotations

from pyspark.sql import DataFrame

from pipeline.contracts.model import load as load_contract
from pipeline.glue_jobs.bronze_to_silver import load, lookups
from pipeline.glue_jobs.bronze_to_silver.typing import boolean, code_system, diagnosis, text, timestamp
from pipeline.glue_jobs.entry_point import main
from pipeline.glue_jobs.runtime import Run

CONTRACT = load_contract("silver", "diagnoses")


def expressions(time_zone: str) -> dict[str, str]:
    """Return SQL by silver column; a date without a time is midnight in the hospital's time zone."""
    return {
        "diagnosis_id": text("diagnosis_id"),
        "encounter_id": text("encounter_id"),
        "patient_id": text("patient_id"),
        "diagnosis_code": diagnosis("diagnosis_code", "diagnosis_code_system"),
        "diagnosis_code_system": code_system("diagnosis_code_system"),
        "diagnosis_description": text("diagnosis_description"),
        "is_principal": boolean("is_principal"),
        "diagnosed_at": timestamp("diagnosed_at", time_zone),
        "updated_at": timestamp("updated_at", time_zone),
    }


def transform(received: DataFrame, time_zone: str) -> DataFrame:
    """Return the received rows with typed columns and `is_icd10cm` added."""
    return lookups.with_icd10cm(load.typed(received, "diagnoses", expressions(time_zone), time_zone))


def work(run: Run) -> None:
    load.run_table(run, CONTRACT, lambda rows: transform(rows, run.time_zone))


if __name__ == "__main__":
    main(work)
