"""Glue job silver_to_gold_dim_provider: Type 2 history of the clinicians that encounters name."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipeline import frames
from pipeline.contracts.model import load
from pipeline.glue_jobs.entry_point import main
from pipeline.glue_jobs.runtime import Run
from pipeline.glue_jobs.silver_to_gold import star

CONTRACT = load("gold", "dim_provider")

TRACKED = ("provider_name", "provider_specialty")


def transform(encounters: DataFrame, medications: DataFrame) -> DataFrame:
    """Return the providers of encounters, and those that only administrations name, by NPI alone.

    If an encounter lacks a provider's name or specialty, the previous value applies.
    """
    content = frames.hash_of([F.col(name) for name in TRACKED])
    so_far = Window.partitionBy("provider_npi").orderBy("updated_at", content)
    so_far = so_far.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    known_by_then = [F.last(name, ignorenulls=True).over(so_far).alias(name) for name in TRACKED]
    seen = encounters.where("provider_npi is not null").select("provider_npi", *known_by_then, "updated_at")
    known = seen.select("provider_npi").distinct()
    nothing = {name: F.lit(None).cast("string") for name in TRACKED}
    alone = (
        medications.where("provider_npi is not null")
        .join(known, "provider_npi", "left_anti")
        .groupBy("provider_npi")
        .agg(F.min("updated_at").alias("updated_at"))
        .withColumns(nothing)
    )
    rows = (
        star.history(seen.unionByName(alone), "provider_npi", TRACKED)
        .withColumn("provider_key", star.key_of("provider_npi", "_changed_at"))
        .withColumn("provider_durable_key", star.key_of("provider_npi"))
        .withColumn("is_npi_valid", is_npi_valid("provider_npi"))
    )
    return star.with_unknown(
        rows,
        CONTRACT,
        {
            "provider_name": "Unknown provider",
            "valid_from": datetime.fromisoformat(star.BEGINNING),
            "valid_to": datetime.fromisoformat(star.END),
            "is_current": True,
            "version": 0,
        },
    )


def is_npi_valid(column: str) -> Column:
    """Return whether an NPI has ten digits, starts with 1 or 2, and has a valid check digit.

    CMS defines the check digit as the Luhn digit of 80840 followed by the number.
    """
    return F.expr(f"{column} rlike '^[12][0-9]{{9}}\\\\z' and luhn_check(concat('80840', {column}))")


def select(rows: DataFrame, release_id: str) -> DataFrame:
    return star.select(rows, CONTRACT, release_id)


def work(run: Run) -> None:
    rows = transform(run.silver("encounters"), run.silver("medications"))
    run.write_gold(select(rows, run.run_id), CONTRACT)


if __name__ == "__main__":
    main(work)
