"""Datasets of encounters, discharges and first encounters."""

from __future__ import annotations

from dataclasses import replace

from portal.dashboards.expressions import (
    HOUR,
    PATIENT,
    PATIENT_JOIN,
    PROVIDER_JOIN,
    SPECIALTY,
    WEEKDAY,
    capped,
    or_not_recorded,
)
from portal.dashboards.query_builder import NOT_RECORDED, Dataset, Dimension

CLASSES = {
    "AMB": "Ambulatory (AMB)",
    "EMER": "Emergency (EMER)",
    "IMP": "Inpatient (IMP)",
    "ACUTE": "Inpatient acute (ACUTE)",
    "OBSENC": "Observation (OBSENC)",
    "VR": "Virtual (VR)",
    "HH": "Home health (HH)",
}

DIED = "Died in hospital"

ENCOUNTERS = Dataset(
    name="encounters",
    noun="encounters",
    source="{fact_encounter}",
    date_sql="f.local_date",
    joins={
        "d": "LEFT JOIN {dim_diagnosis} d ON f.diagnosis_key = d.diagnosis_key",
        "p": PATIENT_JOIN,
        "w": PROVIDER_JOIN,
    },
    dimensions=(
        Dimension(
            "class", "Class", or_not_recorded("f.encounter_class"), filter="listed", value_labels=CLASSES
        ),
        Dimension("department", "Department", or_not_recorded("f.department"), filter="listed"),
        Dimension("payer", "Payer", or_not_recorded("p.payer"), filter="listed"),
        Dimension(
            "chapter",
            "Diagnosis chapter",
            f"coalesce(d.icd10_chapter_title, d.diagnosis_description, '{NOT_RECORDED}')",
            filter="clicked",
        ),
        SPECIALTY,
        Dimension(
            "outcome",
            "Outcome",
            f"CASE WHEN f.discharge_disposition IS NULL THEN '{NOT_RECORDED}' "
            f"WHEN lower(f.discharge_disposition) = 'expired' THEN '{DIED}' ELSE 'Discharged alive' END",
        ),
        Dimension("diagnosis", "Diagnosis", or_not_recorded("d.diagnosis_description")),
        Dimension("month", "Month of admission", "f.admitted_month", filter="period"),
        WEEKDAY,
        HOUR,
        Dimension(
            "days", "Days (30 = 30+)", capped("f.length_of_stay_days", 30), filter="clicked", is_number=True
        ),
        Dimension(
            "stay",
            "Hours (24 = 24+)",
            f"CAST({capped('floor(f.length_of_stay_hours)', 24)} AS integer)",
            filter="clicked",
            is_number=True,
        ),
    ),
    fields={
        "person": PATIENT,
        "cost": "f.total_cost",
        "stay_hours": "f.length_of_stay_hours",
        "stay_days": "f.length_of_stay_days",
        "is_emergency": "f.encounter_class = 'EMER'",
        "is_inpatient": "f.encounter_class IN ('IMP', 'ACUTE')",
        "has_days": "f.encounter_class IN ('IMP', 'ACUTE') AND f.length_of_stay_days IS NOT NULL",
        "has_hours": "f.encounter_class IN ('EMER', 'OBSENC') AND f.length_of_stay_hours IS NOT NULL",
        "has_died": (
            "CASE WHEN f.encounter_class IN ('IMP', 'ACUTE') AND f.discharge_disposition IS NOT NULL "
            "THEN lower(f.discharge_disposition) = 'expired' END"
        ),
        "is_readmitted": "f.is_readmitted_30d",
        "admitted_at": "f.admitted_at",
        "discharged_at": "f.discharged_at",
        "age": "f.age_at_admission",
        "disposition": "f.discharge_disposition",
    },
    rows=(
        "admitted_at",
        "discharged_at",
        "class",
        "department",
        "diagnosis",
        "stay_hours",
        "cost",
        "age",
        "disposition",
        "payer",
    ),
)

DISCHARGES = replace(
    ENCOUNTERS,
    noun="discharges",
    source=(
        "(SELECT * FROM {fact_encounter} WHERE encounter_class IN ('IMP', 'ACUTE') "
        "AND discharged_local_date IS NOT NULL)"
    ),
    date_sql="f.discharged_local_date",
    dimensions=tuple(
        replace(each, label="Month of discharge", sql="date_format(f.discharged_local_date, '%Y-%m')")
        if each.name == "month"
        else each
        for each in ENCOUNTERS.dimensions
    ),
)
"""Inpatient stays that have ended, by the day of discharge."""

FIRST_VISITS = replace(
    ENCOUNTERS,
    noun="first encounters",
    source=(
        "(SELECT * FROM (SELECT e.*, row_number() OVER (PARTITION BY o.patient_durable_key "
        "ORDER BY e.admitted_at, e.encounter_key) AS visit_number FROM {fact_encounter} e "
        "JOIN {dim_patient} o ON e.patient_key = o.patient_key WHERE o.patient_durable_key <> -1) "
        "WHERE visit_number = 1)"
    ),
)
"""The first encounter of each known patient in the release."""
