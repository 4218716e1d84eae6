"""Glue job silver_to_gold_fact_medication_admin: one row per medication administration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipeline.contracts.model import load
from pipeline.glue_jobs.entry_point import main
from pipeline.glue_jobs.runtime import Run
from pipeline.glue_jobs.silver_to_gold import admission, references, star
from pipeline.glue_jobs.silver_to_gold.dim_medication import medication_key
from pipeline.glue_jobs.silver_to_gold.local_time import local, local_date, local_month
from pipeline.reference.code_lists import REASON_NOT_GIVEN

CONTRACT = load("gold", "fact_medication_admin")

IS_ORDER = "coalesce(event_kind in ('order', 'dispense'), false)"
"""SQL condition on silver medications whose rows belong to fact_medication_order."""


@dataclass(frozen=True)
class Dimensions:
    patient: DataFrame
    time: DataFrame
    medication: DataFrame
    provider: DataFrame


def refer(medications: DataFrame, encounters: DataFrame, patients: DataFrame, time_zone: str) -> DataFrame:
    """Return `medications` with the structs `patient` and `encounter` and the local administration date."""
    dated = medications.withColumn("local_date", local_date("administered_at", time_zone))
    with_patient = references.join(dated, patients, "patient_id", "patient")
    return references.join(with_patient, encounters, "encounter_id", "encounter")


def transform(medications: DataFrame, dimensions: Dimensions, time_zone: str) -> DataFrame:
    """Return the fact's rows, with keys and measures, from admitted administrations joined by `refer`.

    A reason that is not of the contract becomes "other": a free text can name a person.
    """
    is_listed = F.col("reason_not_given").isin(*{*REASON_NOT_GIVEN.values()})
    measured = medications.withColumn(
        "_event_at", F.coalesce("administered_at", "ordered_at", "updated_at")
    ).withColumns(
        {
            "administration_key": star.key_of("administration_id"),
            "encounter_key": encounter_key(),
            "patient_durable_key": F.when(F.col("patient.found"), star.key_of("patient_id")),
            "provider_durable_key": star.key_of("provider_npi"),
            "medication_key": medication_key(),
            "ordered_date_key": star.date_key(local_date("ordered_at", time_zone)),
            "administered_date_key": star.date_key("local_date"),
            "minutes_from_order": (F.unix_timestamp("administered_at") - F.unix_timestamp("ordered_at")) / 60,
            "minutes_from_due": (F.unix_timestamp("administered_at") - F.unix_timestamp("due_at")) / 60,
            "reason_not_given": F.when(is_listed, F.col("reason_not_given")).when(
                F.col("reason_not_given").isNotNull(), F.lit("other")
            ),
            "local_hour": F.hour(local("administered_at", time_zone)),
            "time_zone": F.lit(time_zone),
            "administered_month": local_month("_event_at", time_zone),
        }
    )
    return link(measured, dimensions, ("ordered_date_key", "administered_date_key"))


def encounter_key() -> Column:
    """Return the key of the encounter; -1 if there is none in the release."""
    return F.when(F.col("encounter.found"), star.key_of("encounter_id")).otherwise(
        F.lit(star.UNKNOWN).cast("bigint")
    )


def link(events: DataFrame, dimensions: Dimensions, date_keys: Sequence[str]) -> DataFrame:
    """Return `events` with keys of the versions valid at `_event_at`, or -1 where a dimension lacks one."""
    keyed = star.as_of(events, dimensions.patient, "patient_durable_key", "patient_key", "_event_at")
    keyed = star.as_of(keyed, dimensions.provider, "provider_durable_key", "provider_key", "_event_at")
    keyed = star.member(keyed, dimensions.medication, "medication_key", "bigint")
    for key in date_keys:
        keyed = star.member(keyed, dimensions.time.withColumnRenamed("date_key", key), key, "int")
    return keyed


def select(rows: DataFrame, release_id: str) -> DataFrame:
    return star.select(rows, CONTRACT, release_id)


def work(run: Run) -> None:
    patients, encounters = run.snapshot("patients"), run.snapshot("encounters")
    admitted = admission.admit(
        run,
        "medications",
        lambda rows: refer(rows, encounters, patients, run.time_zone),
        part=f"not {IS_ORDER}",
    )
    rows = transform(admitted.rows, dimensions_of(run), run.time_zone)
    admission.reconcile(run, admitted, CONTRACT.table, run.write_gold(select(rows, run.run_id), CONTRACT))


def dimensions_of(run: Run) -> Dimensions:
    return Dimensions(
        run.gold("dim_patient"), run.gold("dim_time"), run.gold("dim_medication"), run.gold("dim_provider")
    )


if __name__ == "__main__":
    main(work)
