"""Glue job silver_to_gold_dim_diagnosis: one row per diagnosis code, with its ICD-10-CM chapter."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipeline import frames
from pipeline.contracts.model import load
from pipeline.glue_jobs.entry_point import main
from pipeline.glue_jobs.runtime import Run
from pipeline.glue_jobs.silver_to_gold import star
from pipeline.reference import icd10_chapters

_WITH_CHAPTERS = ("ICD-10-CM", "ICD-10", "ICD-10-GM")
"""Code systems with the chapters of ICD-10, which its national modifications have too."""

CONTRACT = load("gold", "dim_diagnosis")


_NAMED = ("diagnosis_code_system", "diagnosis_code", "diagnosis_description", "updated_at")


def transform(encounters: DataFrame, diagnoses: DataFrame) -> DataFrame:
    """Return the codes of silver encounters and diagnoses with their newest description, and the unknown."""
    described = (
        encounters.select(*_NAMED)
        .unionByName(diagnoses.select(*_NAMED))
        .where("diagnosis_code is not null")
        .groupBy("diagnosis_code_system", "diagnosis_code")
        .agg(star.newest_text("diagnosis_description"))
    )
    chapters = frames.of(
        encounters.sparkSession,
        [
            {"icd10_chapter": c.number, "_first": c.first, "_last": c.last, "icd10_chapter_title": c.title}
            for c in icd10_chapters()
        ],
        "icd10_chapter int, _first string, _last string, icd10_chapter_title string",
    )
    category = F.left("diagnosis_code", F.lit(3))
    within = (
        F.col("diagnosis_code_system").isin(*_WITH_CHAPTERS)
        & (category >= F.col("_first"))
        & (category <= F.col("_last"))
    )
    rows = described.join(F.broadcast(chapters), within, "left").withColumn("diagnosis_key", diagnosis_key())
    return star.with_unknown(rows, CONTRACT, {"diagnosis_description": "No diagnosis recorded"})


def diagnosis_key() -> Column:
    return star.key_of("diagnosis_code_system", "diagnosis_code")


def select(rows: DataFrame, release_id: str) -> DataFrame:
    return star.select(rows, CONTRACT, release_id)


def work(run: Run) -> None:
    rows = transform(run.silver("encounters"), run.silver("diagnoses"))
    run.write_gold(select(rows, run.run_id), CONTRACT)


if __name__ == "__main__":
    main(work)
