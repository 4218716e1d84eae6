"""Glue job bronze_to_silver_medications."""

from __future__ import annotations

from pyspark.sql import DataFrame

from pipeline.contracts.model import load as load_contract
from pipeline.glue_jobs.bronze_to_silver import load, lookups
from pipeline.glue_jobs.bronze_to_silver.typing import (
    boolean,
    code,
    code_system,
    event_kind,
    number,
    reason_not_given,
    text,
    timestamp,
    unit,
)
from pipeline.glue_jobs.entry_point import main
from pipeline.glue_jobs.runtime import Run
from pipeline.glue_jobs.silver_to_gold.local_time import local, local_date
from pipeline.reference.code_lists import ROUTE, STATUS

CONTRACT = load_contract("silver", "medications")

DEFAULT_KIND = "administration"
"""Kind of an event whose source does not say: the queries of sources with orders do (`pipeline.sources`)."""


def expressions(time_zone: str) -> dict[str, str]:
    """Return SQL by silver column; a date without a time is midnight in the hospital's time zone."""
    return {
        "administration_id": text("administration_id"),
        "encounter_id": text("encounter_id"),
        "patient_id": text("patient_id"),
        "provider_npi": text("provider_npi"),
        "medication_code": text("medication_code"),
        "medication_code_system": code_system("medication_code_system"),
        "medication_name": text("medication_name"),
        "dose": number("dose"),
        "dose_unit": unit("dose_unit"),
        "route": code("route", ROUTE),
        "ordered_at": timestamp("ordered_at", time_zone),
        "administered_at": timestamp("administered_at", time_zone),
        "status": code("status", STATUS),
        "event_kind": event_kind("event_kind", DEFAULT_KIND),
        "due_at": timestamp("due_at", time_zone),
        "reason_not_given": reason_not_given("reason_not_given"),
        "barcode_scanned": boolean("barcode_scanned"),
        "updated_at": timestamp("updated_at", time_zone),
    }


def transform(received: DataFrame, time_zone: str) -> DataFrame:
    """Return the received rows with typed columns added.

    Columns for rules: the dates of administration (`local_date`) and order (`ordered_local_date`) in the
    hospital's time zone, and `is_midnight` (the administration is at local midnight, as it is if received as
    a date without a time).
    """
    read = load.typed(received, "medications", expressions(time_zone), time_zone)
    given = local("administered_at", time_zone)
    return read.withColumns(
        {
            "local_date": given.cast("date"),
            "ordered_local_date": local_date("ordered_at", time_zone),
            "is_midnight": given == given.cast("date").cast("timestamp"),
        }
    )


def work(run: Run) -> None:
    load.run_table(run, CONTRACT, lambda rows: lookups.with_formulary(run, transform(rows, run.time_zone)))


if __name__ == "__main__":
    main(work)
