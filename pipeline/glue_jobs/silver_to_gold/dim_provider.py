"""Glue job silver_to_gold_dim_provider: Type 2 history of the providers of encounters and administrations."""

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
    """Return the dimension's rows: providers of encounters and administrations, and the unknown member.

    If an encounter lacks a provider's name or specialty, the previous value applies. Of a provider that only
    administrations name, only the NPI is known.
    """
    seen = _seen(encounters)
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


def _seen(encounters: DataFrame) -> DataFrame:
    """Return what was known of each provider at the time of each of the provider's encounters.

    A provider that all encounters describe alike gets one row, with the earliest time, so that few are
    sorted.
    """
    named = encounters.where("provider_npi is not null").select("provider_npi", *TRACKED, "updated_at")
    alike = named.groupBy("provider_npi", *TRACKED).agg(F.min("updated_at").alias("updated_at")).persist()
    several = alike.groupBy("provider_npi").agg(F.count(F.lit(1)).alias("_n")).where("_n > 1")
    content = frames.hash_of([F.col(name) for name in TRACKED])
    so_far = Window.partitionBy("provider_npi").orderBy("updated_at", content)
    so_far = so_far.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    known_by_then = [F.last(name, ignorenulls=True).over(so_far).alias(name) for name in TRACKED]
    of_several = named.join(several.select("provider_npi"), "provider_npi", "left_semi")
    in_order = of_several.select("provider_npi", *known_by_then, "updated_at")
    single = alike.join(several.select("provider_npi"), "provider_npi", "left_anti")
    return single.select(*in_order.columns).unionByName(in_order)


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
