"""Dataset and charts of encounters."""

from __future__ import annotations

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
from portal.dashboards.query_builder import NOT_RECORDED, Chart, Dataset, Dimension, Measure

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

_COUNT = {"encounters": Measure("count(*)", "Encounters")}
_READMITTED = {
    "stays": Measure("count(is_readmitted)", "Stays"),
    "readmitted": Measure("sum(CASE WHEN is_readmitted THEN 1 ELSE 0 END)", "Readmitted within 30 days"),
}
_DIED = {
    "died": Measure("sum(CASE WHEN has_died THEN 1 ELSE 0 END)", "In-hospital deaths"),
    "ended": Measure("count(has_died)", "Inpatient stays with a discharge disposition"),
}
_COST = {
    "cost": Measure("CAST(sum(cost) AS double)", "Cost (US $)", is_count=False),
    "encounters": Measure("count(*)", "Encounters"),
}

ENCOUNTER_CHARTS = (
    Chart(
        "encounters-by-month",
        "Encounters per month",
        "months",
        ENCOUNTERS,
        ("month", "class"),
        _COUNT,
        click=("month",),
        section="Activity",
    ),
    Chart(
        "encounters-by-department",
        "Encounters by department",
        "ranking",
        ENCOUNTERS,
        ("department",),
        _COUNT,
        click=("department",),
        section="Activity",
    ),
    Chart(
        "case-mix",
        "Case mix by diagnosis chapter",
        "ranking",
        ENCOUNTERS,
        ("chapter",),
        _COUNT,
        click=("chapter",),
        section="Activity",
    ),
    Chart(
        "length-of-stay",
        "Inpatient length of stay",
        "histogram",
        ENCOUNTERS,
        ("days", "class"),
        {"stays": Measure("count(*)", "Stays")},
        where="has_days",
        click=("days",),
        has_percentiles=True,
        note="Inpatient stays that have ended, in midnights of the hospital's clock.",
        section="Stays",
    ),
    Chart(
        "emergency-stay",
        "Emergency and observation stays",
        "histogram",
        ENCOUNTERS,
        ("stay", "class"),
        {"stays": Measure("count(*)", "Stays")},
        where="has_hours",
        click=("stay",),
        has_percentiles=True,
        note="Emergency and observation stays that have ended, in whole hours (0 = under one hour).",
        section="Stays",
    ),
    Chart(
        "arrivals",
        "Arrivals by weekday and hour",
        "week",
        ENCOUNTERS,
        ("weekday", "hour"),
        _COUNT,
        click=("weekday", "hour"),
        section="Activity",
    ),
    Chart(
        "readmissions",
        "30-day readmission by department",
        "rate",
        ENCOUNTERS,
        ("department",),
        _READMITTED,
        where="is_readmitted IS NOT NULL",
        click=("department",),
        note=(
            "Inpatient stays that ended at least 30 days before the newest admission. "
            "Error bars show the 95 % interval (Wilson)."
        ),
        section="Outcomes",
    ),
    Chart(
        "cost-by-class",
        "Cost by encounter class",
        "ranking",
        ENCOUNTERS,
        ("class",),
        _COST,
        click=("class",),
        section="Cost",
    ),
    Chart(
        "payers",
        "Encounters by payer",
        "ranking",
        ENCOUNTERS,
        ("payer",),
        _COUNT,
        click=("payer",),
        section="Cost",
    ),
    Chart(
        "mortality",
        "In-hospital mortality, per month",
        "line",
        ENCOUNTERS,
        ("month",),
        _DIED,
        where="has_died IS NOT NULL",
        click=("month",),
        part=("outcome", DIED),
        note=(
            "Of inpatient stays with a discharge disposition, by month of admission. "
            "Not adjusted for age or diagnosis."
        ),
        section="Outcomes",
    ),
)
