"""SQL expressions that convert received text to the silver columns of patients."""

from pipeline.glue_jobs.bronze_to_silver.typing import code, date, state, text, timestamp
from pipeline.reference.code_lists import SEX


def expressions(time_zone: str) -> dict[str, str]:
    """Return SQL expressions by silver column.

    If `updated_at` is a date without a time, it is midnight in the hospital's time zone.
    """
    return {
        "patient_id": text("patient_id"),
        "mrn": text("mrn"),
        "first_name": text("first_name"),
        "last_name": text("last_name"),
        "birth_date": date("birth_date"),
        "death_date": date("death_date"),
        "sex": code("sex", SEX),
        "race": text("race"),
        "ethnicity": text("ethnicity"),
        "marital_status": text("marital_status"),
        "language": text("language"),
        "street": text("street"),
        "city": text("city"),
        "state": state("state"),
        "postal_code": text("postal_code"),
        "phone": text("phone"),
        "email": text("email"),
        "payer": text("payer"),
        "updated_at": timestamp("updated_at", time_zone),
    }
