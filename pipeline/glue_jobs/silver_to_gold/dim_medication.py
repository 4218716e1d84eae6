"""Glue job silver_to_gold_dim_medication: one row per medication code, with class and usual dose if known."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipeline import frames
from pipeline.contracts.model import load
from pipeline.glue_jobs.entry_point import main
from pipeline.glue_jobs.runtime import Run
from pipeline.glue_jobs.silver_to_gold import star
from pipeline.reference import formulary

CONTRACT = load("gold", "dim_medication")


def transform(medications: DataFrame) -> DataFrame:
    """Return the medications of silver administrations, each with its newest name, and the unknown member."""
    named = medications.groupBy("medication_code_system", "medication_code").agg(
        star.newest_text("medication_name")
    )
    known = frames.of(
        medications.sparkSession,
        [
            {
                "medication_code": m.code,
                "therapeutic_class": m.therapeutic_class,
                "dose_form": m.form,
                "usual_dose_low": m.usual_low,
                "usual_dose_high": m.usual_high,
                "usual_dose_unit": m.unit,
            }
            for m in formulary()
        ],
        "medication_code string, therapeutic_class string, dose_form string, usual_dose_low double, "
        "usual_dose_high double, usual_dose_unit string",
    )
    rows = named.join(F.broadcast(known), "medication_code", "left").withColumn(
        "medication_key", medication_key()
    )
    return star.with_unknown(rows, CONTRACT, {"medication_name": "Unknown medication"})


def medication_key() -> Column:
    return star.key_of("medication_code_system", "medication_code")


def select(rows: DataFrame, release_id: str) -> DataFrame:
    return star.select(rows, CONTRACT, release_id)


def work(run: Run) -> None:
    run.write_gold(select(transform(run.silver("medications")), run.run_id), CONTRACT)


if __name__ == "__main__":
    main(work)
