"""Glue job silver_to_gold_fact_encounter: one row an encounter."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipeline.contracts import load
from pipeline.glue_jobs.job import Run, main
from pipeline.glue_jobs.silver_to_gold import star
from pipeline.glue_jobs.silver_to_gold.dim_diagnosis import diagnosis_key

CONTRACT = load("gold", "fact_encounter")


@dataclass(frozen=True)
class Dimensions:
    patient: DataFrame
    time: DataFrame
    provider: DataFrame
    diagnosis: DataFrame


def transform(encounters: DataFrame, patients: DataFrame, dimensions: Dimensions) -> DataFrame:
    """The newest version of each silver encounter with its keys and measures."""
    people = star.newest(patients, "patient_id").select("patient_id", "birth_date", "death_date")
    newest = star.newest(encounters, "encounter_id")
    known_until = newest.agg(F.max("admitted_at").alias("known_until"))
    stays = newest.join(people, "patient_id", "left").crossJoin(F.broadcast(known_until))
    measured = stays.withColumns(
        {
            "encounter_key": star.key_of("encounter_id"),
            "patient_durable_key": star.key_of("patient_id"),
            "provider_durable_key": star.key_of("provider_npi"),
            "diagnosis_key": F.when(F.col("diagnosis_code").isNotNull(), diagnosis_key()),
            "admitted_date_key": star.date_key("admitted_at"),
            "discharged_date_key": star.date_key("discharged_at"),
            "admitted_hour": F.hour("admitted_at"),
            "length_of_stay_hours": _seconds("admitted_at", "discharged_at") / 3600,
            "length_of_stay_days": F.datediff("discharged_at", "admitted_at"),
            "is_readmitted_30d": is_readmitted(),
            "age_at_admission": age_at("admitted_at"),
        }
    )
    keyed = star.as_of(measured, dimensions.patient, "patient_durable_key", "patient_key", "admitted_at")
    keyed = star.as_of(keyed, dimensions.provider, "provider_durable_key", "provider_key", "admitted_at")
    keyed = star.member(keyed, dimensions.diagnosis, "diagnosis_key")
    keyed = star.member(
        keyed, dimensions.time.withColumnRenamed("date_key", "admitted_date_key"), "admitted_date_key"
    )
    return star.member(
        keyed, dimensions.time.withColumnRenamed("date_key", "discharged_date_key"), "discharged_date_key"
    )


def is_readmitted() -> Column:
    """Whether an inpatient stay is followed by another of the same patient 1 to 30 days after its discharge.

    NULL for other classes, for stays not ended, for stays that ended in death, and for stays whose 30 days go
    beyond `known_until`, the newest admission: whether their patients come back is not known yet (after CMS
    Hospital-Wide Readmission, without its planned-readmission algorithm).
    """
    inpatient = F.col("encounter_class").isin("IMP", "ACUTE")
    later = Window.partitionBy("patient_id", inpatient).orderBy("admitted_at", "encounter_id")
    days = F.datediff(F.lead("admitted_at").over(later), "discharged_at")
    died = F.coalesce(F.lower("discharge_disposition") == "expired", F.lit(False)) | F.coalesce(
        F.col("death_date") <= F.to_date("discharged_at"), F.lit(False)
    )
    is_known = F.datediff("known_until", "discharged_at") > 30
    counts = inpatient & F.col("discharged_at").isNotNull() & ~died & is_known
    return F.when(counts, F.coalesce(days.between(1, 30), F.lit(False)))


def age_at(moment: str) -> Column:
    """Age in whole years; 90 stands for 90 and over, and 0 for who was born that day by another clock."""
    years = F.floor(F.months_between(F.to_date(moment), "birth_date") / 12)
    return F.greatest(F.lit(0), F.least(F.lit(90), years)).cast("int")


def _seconds(start: str, end: str) -> Column:
    return F.unix_timestamp(end) - F.unix_timestamp(start)


def select(rows: DataFrame, release_id: str) -> DataFrame:
    return star.select(rows, CONTRACT, release_id)


def work(run: Run) -> None:
    dimensions = Dimensions(
        run.gold("dim_patient"), run.gold("dim_time"), run.gold("dim_provider"), run.gold("dim_diagnosis")
    )
    rows = transform(run.silver("encounters"), run.silver("patients"), dimensions)
    run.write_gold(select(rows, run.run_id), CONTRACT)


if __name__ == "__main__":
    main(work)
