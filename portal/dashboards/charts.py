"""The catalogue of what the dashboards ask: encounters, medication administrations, patients."""

from __future__ import annotations

from dataclasses import replace

from portal.dashboards.query_builder import LOCAL_TIME, NOT_RECORDED, Dimension, Question, Subject, Value

WEEKDAYS = dict(zip("1234567", ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), strict=True))
CLASSES = {
    "AMB": "Ambulatory (AMB)",
    "EMER": "Emergency (EMER)",
    "IMP": "Inpatient (IMP)",
    "ACUTE": "Inpatient acute (ACUTE)",
    "OBSENC": "Observation (OBSENC)",
    "VR": "Virtual (VR)",
    "HH": "Home health (HH)",
}


def _or_not(column: str) -> str:
    return f"coalesce({column}, '{NOT_RECORDED}')"


def _capped(number: str, most: int) -> str:
    """A number, at most so large; none stays none, where `least` would be the cap in some engines."""
    return f"CASE WHEN {number} > {most} THEN {most} ELSE {number} END"


_PATIENT = "LEFT JOIN {dim_patient} p ON f.patient_key = p.patient_key"
_PERSON = "nullif(p.patient_durable_key, -1)"
"""Who it is, whatever has changed about them: `patient_key` is of one of a patient's versions."""
_PROVIDER = "LEFT JOIN {dim_provider} w ON f.provider_key = w.provider_key"

ENCOUNTERS = Subject(
    name="encounters",
    noun="encounters",
    source="{fact_encounter}",
    day="f.local_date",
    joins={
        "d": "LEFT JOIN {dim_diagnosis} d ON f.diagnosis_key = d.diagnosis_key",
        "p": _PATIENT,
        "w": _PROVIDER,
    },
    dimensions=(
        Dimension("class", "Class", _or_not("f.encounter_class"), filter="listed", words=CLASSES),
        Dimension("department", "Department", _or_not("f.department"), filter="listed"),
        Dimension("payer", "Payer", _or_not("p.payer"), filter="listed"),
        Dimension("chapter", "Diagnosis chapter", f"coalesce(d.icd10_chapter_title, d.diagnosis_description, '{NOT_RECORDED}')", filter="clicked"),
        Dimension("specialty", "Clinician's specialty", _or_not("w.provider_specialty"), filter="clicked"),
        Dimension("diagnosis", "Diagnosis", _or_not("d.diagnosis_description")),
        Dimension("month", "Month of admission", "f.admitted_month", filter="period"),
        Dimension("weekday", "Weekday", "day_of_week(f.local_date)", filter="clicked", words=WEEKDAYS, is_number=True),
        Dimension("hour", f"Hour ({LOCAL_TIME})", "f.local_hour", filter="clicked", is_number=True),
        Dimension("days", "Days (30 = 30+)", _capped("f.length_of_stay_days", 30), filter="clicked", is_number=True),
    ),
    measures={
        "person": _PERSON,
        "cost": "f.total_cost",
        "stay_hours": "f.length_of_stay_hours",
        "is_inpatient": "f.encounter_class IN ('IMP', 'ACUTE')",
        "is_bedded": "f.encounter_class IN ('IMP', 'ACUTE', 'OBSENC', 'EMER') AND f.length_of_stay_days IS NOT NULL",
        "is_readmitted": "f.is_readmitted_30d",
        "admitted_at": "f.admitted_at",
        "discharged_at": "f.discharged_at",
        "age": "f.age_at_admission",
        "disposition": "f.discharge_disposition",
    },
    rows=("admitted_at", "discharged_at", "class", "department", "diagnosis", "stay_hours", "cost", "age", "disposition", "payer"),
)  # fmt: skip

_COUNT = {"encounters": Value("count(*)", "Encounters")}
_READMITTED = {
    "stays": Value("count(is_readmitted)", "Stays"),
    "readmitted": Value("sum(CASE WHEN is_readmitted THEN 1 ELSE 0 END)", "Readmitted within 30 days"),
}
_COST = {
    "cost": Value("CAST(sum(cost) AS double)", "Cost (US $)", is_count=False),
    "encounters": Value("count(*)", "Encounters"),
}

ENCOUNTER_QUESTIONS = (
    Question("encounters-by-month", "Encounters per month", "months", ENCOUNTERS, ("month", "class"), _COUNT, click=("month",)),
    Question("encounters-by-department", "By department", "ranking", ENCOUNTERS, ("department",), _COUNT, click=("department",)),
    Question("case-mix", "Case mix by diagnosis chapter", "ranking", ENCOUNTERS, ("chapter",), _COUNT, click=("chapter",)),
    Question("length-of-stay", "Length of stay", "histogram", ENCOUNTERS, ("days", "class"), _COUNT, where="is_bedded", click=("days",)),
    Question("arrivals", "Arrivals by weekday and hour", "week", ENCOUNTERS, ("weekday", "hour"), _COUNT, click=("weekday", "hour")),
    Question(
        "readmissions", "Readmission within 30 days by department", "rate", ENCOUNTERS, ("department",), _READMITTED,
        where="is_readmitted IS NOT NULL", click=("department",),
        note="Of inpatient stays that had ended 30 days before the newest admission; the bars' ends show the 95 % interval (Wilson).",
    ),
    Question("cost-by-class", "Cost by encounter class", "ranking", ENCOUNTERS, ("class",), _COST, click=("class",)),
    Question("payers", "By payer", "ranking", ENCOUNTERS, ("payer",), _COUNT, click=("payer",)),
)  # fmt: skip

