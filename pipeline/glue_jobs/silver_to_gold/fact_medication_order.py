"""Glue job silver_to_gold_fact_medication_order: one row per order or dispense of a medication."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.contracts.model import load
from pipeline.glue_jobs.entry_point import main
from pipeline.glue_jobs.runtime import Run
from pipeline.glue_jobs.silver_to_gold import admission, references, star
from pipeline.glue_jobs.silver_to_gold.dim_medication import medication_key
from pipeline.glue_jobs.silver_to_gold.fact_medication_admin import (
    IS_ORDER,
    Dimensions,
    dimensions_of,
    encounter_key,
    link,
)
from pipeline.glue_jobs.silver_to_gold.local_time import local, local_date, local_month

CONTRACT = load("gold", "fact_medication_order")


def refer(orders: DataFrame, encounters: DataFrame, patients: DataFrame) -> DataFrame:
    """Return `orders` with the structs `patient` and `encounter`."""
    with_patient = references.join(orders, patients, "patient_id", "patient")
    return references.join(with_patient, encounters, "encounter_id", "encounter")


def transform(orders: DataFrame, dimensions: Dimensions, time_zone: str) -> DataFrame:
    """Return the fact's rows, with keys, from admitted orders and dispenses joined by `refer`.

    The local columns are those of the dispense or, for an order, of the order.
    """
    measured = orders.withColumns(
        {
            "_recorded_at": F.coalesce("administered_at", "ordered_at"),
            "_event_at": F.coalesce("administered_at", "ordered_at", "updated_at"),
            "dispensed_at": F.col("administered_at"),
        }
    ).withColumns(
        {
            "order_key": star.key_of("event_kind", "administration_id"),
            "encounter_key": encounter_key(),
            "patient_durable_key": F.when(F.col("patient.found"), star.key_of("patient_id")),
            "provider_durable_key": star.key_of("provider_npi"),
            "medication_key": medication_key(),
            "ordered_date_key": star.date_key(local_date("ordered_at", time_zone)),
            "dispensed_date_key": star.date_key(local_date("dispensed_at", time_zone)),
            "local_date": local_date("_recorded_at", time_zone),
            "local_hour": F.hour(local("_recorded_at", time_zone)),
            "time_zone": F.lit(time_zone),
            "ordered_month": local_month("_event_at", time_zone),
        }
    )
    return link(measured, dimensions, ("ordered_date_key", "dispensed_date_key"))


def select(rows: DataFrame, release_id: str) -> DataFrame:
    return star.select(rows, CONTRACT, release_id)


def work(run: Run) -> None:
    patients, encounters = run.snapshot("patients"), run.snapshot("encounters")
    admitted = admission.admitted(
        run, "medications", lambda rows: refer(rows, encounters, patients), part=IS_ORDER
    )
    rows = transform(admitted.rows, dimensions_of(run), run.time_zone)
    admission.reconcile(run, admitted, CONTRACT.table, run.write_gold(select(rows, run.run_id), CONTRACT))


if __name__ == "__main__":
    main(work)
