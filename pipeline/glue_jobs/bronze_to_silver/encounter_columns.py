"""SQL expressions that convert received text to the silver columns of encounters."""

from pipeline.glue_jobs.bronze_to_silver.typing import (
    code,
    code_system,
    diagnosis,
    money,
    text,
    timestamp,
)
from pipeline.reference.code_lists import ENCOUNTER_CLASS


def expressions(time_zone: str) -> dict[str, str]:
    """Return SQL by silver column; a date without a time is midnight in the hospital's time zone."""
    return {
        "encounter_id": text("encounter_id"),
        "patient_id": text("patient_id"),
        "provider_npi": text("provider_npi"),
        "provider_name": text("provider_name"),
        "provider_specialty": text("provider_specialty"),
        "department": text("department"),
        "facility": f"coalesce({text('facility')}, batch.facility)",
        "encounter_class": code("encounter_class", ENCOUNTER_CLASS),
        "admitted_at": timestamp("admitted_at", time_zone),
        "discharged_at": timestamp("discharged_at", time_zone),
        "diagnosis_code": diagnosis("diagnosis_code", "diagnosis_code_system"),
        "diagnosis_code_system": code_system("diagnosis_code_system"),
        "diagnosis_description": text("diagnosis_description"),
        "discharge_disposition": text("discharge_disposition"),
        "total_cost": money("total_cost"),
        "updated_at": timestamp("updated_at", time_zone),
    }
