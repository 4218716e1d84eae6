"""SQL expressions, joins and labels that several datasets share."""

from __future__ import annotations

from portal.dashboards.query_builder import LOCAL_TIME, NOT_RECORDED, Dimension

WEEKDAYS = dict(zip("1234567", ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), strict=True))

ROUTES = {
    "PO": "By mouth (PO)",
    "IV": "Intravenous (IV)",
    "IM": "Intramuscular (IM)",
    "SC": "Subcutaneous (SC)",
    "INH": "Inhaled (INH)",
    "SL": "Under the tongue (SL)",
}
STATUSES = {
    "completed": "Given (completed)",
    "not-done": "Missed or refused (not-done)",
    "stopped": "Stopped",
    "in-progress": "In progress",
    "on-hold": "On hold",
    "entered-in-error": "Entered in error",
    "unknown": "Unknown",
}

PATIENT_JOIN = "LEFT JOIN {dim_patient} p ON f.patient_key = p.patient_key"
PROVIDER_JOIN = "LEFT JOIN {dim_provider} w ON f.provider_key = w.provider_key"

PATIENT = "nullif(p.patient_durable_key, -1)"
"""SQL for the key of a patient in all versions; `patient_key` is the key of one version of the patient."""


def or_not_recorded(column: str) -> str:
    """Return SQL for a column, with `NOT_RECORDED` in place of NULL."""
    return f"coalesce({column}, '{NOT_RECORDED}')"


def capped(number: str, most: int) -> str:
    """Return SQL for a number limited to `most`. NULL stays NULL, unlike with `least` on some engines."""
    return f"CASE WHEN {number} > {most} THEN {most} ELSE {number} END"


SPECIALTY = Dimension(
    "specialty", "Clinician's specialty", or_not_recorded("w.provider_specialty"), filter="clicked"
)
WEEKDAY = Dimension(
    "weekday",
    "Weekday",
    "day_of_week(f.local_date)",
    filter="clicked",
    value_labels=WEEKDAYS,
    is_number=True,
)
HOUR = Dimension("hour", f"Hour ({LOCAL_TIME})", "f.local_hour", filter="clicked", is_number=True)
