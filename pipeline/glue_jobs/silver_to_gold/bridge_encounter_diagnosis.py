"""Glue job silver_to_gold_bridge_encounter_diagnosis: one row per diagnosis of an encounter."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from pipeline.contracts.model import load
from pipeline.glue_jobs.entry_point import main
from pipeline.glue_jobs.runtime import Run
from pipeline.glue_jobs.silver_to_gold import admission, references, star
from pipeline.glue_jobs.silver_to_gold.dim_diagnosis import diagnosis_key
from pipeline.glue_jobs.silver_to_gold.fact_medication_admin import encounter_key
from pipeline.glue_jobs.silver_to_gold.local_time import local_date, local_month

CONTRACT = load("gold", "bridge_encounter_diagnosis")


def refer(diagnoses: DataFrame, encounters: DataFrame, patients: DataFrame) -> DataFrame:
    """Return `diagnoses` with the structs `patient` and `encounter`."""
    with_patient = references.join(diagnoses, patients, "patient_id", "patient")
    return references.join(with_patient, encounters, "encounter_id", "encounter")


def transform(diagnoses: DataFrame, patients: DataFrame, time_zone: str) -> DataFrame:
    """Return the bridge's rows, with keys, from admitted diagnoses joined by `refer`.

    A diagnosis without a date counts in the month of its admission. `patients` is the dimension.
    """
    of_encounter = F.count(F.lit(1)).over(Window.partitionBy("encounter_key"))
    keyed = diagnoses.withColumns(
        {
            "_event_at": F.coalesce("diagnosed_at", "encounter.admitted_at", "updated_at"),
            "diagnosis_record_key": star.key_of("diagnosis_id"),
            "encounter_key": encounter_key(),
            "patient_durable_key": F.when(F.col("patient.found"), star.key_of("patient_id")),
            "diagnosis_key": diagnosis_key(),
            "is_principal": F.coalesce("is_principal", F.lit(False)),
            "local_date": local_date("diagnosed_at", time_zone),
            "time_zone": F.lit(time_zone),
        }
    ).withColumns(
        {
            "weight": F.when(F.col("encounter_key") != star.UNKNOWN, F.lit(1.0) / of_encounter),
            "diagnosis_month": local_month("_event_at", time_zone),
        }
    )
    return star.as_of(keyed, patients, "patient_durable_key", "patient_key", "_event_at")


def select(rows: DataFrame, release_id: str) -> DataFrame:
    return star.select(rows, CONTRACT, release_id)


def work(run: Run) -> None:
    if not run.has_silver("diagnoses"):
        admission.nothing(run, "diagnoses", CONTRACT)
        return
    patients, encounters = run.snapshot("patients"), run.snapshot("encounters")
    admitted = admission.admit(run, "diagnoses", lambda rows: refer(rows, encounters, patients))
    rows = transform(admitted.rows, run.gold("dim_patient"), run.time_zone)
    admission.reconcile(run, admitted, CONTRACT.table, run.write_gold(select(rows, run.run_id), CONTRACT))


if __name__ == "__main__":
    main(work)
