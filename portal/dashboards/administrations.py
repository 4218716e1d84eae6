"""Datasets of medication administrations and first doses."""

from __future__ import annotations

from dataclasses import replace

from portal.dashboards.expressions import (
    HOUR,
    PATIENT,
    PATIENT_JOIN,
    PROVIDER_JOIN,
    ROUTES,
    SPECIALTY,
    STATUSES,
    WEEKDAY,
    capped,
    or_not_recorded,
)
from portal.dashboards.query_builder import NOT_RECORDED, Dataset, Dimension

LATE_MINUTES = 60
"""A first dose is late if it is given more than this many minutes after its order.

This limit is a working assumption for sources that do not record when a dose is due.
"""

LONGEST_WAIT_MINUTES = 120
_WAIT = f"CAST({capped('floor(f.minutes_from_order / 10) * 10', LONGEST_WAIT_MINUTES)} AS integer)"
EARLIEST_MINUTES = -60
_DELAY = (
    f"CAST(CASE WHEN f.minutes_from_due < {EARLIEST_MINUTES} THEN {EARLIEST_MINUTES} "
    f"ELSE {capped('floor(f.minutes_from_due / 10) * 10', LONGEST_WAIT_MINUTES)} END AS integer)"
)
SCANNED = "Scanned"
_SCAN = (
    f"CASE WHEN f.barcode_scanned THEN '{SCANNED}' WHEN NOT f.barcode_scanned THEN 'Not scanned' "
    f"ELSE '{NOT_RECORDED}' END"
)
_PROVIDER_NAME = (
    f"coalesce(w.provider_name || ' (' || w.provider_npi || ')', w.provider_npi, '{NOT_RECORDED}')"
)
"""A clinician by name and NPI, because names are not unique. Neither is PHI, so every role sees them."""

_ORDERED_DAY = "CAST(date_parse(CAST(nullif(f.ordered_date_key, -1) AS varchar), '%Y%m%d') AS date)"

ADMINISTRATIONS = Dataset(
    name="medications",
    noun="administrations",
    source="{fact_medication_admin}",
    date_sql=f"coalesce(f.local_date, {_ORDERED_DAY})",
    joins={
        "d": "LEFT JOIN {dim_medication} d ON f.medication_key = d.medication_key",
        "p": PATIENT_JOIN,
        "w": PROVIDER_JOIN,
    },
    dimensions=(
        Dimension("route", "Route", or_not_recorded("f.route"), filter="listed", value_labels=ROUTES),
        Dimension(
            "therapeutic",
            "Therapeutic class",
            "coalesce(d.therapeutic_class, 'Not classified')",
            filter="listed",
        ),
        Dimension("status", "Status", or_not_recorded("f.status"), filter="listed", value_labels=STATUSES),
        Dimension("medication", "Medication", or_not_recorded("d.medication_name"), filter="clicked"),
        SPECIALTY,
        Dimension("provider", "Clinician", _PROVIDER_NAME, filter="clicked"),
        Dimension("month", "Month", "f.administered_month", filter="period"),
        WEEKDAY,
        HOUR,
        Dimension(
            "wait",
            f"Minutes from order to first dose ({LONGEST_WAIT_MINUTES} = {LONGEST_WAIT_MINUTES}+)",
            _WAIT,
            filter="clicked",
            is_number=True,
        ),
        Dimension(
            "delay",
            f"Minutes from due time ({EARLIEST_MINUTES} = earlier, {LONGEST_WAIT_MINUTES} = later)",
            _DELAY,
            filter="clicked",
            is_number=True,
        ),
        Dimension("reason", "Reason not given", or_not_recorded("f.reason_not_given"), filter="clicked"),
        Dimension("scan", "Barcode", _SCAN, filter="clicked"),
        Dimension("dose", "Dose", "f.dose"),
        Dimension("unit", "Unit", or_not_recorded("f.dose_unit")),
    ),
    fields={
        "person": PATIENT,
        "medication_key": "f.medication_key",
        "given": "f.administered_at",
        "state": "f.status",
        "minutes": "f.minutes_from_order",
        "minutes_late": "f.minutes_from_due",
        "why": "f.reason_not_given",
        "scanned": "f.barcode_scanned",
        "amount": "f.dose",
        "is_comparable": (
            "f.dose IS NOT NULL AND d.usual_dose_low IS NOT NULL AND f.dose_unit = d.usual_dose_unit"
        ),
        "low": "d.usual_dose_low",
        "high": "d.usual_dose_high",
        "administered_at": "f.administered_at",
        "ordered_at": "f.ordered_at",
        "minutes_from_order": "f.minutes_from_order",
    },
    rows=(
        "administered_at",
        "ordered_at",
        "medication",
        "amount",
        "unit",
        "route",
        "status",
        "minutes_from_order",
        "specialty",
    ),
)

FIRST_DOSES = replace(
    ADMINISTRATIONS,
    noun="first doses",
    source=(
        "(SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY encounter_key, medication_key, ordered_at "
        "ORDER BY administered_at, administration_key) AS dose_number FROM {fact_medication_admin} "
        "WHERE administered_at IS NOT NULL) WHERE dose_number = 1)"
    ),
)
"""The first dose of each order, to measure the time from order to administration."""
