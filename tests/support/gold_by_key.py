"""Both facts of gold by business key, surrogate keys resolved: what `gold_model` is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import functions as F

from tests.support.frames_run import Star
from tests.support.gold_model import Row


def found(star: Star, silver: Mapping[str, Any]) -> tuple[dict[str, Row], dict[str, Row]]:
    """Return both facts by business key, with surrogate keys resolved."""
    gold = star.gold
    encounters = found_encounters(gold["fact_encounter"], gold, silver)
    return encounters, found_medications(gold["fact_medication_admin"], gold, silver)


def found_encounters(fact: Any, gold: Mapping[str, Any], silver: Mapping[str, Any]) -> dict[str, Row]:
    diagnosis = gold["dim_diagnosis"].select("diagnosis_key", F.col("diagnosis_code").alias("diagnosis"))
    rows = _with_people(fact, gold, silver).join(diagnosis, "diagnosis_key")
    return _collected(_named(rows, silver["encounters"], "encounter_id", "encounter_key"), "encounter_id")


def found_medications(fact: Any, gold: Mapping[str, Any], silver: Mapping[str, Any]) -> dict[str, Row]:
    medication = gold["dim_medication"].select("medication_key", F.col("medication_code").alias("medication"))
    encounter = _names(silver["encounters"], "encounter_id").toDF("encounter", "encounter_key")
    rows = _with_people(fact, gold, silver).join(medication, "medication_key")
    rows = rows.join(encounter, "encounter_key", "left")
    key = "administration_id"
    return _collected(_named(rows, silver["medications"], key, "administration_key"), key)


def found_orders(star: Star, silver: Mapping[str, Any]) -> dict[str, Row]:
    """Return the orders and dispenses of gold by kind and identifier."""
    gold, identity = star.gold, ("event_kind", "administration_id")
    names = silver["medications"].select(
        F.concat_ws(" ", *identity).alias("order"), F.xxhash64(*identity).alias("order_key")
    )
    medication = gold["dim_medication"].select("medication_key", F.col("medication_code").alias("medication"))
    encounter = _names(silver["encounters"], "encounter_id").toDF("encounter", "encounter_key")
    rows = _with_people(gold["fact_medication_order"], gold, silver).join(medication, "medication_key")
    rows = rows.join(encounter, "encounter_key", "left").join(names.distinct(), "order_key", "left")
    return _collected(rows, "order")


def _with_people(fact: Any, gold: Mapping[str, Any], silver: Mapping[str, Any]) -> Any:
    names = _names(silver["patients"], "patient_id")
    patients = gold["dim_patient"].join(names, F.col("patient_durable_key") == F.col("_hash"), "left")
    who = F.when(F.col("patient_id").isNotNull(), F.struct("patient_id", "version")).alias("patient")
    provider = gold["dim_provider"].select("provider_key", F.col("provider_npi").alias("provider"))
    return fact.join(patients.select("patient_key", who), "patient_key").join(provider, "provider_key")


def _names(silver, column):
    return silver.select(column).distinct().withColumn("_hash", F.xxhash64(column))


def _named(fact, silver, column, key):
    return fact.join(_names(silver, column), F.col(key) == F.col("_hash"), "left")


def _collected(frame, key) -> dict[str, Row]:
    rows = [row.asDict(recursive=True) for row in frame.collect()]
    assert len({row[key] for row in rows}) == len(rows)
    return {row[key]: {**row, "patient": row["patient"] and tuple(row["patient"].values())} for row in rows}
