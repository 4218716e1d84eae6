"""Glue job silver_to_gold_dim_patient: Type 2 history of patients, de-identified by HIPAA Safe Harbor."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipeline.contracts.model import load
from pipeline.glue_jobs.entry_point import main
from pipeline.glue_jobs.runtime import Run
from pipeline.glue_jobs.silver_to_gold import admission, charlson, star, versions
from pipeline.reference import RESTRICTED_ZIP3

CONTRACT = load("gold", "dim_patient")

TRACKED = (
    "birth_date",
    "death_date",
    "sex",
    "race",
    "ethnicity",
    "marital_status",
    "language",
    "state",
    "zip3",
    "payer",
)


def transform(patients: DataFrame, as_of: str, comorbidity: DataFrame) -> DataFrame:
    """Return the dimension's rows; ages are on the date of death or, without one, on `as_of` (ISO 8601).

    `comorbidity` has `patient_id` and `charlson_index`, which is the same in all versions of a patient.
    """
    versions = star.history(patients.withColumn("zip3", zip3("postal_code")), "patient_id", TRACKED)
    age = F.floor(F.months_between(F.coalesce("death_date", F.lit(as_of).cast("date")), "birth_date") / 12)
    rows = (
        versions.withColumn("_age", age)
        .withColumn("patient_key", star.key_of("patient_id", "_changed_at"))
        .withColumn("patient_durable_key", star.key_of("patient_id"))
        .withColumn("birth_year", F.when(F.col("_age") < 90, F.year("birth_date")))
        .withColumn("age_band", age_band("_age"))
        .withColumn("is_deceased", F.col("death_date").isNotNull())
        .join(comorbidity, "patient_id", "left")
    )
    forever = {
        "valid_from": datetime.fromisoformat(star.BEGINNING),
        "valid_to": datetime.fromisoformat(star.END),
    }
    return star.with_unknown(rows, CONTRACT, {**forever, "is_current": True, "version": 0})


def admitted_versions(patients: DataFrame, admitted: DataFrame) -> DataFrame:
    """Return all versions of admitted patients that do not conflict; `admitted` has the newest of each."""
    every = versions.with_status(patients, load("silver", "patients"))
    earlier = every.where("not is_conflicting and not is_newest").select(*patients.columns)
    of_admitted = earlier.join(admitted.select("patient_id"), "patient_id", "left_semi").persist()
    return admitted.select(*patients.columns).unionByName(of_admitted)


def select(rows: DataFrame, release_id: str) -> DataFrame:
    return star.select(rows, CONTRACT, release_id)


def zip3(column: str) -> Column:
    """Return a ZIP code's first three digits, or 000 if restricted (45 CFR 164.514(b)(2)(i)(B)).

    Return NULL for other text.
    """
    prefix = F.regexp_extract(column, r"^([0-9]{3})[0-9]{2}(-?[0-9]{4})?\z", 1)
    return F.when(prefix.isin(*RESTRICTED_ZIP3), "000").when(prefix != "", prefix)


def age_band(column: str) -> Column:
    """Return the five-year age band such as 40-44; 90 and over is one band (45 CFR 164.514(b)(2)(i)(C))."""
    low = (F.floor(F.col(column) / 5) * 5).cast("int")
    band = F.concat(low.cast("string"), F.lit("-"), (low + 4).cast("string"))
    return F.when(F.col(column) >= 90, "90+").when(F.col(column) >= 0, band)


def work(run: Run) -> None:
    admitted = admission.admit(run, "patients", lambda rows: rows)
    run.write_snapshot("patients", admitted.rows)
    received = [each["received_at"] for each in run.manifests_of(run.plan["release_batch_ids"])]
    admitted_rows = admitted_versions(run.silver("patients"), admitted.rows)
    newest = (
        versions.with_status(run.silver(table), load("silver", table)).where("is_newest")
        for table in ("encounters", "diagnoses")
    )
    rows = transform(admitted_rows, max(received)[:10], charlson.index(*newest))
    run.write_gold(select(rows, run.run_id), CONTRACT)
    patients = run.gold("dim_patient").where(f"is_current and patient_key <> {star.UNKNOWN}")
    admission.reconcile(run, admitted, CONTRACT.table, int(patients.count()))


if __name__ == "__main__":
    main(work)