# medication administrations

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
LATE_MINUTES = 60
"""A first dose later than an hour after its order counts as late: a working limit, since orders carry no due time."""

MOST_WAIT = 120
_WAIT = f"CAST({_capped('floor(f.minutes_from_order / 10) * 10', MOST_WAIT)} AS integer)"
_PROVIDER_NAME = (
    f"coalesce(w.provider_name || ' (' || w.provider_npi || ')', w.provider_npi, '{NOT_RECORDED}')"
)
"""Names are not unique. A clinician's are no PHI (the contract says so), so every role may see them."""

_ORDERED_DAY = "CAST(date_parse(CAST(nullif(f.ordered_date_key, -1) AS varchar), '%Y%m%d') AS date)"

ADMINISTRATIONS = Subject(
    name="medications",
    noun="administrations",
    source="{fact_medication_admin}",
    day=f"coalesce(f.local_date, {_ORDERED_DAY})",
    joins={
        "d": "LEFT JOIN {dim_medication} d ON f.medication_key = d.medication_key",
        "p": _PATIENT,
        "w": _PROVIDER,
    },
    dimensions=(
        Dimension("route", "Route", _or_not("f.route"), filter="listed", words=ROUTES),
        Dimension("therapeutic", "Therapeutic class", "coalesce(d.therapeutic_class, 'Not classified')", filter="listed"),
        Dimension("status", "Status", _or_not("f.status"), filter="listed", words=STATUSES),
        Dimension("medication", "Medication", _or_not("d.medication_name"), filter="clicked"),
        Dimension("specialty", "Clinician's specialty", _or_not("w.provider_specialty"), filter="clicked"),
        Dimension("provider", "Clinician", _PROVIDER_NAME, filter="clicked"),
        Dimension("month", "Month", "f.administered_month", filter="period"),
        Dimension("weekday", "Weekday", "day_of_week(f.local_date)", filter="clicked", words=WEEKDAYS, is_number=True),
        Dimension("hour", f"Hour ({LOCAL_TIME})", "f.local_hour", filter="clicked", is_number=True),
        Dimension("wait", f"Minutes from order to first dose ({MOST_WAIT} = {MOST_WAIT}+)", _WAIT, filter="clicked", is_number=True),
        Dimension("dose", "Dose", "f.dose"),
        Dimension("unit", "Unit", _or_not("f.dose_unit")),
    ),
    measures={
        "person": _PERSON,
        "medication_key": "f.medication_key",
        "given": "f.administered_at",
        "state": "f.status",
        "minutes": "f.minutes_from_order",
        "amount": "f.dose",
        "is_judged": "f.dose IS NOT NULL AND d.usual_dose_low IS NOT NULL AND f.dose_unit = d.usual_dose_unit",
        "low": "d.usual_dose_low",
        "high": "d.usual_dose_high",
        "administered_at": "f.administered_at",
        "ordered_at": "f.ordered_at",
        "minutes_from_order": "f.minutes_from_order",
    },
    rows=("administered_at", "ordered_at", "medication", "amount", "unit", "route", "status", "minutes_from_order", "specialty"),
)  # fmt: skip

FIRST_DOSES = replace(
    ADMINISTRATIONS,
    noun="first doses",
    source=(
        "(SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY encounter_key, medication_key, ordered_at "
        "ORDER BY administered_at, administration_key) AS dose_number FROM {fact_medication_admin} WHERE administered_at IS NOT NULL) "
        "WHERE dose_number = 1)"
    ),
)
"""Of every order the dose that was given first: what the time from order to administration is measured by."""

_DOSES = {"administrations": Value("count(*)", "Administrations")}

