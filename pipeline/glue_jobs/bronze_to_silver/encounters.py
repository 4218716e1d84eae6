"""Glue job bronze_to_silver_encounters."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.contracts.model import load as load_contract
from pipeline.glue_jobs.bronze_to_silver import encounter_columns, load, lookups
from pipeline.glue_jobs.bronze_to_silver.typing import text
from pipeline.glue_jobs.entry_point import main
from pipeline.glue_jobs.runtime import Run
from pipeline.glue_jobs.silver_to_gold.local_time import local_date

CONTRACT = load_contract("silver", "encounters")


def transform(received: DataFrame, time_zone: str) -> DataFrame:
    """Return the received rows with typed columns added.

    Columns for rules: `is_icd10cm` (ICD-10-CM lists the diagnosis code), `is_day_alone` (the admission is a
    date without a time), and the dates of admission (`local_date`) and discharge (`discharged_local_date`) in
    the hospital's time zone.
    """
    read = load.typed(received, "encounters", encounter_columns.expressions(time_zone), time_zone)
    dated = read.withColumns(
        {
            "is_day_alone": F.length(F.expr(text("admitted_at"))) == 10,
            "local_date": local_date("admitted_at", time_zone),
            "discharged_local_date": local_date("discharged_at", time_zone),
        }
    )
    return lookups.with_icd10cm(dated)


def work(run: Run) -> None:
    load.run_table(run, CONTRACT, lambda rows: transform(rows, run.time_zone))


if __name__ == "__main__":
    main(work)
