"""Glue job silver_to_gold_dim_time: every day from the first to the last that facts refer to."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipeline.contracts.model import load
from pipeline.glue_jobs.entry_point import main
from pipeline.glue_jobs.runtime import Run
from pipeline.glue_jobs.silver_to_gold import star
from pipeline.glue_jobs.silver_to_gold.local_time import local_date

CONTRACT = load("gold", "dim_time")


def transform(encounters: DataFrame, medications: DataFrame, time_zone: str) -> DataFrame:
    """Return one row per local date from the earliest to the latest event, and the unknown member."""
    stays = encounters.select(F.explode(F.array("admitted_at", "discharged_at")).alias("event_at"))
    doses = medications.select(F.explode(F.array("ordered_at", "administered_at")).alias("event_at"))
    ends = stays.union(doses).agg(F.min("event_at").alias("first"), F.max("event_at").alias("last"))
    days = ends.where("first is not null").select(
        F.explode(F.sequence(local_date("first", time_zone), local_date("last", time_zone))).alias("date")
    )
    rows = days.select(
        star.date_key("date").alias("date_key"),
        "date",
        F.year("date").alias("year"),
        F.quarter("date").alias("quarter"),
        F.month("date").alias("month"),
        F.date_format("date", "MMMM").alias("month_name"),
        F.weekofyear("date").alias("week_of_year"),
        F.dayofmonth("date").alias("day_of_month"),
        _iso_weekday("date").alias("day_of_week"),
        F.date_format("date", "EEEE").alias("day_name"),
        (_iso_weekday("date") >= 6).alias("is_weekend"),
        F.date_format("date", "yyyy-MM").alias("year_month"),
    )
    return star.with_unknown(rows, CONTRACT, {})


def _iso_weekday(column: str) -> Column:
    """Return 1 (Monday) to 7 (Sunday), from ``dayofweek`` because Sail's ``weekday`` is wrong on Sundays."""
    return (F.dayofweek(column) + 5) % 7 + 1


def select(rows: DataFrame, release_id: str) -> DataFrame:
    return star.select(rows, CONTRACT, release_id)


def work(run: Run) -> None:
    rows = transform(run.silver("encounters"), run.silver("medications"), run.time_zone)
    run.write_gold(select(rows, run.run_id), CONTRACT)


if __name__ == "__main__":
    main(work)