MEDICATION_QUESTIONS = (
    Question("administrations-by-month", "Administrations per month, by route", "months", ADMINISTRATIONS, ("month", "route"), _DOSES, click=("month",)),
    Question("by-class", "By therapeutic class", "ranking", ADMINISTRATIONS, ("therapeutic",), _DOSES, click=("therapeutic",)),
    Question("by-medication", "By medication", "ranking", ADMINISTRATIONS, ("medication",), _DOSES, click=("medication",)),
    Question(
        "dose-range", "Doses against the usual range", "parts", ADMINISTRATIONS, ("medication",),
        {
            "below": Value("sum(CASE WHEN amount < low THEN 1 ELSE 0 END)", "Below"),
            "usual": Value("sum(CASE WHEN amount BETWEEN low AND high THEN 1 ELSE 0 END)", "Usual"),
            "above": Value("sum(CASE WHEN amount > high THEN 1 ELSE 0 END)", "Above"),
        },
        where="is_judged", click=("medication",),
        note="Of doses in the formulary's unit; the usual range is that of a single adult dose.",
    ),
    Question(
        "dose-distribution", "Distribution of doses", "dose", ADMINISTRATIONS, ("dose", "unit", "medication"),
        {
            "administrations": Value("count(*)", "Administrations"),
            "low_end": Value("min(low)", "Usual from", is_count=False),
            "high_end": Value("max(high)", "Usual to", is_count=False),
        },
        where="dose IS NOT NULL",
        note="Of the medication given most often among those chosen; click one in another chart to see it here.",
    ),
    Question("by-status", "By status", "ranking", ADMINISTRATIONS, ("status",), _DOSES, click=("status",)),
    Question(
        "not-given", "Doses not given, per month", "line", ADMINISTRATIONS, ("month",),
        {
            "not_given": Value("sum(CASE WHEN state = 'not-done' THEN 1 ELSE 0 END)", "Doses not given"),
            "administrations": Value("count(*)", "Administrations"),
        },
        click=("month",),
        part=("status", "not-done"),
        note=(
            "Status not-done. Includes missed and refused; the source does not record why. "
            "Stopped, on-hold and entered-in-error doses are counted by status."
        ),
    ),
    Question(
        "order-to-dose-minutes", "From order to first dose", "histogram", FIRST_DOSES, ("wait", "route"), {"doses": Value("count(*)", "First doses")},
        where="minutes IS NOT NULL", click=("wait",),
        note="Minutes in tens: 0 stands for 0 to under 10. Of every order the dose that was given first.",
    ),
    Question(
        "order-to-dose", "Late first doses by therapeutic class", "rate", FIRST_DOSES, ("therapeutic",),
        {
            "doses": Value("count(minutes)", "First doses"),
            "late": Value(f"sum(CASE WHEN minutes > {LATE_MINUTES} THEN 1 ELSE 0 END)", f"More than {LATE_MINUTES} minutes after the order"),
        },
        where="minutes IS NOT NULL", click=("therapeutic",),
        note=f"Late: the order's first dose came more than {LATE_MINUTES} minutes after it.",
    ),
    Question("administrations-by-hour", "By weekday and hour", "week", ADMINISTRATIONS, ("weekday", "hour"), _DOSES, where="given IS NOT NULL", click=("weekday", "hour")),
    Question("by-specialty", "By the clinician's specialty", "ranking", ADMINISTRATIONS, ("specialty",), _DOSES, click=("specialty",)),
    Question("by-provider", "By clinician", "ranking", ADMINISTRATIONS, ("provider",), _DOSES, click=("provider",)),
)  # fmt: skip

# patients

SEXES = {"F": "Female", "M": "Male", "X": "Non-binary", "U": "Unknown"}

PATIENTS = Subject(
    name="patients",
    noun="patients",
    source="(SELECT * FROM {dim_patient} WHERE is_current AND patient_key <> -1)",
    dimensions=(
        Dimension("sex", "Sex", _or_not("f.sex"), filter="listed", words=SEXES),
        Dimension("state", "State", _or_not("f.state"), filter="listed"),
        Dimension("payer", "Payer", _or_not("f.payer"), filter="listed"),
        Dimension("age_band", "Age", _or_not("f.age_band"), filter="clicked"),
        Dimension("zip3", "ZIP code, first three digits", _or_not("f.zip3"), filter="clicked"),
        Dimension("race", "Race", _or_not("f.race"), filter="clicked"),
        Dimension("language", "Language", _or_not("f.language"), filter="clicked"),
    ),
    measures={
        "is_deceased": "f.is_deceased",
        "version": "f.version",
    },
    rows=("age_band", "sex", "race", "language", "state", "zip3", "payer", "is_deceased"),
)

_PEOPLE = {"patients": Value("count(*)", "Patients")}

PATIENT_QUESTIONS = (
    Question("cohort", "Patients by age and sex", "pyramid", PATIENTS, ("age_band", "sex"), _PEOPLE, click=("age_band",)),
    Question("patients-by-payer", "Payer mix", "ranking", PATIENTS, ("payer",), _PEOPLE, click=("payer",)),
    Question("patients-by-state", "By state", "ranking", PATIENTS, ("state",), _PEOPLE, click=("state",)),
    Question(
        "patients-by-zip3", "3-digit ZIP", "ranking", PATIENTS, ("zip3",), _PEOPLE, click=("zip3",),
        note="000 stands for the areas of 20,000 people or fewer (Safe Harbor).",
    ),
    Question("patients-by-race", "Race (as recorded)", "ranking", PATIENTS, ("race",), _PEOPLE, click=("race",)),
    Question("patients-by-language", "By preferred language", "ranking", PATIENTS, ("language",), _PEOPLE, click=("language",)),
)  # fmt: skip
