"""Glue job silver_to_gold_fact_medication_admin: one row a medication administration."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.contracts import load
from pipeline.glue_jobs.job import Run, main
from pipeline.glue_jobs.silver_to_gold import star
from pipeline.glue_jobs.silver_to_gold.dim_medication import medication_key

CONTRACT = load("gold", "fact_medication_admin")


@dataclass(frozen=True)
class Dimensions:
    patient: DataFrame
    time: DataFrame
    medication: DataFrame
    provider: DataFrame


def transform(medications: DataFrame, dimensions: Dimensions) -> DataFrame:
    """The newest version of each silver administration with its keys and measures."""
    measured = star.newest(medications, "administration_id").withColumns(
        {
            "administration_key": star.key_of("administration_id"),
            "encounter_key": star.key_of("encounter_id"),
            "patient_durable_key": star.key_of("patient_id"),
            "provider_durable_key": star.key_of("provider_npi"),
            "medication_key": medication_key(),
            "ordered_date_key": star.date_key("ordered_at"),
            "administered_date_key": star.date_key("administered_at"),
            "minutes_from_order": (F.unix_timestamp("administered_at") - F.unix_timestamp("ordered_at")) / 60,
            "administered_hour": F.hour("administered_at"),
            "_moment": F.coalesce("administered_at", "ordered_at", "updated_at"),
        }
    )
    keyed = star.as_of(measured, dimensions.patient, "patient_durable_key", "patient_key", "_moment")
    keyed = star.as_of(keyed, dimensions.provider, "provider_durable_key", "provider_key", "_moment")
    keyed = star.member(keyed, dimensions.medication, "medication_key")
    for key in ("ordered_date_key", "administered_date_key"):
        keyed = star.member(keyed, dimensions.time.withColumnRenamed("date_key", key), key)
    return keyed


def select(rows: DataFrame, release_id: str) -> DataFrame:
    return star.select(rows, CONTRACT, release_id)


def work(run: Run) -> None:
    dimensions = Dimensions(
        run.gold("dim_patient"), run.gold("dim_time"), run.gold("dim_medication"), run.gold("dim_provider")
    )
    rows = transform(run.silver("medications"), dimensions)
    run.write_gold(select(rows, run.run_id), CONTRACT)


if __name__ == "__main__":
    main(work)
