"""Glue job silver_to_gold_fact_encounter: one row per encounter."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipeline.contracts.model import load
from pipeline.glue_jobs.entry_point import main
from pipeline.glue_jobs.runtime import Run
from pipeline.glue_jobs.silver_to_gold import admission, references, star
from pipeline.glue_jobs.silver_to_gold.dim_department import with_department_key
from pipeline.glue_jobs.silver_to_gold.dim_diagnosis import diagnosis_key
from pipeline.glue_jobs.silver_to_gold.local_time import local, local_date, local_month
from pipeline.glue_jobs.silver_to_gold.readmission import with_readmission

CONTRACT = load("gold", "fact_encounter")


@dataclass(frozen=True)
class Dimensions:
    patient: DataFrame
    time: DataFrame
    provider: DataFrame
    diagnosis: DataFrame
    department: DataFrame


def refer(encounters: DataFrame, patients: DataFrame, time_zone: str) -> DataFrame:
    """Return `encounters` with the struct `patient` and the local dates of admission and discharge."""
    dated = encounters.withColumns(
        {
            "local_date": local_date("admitted_at", time_zone),
            "discharged_local_date": local_date("discharged_at", time_zone),
        }
    )
    return references.join(dated, patients, "patient_id", "patient")


def transform(encounters: DataFrame, dimensions: Dimensions, time_zone: str) -> DataFrame:
    """Return the fact's rows, with keys and measures, from admitted encounters joined by `refer`."""
    last = encounters.agg(F.max("local_date").alias("last_local_date"))
    stays = encounters.withColumn("death_date", F.col("patient.death_date")).crossJoin(last)
    measured = with_readmission(stays).withColumns(
        {
            "encounter_key": star.key_of("encounter_id"),
            "patient_durable_key": F.when(F.col("patient.found"), star.key_of("patient_id")),
            "provider_durable_key": star.key_of("provider_npi"),
            "diagnosis_key": F.when(F.col("diagnosis_code").isNotNull(), diagnosis_key()),
            "admitted_date_key": star.date_key("local_date"),
            "discharged_date_key": star.date_key("discharged_local_date"),
            "local_hour": F.hour(local("admitted_at", time_zone)),
            "time_zone": F.lit(time_zone),
            "length_of_stay_hours": _seconds("admitted_at", "discharged_at") / 3600,
            "length_of_stay_days": F.datediff("discharged_local_date", "local_date"),
            "age_at_admission": age_on("local_date", "patient.birth_date"),
            "admitted_month": local_month("admitted_at", time_zone),
        }
    )
    keyed = star.as_of(measured, dimensions.patient, "patient_durable_key", "patient_key", "admitted_at")
    keyed = star.as_of(keyed, dimensions.provider, "provider_durable_key", "provider_key", "admitted_at")
    keyed = star.member(keyed, dimensions.diagnosis, "diagnosis_key", "bigint")
    keyed = with_department_key(keyed, dimensions.department)
    for key in ("admitted_date_key", "discharged_date_key"):
        keyed = star.member(keyed, dimensions.time.withColumnRenamed("date_key", key), key, "int")
    return keyed


def age_on(day: str, birth_date: str) -> Column:
    """Return the age in completed years, from 0 to 90 (90 and over: Safe Harbor); NULL if a date is missing.

    A person born on 29 February completes a year on 1 March of other years.
    """
    digits = [F.date_format(F.col(name), "yyyyMMdd").cast("int") for name in (day, birth_date)]
    years = F.floor((digits[0] - digits[1]) / 10000)
    bounded = F.greatest(F.lit(0), F.least(F.lit(90), years))
    return F.when(F.col(day).isNotNull() & F.col(birth_date).isNotNull(), bounded).cast("int")


def _seconds(start: str, end: str) -> Column:
    return F.unix_timestamp(end) - F.unix_timestamp(start)


def select(rows: DataFrame, release_id: str) -> DataFrame:
    return star.select(rows, CONTRACT, release_id)


def work(run: Run) -> None:
    patients = run.snapshot("patients")
    admitted = admission.admit(run, "encounters", lambda rows: refer(rows, patients, run.time_zone))
    run.write_snapshot("encounters", admitted.rows)
    dimensions = Dimensions(
        *(run.gold(f"dim_{name}") for name in ("patient", "time", "provider", "diagnosis", "department"))
    )
    rows = transform(admitted.rows, dimensions, run.time_zone)
    admission.reconcile(run, admitted, CONTRACT.table, run.write_gold(select(rows, run.run_id), CONTRACT))


if __name__ == "__main__":
    main(work)
