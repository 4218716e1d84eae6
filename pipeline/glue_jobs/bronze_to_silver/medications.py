"""Glue job bronze_to_silver_medications."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.contracts import load as load_contract
from pipeline.contracts.spark import conform
from pipeline.glue_jobs.bronze_to_silver import load, lookups
from pipeline.glue_jobs.bronze_to_silver.typing import (
    MEDICATION_SYSTEM,
    ROUTE,
    STATUS,
    code,
    moment,
    number,
    text,
)
from pipeline.glue_jobs.job import Run, main

CONTRACT = load_contract("silver", "medications")

EXPRESSIONS = {
    "administration_id": text("administration_id"),
    "encounter_id": text("encounter_id"),
    "patient_id": text("patient_id"),
    "provider_npi": text("provider_npi"),
    "medication_code": text("medication_code"),
    "medication_code_system": code("medication_code_system", MEDICATION_SYSTEM),
    "medication_name": text("medication_name"),
    "dose": number("dose"),
    "dose_unit": text("dose_unit"),
    "route": code("route", ROUTE),
    "ordered_at": moment("ordered_at"),
    "administered_at": moment("administered_at"),
    "status": code("status", STATUS),
    "updated_at": moment("updated_at"),
}


def transform(received: DataFrame, encounters: DataFrame, patients: DataFrame) -> DataFrame:
    """Typed administrations beside the text that was received, each with its encounter and patient."""
    read = load.mark_repeats(load.typed(received, EXPRESSIONS), "administration_id")
    with_encounter = lookups.join(read, encounters, "encounter_id", "encounter")
    return lookups.join(with_encounter, patients, "patient_id", "patient")


def select(judged: DataFrame) -> DataFrame:
    """The silver columns."""
    moment_of = F.coalesce("administered_at", "ordered_at", "updated_at")
    return conform(judged.withColumn("administered_month", F.date_format(moment_of, "yyyy-MM")), CONTRACT)


def work(run: Run) -> None:
    joined = transform(load.received(run, "medications"), lookups.encounters(run), lookups.patients(run))
    load.run_table(run, CONTRACT, lookups.with_formulary(run, joined), select, key="administration_id")


if __name__ == "__main__":
    main(work)
