"""What the rules of one table ask of the others: the newest version of each patient and encounter, the formulary.

The jobs of this stage run side by side, so the other table is read from the batches as received (this run's) and
from silver (the release's other batches).
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from pipeline import frames
from pipeline.contracts import load as contract
from pipeline.glue_jobs.bronze_to_silver import encounter_columns, load, patient_columns
from pipeline.glue_jobs.job import Run
from pipeline.reference import formulary, icd10cm_codes, zip_states

_PATIENT = ("birth_date", "death_date", "sex")
_ENCOUNTER = ("patient_id", "admitted_at", "discharged_at", "encounter_class")


def patients(run: Run) -> DataFrame:
    """One row a patient: `patient_id` and the struct `patient` (found, birth_date, death_date, sex).

    A test patient is none; dates that cannot be true are empty, or a slip in one of them would be blamed on every
    row of the patient's.
    """
    names = ("patient_id", *_PATIENT, "first_name", "last_name", "mrn", "updated_at")
    needed = {name: patient_columns.EXPRESSIONS[name] for name in names}
    here = load.typed(load.received(run, "patients"), needed).where(~_fails("PAT-P05"))
    is_true = ~(_fails("PAT-P03") | _fails("PAT-P04"))
    dates = {name: F.when(is_true, F.col(name)) for name in ("birth_date", "death_date")}
    return _newest(run, "patients", "patient_id", "patient", _PATIENT, here.withColumns(dates))


def _fails(rule_id: str) -> Column:
    """Whether a typed row of patients fails a rule of its contract; none does where the rule was retired."""
    rules = [each.fails for each in contract("silver", "patients").rules if each.id == rule_id]
    return F.coalesce(F.expr(str(rules[0])), F.lit(False)) if rules else F.lit(False)


def encounters(run: Run) -> DataFrame:
    """One row an encounter: `encounter_id` and the struct `encounter`."""
    needed = {
        name: encounter_columns.EXPRESSIONS[name] for name in ("encounter_id", *_ENCOUNTER, "updated_at")
    }
    here = load.typed(load.received(run, "encounters"), needed)
    return _newest(run, "encounters", "encounter_id", "encounter", _ENCOUNTER, here)


def _newest(
    run: Run, table: str, key: str, name: str, columns: tuple[str, ...], here: DataFrame
) -> DataFrame:
    """Of the rows received `here` and those of the release's other batches the newest of each key."""
    elsewhere = [b for b in run.plan["release_batch_ids"] if b not in run.plan["batch_ids"]]
    picked = [key, *columns, "updated_at", "batch_id"]
    both = here.select(*picked).unionByName(run.silver(table, elsewhere).select(*picked))
    content = F.struct(F.lit(True).alias("found"), *columns).alias(name)
    newest_first = Window.partitionBy(key).orderBy(
        F.desc("updated_at"), F.desc("batch_id"), F.xxhash64(*columns)
    )
    ranked = both.where(F.col(key).isNotNull()).withColumn("_rank", F.row_number().over(newest_first))
    return ranked.where("_rank = 1").select(key, content)


def join(frame: DataFrame, lookup: DataFrame, key: str, name: str) -> DataFrame:
    """`frame` with the struct `name`; its field `found` is false where the lookup has no such key."""
    shape = lookup.schema[name].dataType
    assert isinstance(shape, StructType)
    found = F.coalesce(F.col(f"{name}.found"), F.lit(False)).alias("found")
    others = [F.col(f"{name}.{field}").alias(field) for field in shape.fieldNames() if field != "found"]
    return frame.join(lookup, key, "left").withColumn(name, F.struct(found, *others))


def with_formulary(run: Run, frame: DataFrame) -> DataFrame:
    """`frame` with the struct `formulary` (found, usual_low, usual_high, unit, routes, form) and `formulary_dose`.

    That is the dose in the formulary's unit; NULL where the two units measure different things.
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
    shape = "struct<found: boolean, usual_low: double, usual_high: double, unit: string, routes: array<string>, form: string>"
    lookup = frames.of(run.spark, rows, f"medication_code string, formulary {shape}")
    joined = join(frame, F.broadcast(lookup), "medication_code", "formulary")
    factor = F.when(F.col("dose_unit") == F.col("formulary.unit"), 1).otherwise(
        _grams("dose_unit") / _grams("formulary.unit")
    )
    return joined.withColumn("formulary_dose", F.col("dose") * factor)


_MASS = {"kg": 1e3, "g": 1.0, "mg": 1e-3, "ug": 1e-6}


def _grams(unit: str) -> Column:
    """How many grams a UCUM unit of mass is; NULL where it is none."""
    known = F.lit(None).cast("double")
    for name, grams in _MASS.items():
        known = F.when(F.col(unit) == name, grams).otherwise(known)
    return known


def with_icd10cm(frame: DataFrame) -> DataFrame:
    """`frame` with `is_icd10cm`: whether ICD-10-CM has the diagnosis code, with or without its point."""
    held = frame.sparkSession.range(0, 1, 1, 1)  # one literal: a row a code would be a plan of megabytes
    codes = held.select(F.explode(F.split(F.lit(" ".join(icd10cm_codes())), " ")).alias("_code"))
    known = codes.withColumn("is_icd10cm", F.lit(True))
    plain = frame.withColumn("_code", F.replace("diagnosis_code", F.lit("."), F.lit("")))
    joined = plain.join(F.broadcast(known), "_code", "left").drop("_code")
    return joined.withColumn("is_icd10cm", F.coalesce("is_icd10cm", F.lit(False)))


def with_zip_states(run: Run, frame: DataFrame) -> DataFrame:
    """`frame` with `zip_states`: the states that the ZIP code's prefix serves; NULL where it is not assigned."""
    rows = [{"_prefix": prefix, "zip_states": states} for prefix, states in zip_states().items()]
    lookup = frames.of(run.spark, rows, "_prefix string, zip_states array<string>")
    return frame.withColumn("_prefix", F.left("postal_code", F.lit(3))).join(
        F.broadcast(lookup), "_prefix", "left"
    )
