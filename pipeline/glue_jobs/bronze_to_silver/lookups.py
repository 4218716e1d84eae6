"""Join reference data to received rows: formulary, ICD-10-CM codes, states of ZIP codes."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipeline import frames
from pipeline.glue_jobs.runtime import Run
from pipeline.reference import formulary, icd10cm_codes, zip_states


def with_formulary(run: Run, frame: DataFrame) -> DataFrame:
    """Return `frame` with the medication's `formulary` entry (a struct or NULL) and `formulary_dose`.

    `formulary_dose` is the dose converted to the formulary's unit; NULL if the units are not convertible.
    """
    rows = [
        {
            "medication_code": m.code,
            "formulary": {
                "found": True,
                "usual_low": m.usual_low,
                "usual_high": m.usual_high,
                "unit": m.unit,
                "routes": m.routes,
                "form": m.form,
            },
        }
        for m in formulary()
    ]
    shape = (
        "struct<found: boolean, usual_low: double, usual_high: double, unit: string, "
        "routes: array<string>, form: string>"
    )
    lookup = frames.of(run.spark, rows, f"medication_code string, formulary {shape}")
    joined = frame.join(F.broadcast(lookup), "medication_code", "left")
    factor = F.when(F.col("dose_unit") == F.col("formulary.unit"), 1.0).otherwise(
        _grams("dose_unit") / _grams("formulary.unit")
    )
    return joined.withColumn("formulary_dose", F.col("dose") * factor)


_MASS = {"kg": 1e3, "g": 1.0, "mg": 1e-3, "ug": 1e-6}


def _grams(unit: str) -> Column:
    """Return the grams in a UCUM unit of mass; NULL if `unit` is not a unit of mass."""
    known = F.lit(None).cast("double")
    for name, grams in _MASS.items():
        known = F.when(F.col(unit) == name, grams).otherwise(known)
    return known


def with_icd10cm(frame: DataFrame) -> DataFrame:
    """Return `frame` with `is_icd10cm`: whether ICD-10-CM lists the code, with or without its point."""
    one_row = frame.sparkSession.range(0, 1, 1, 1)  # one literal: a row per code would add MBs to the plan
    codes = one_row.select(F.explode(F.split(F.lit(" ".join(icd10cm_codes())), " ")).alias("_code"))
    known = codes.withColumn("is_icd10cm", F.lit(True))
    plain = frame.withColumn("_code", F.replace("diagnosis_code", F.lit("."), F.lit("")))
    joined = plain.join(F.broadcast(known), "_code", "left").drop("_code")
    return joined.withColumn("is_icd10cm", F.coalesce("is_icd10cm", F.lit(False)))


def with_zip_states(run: Run, frame: DataFrame) -> DataFrame:
    """Return `frame` with `zip_states`, the states of the ZIP code's prefix; NULL if no state has it."""
    rows = [{"_prefix": prefix, "zip_states": states} for prefix, states in zip_states().items()]
    lookup = frames.of(run.spark, rows, "_prefix string, zip_states array<string>")
    return frame.withColumn("_prefix", F.left("postal_code", F.lit(3))).join(
        F.broadcast(lookup), "_prefix", "left"
    )
