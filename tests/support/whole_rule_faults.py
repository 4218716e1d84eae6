"""Faults in sound tables, by the rule (table, id) that must find them."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import functions as F

from pipeline import frames
from pipeline.glue_jobs.quality import audit


def set_column(column, sql, condition="true"):
    """A change of a frame: another value in the rows with the condition."""
    return lambda frame: frame.withColumn(
        column, F.expr(f"if({condition}, {sql}, {column})").cast(frame.schema[column].dataType)
    )


def both(*changes):
    return lambda frame: reduce(lambda found, change: change(found), changes, frame)


def only(condition):
    return lambda frame: frame.where(condition)


def again(condition, times=1):
    """Rows that are there once more, or oftener."""
    return lambda frame: frames.union([frame, *[frame.where(condition)] * times])


def also(changes, *failing):
    """Changes that make other rules (table, id) fail too."""
    return changes, set(failing)


def _of_silver(table, prefix, column, moment):
    """The faults that every silver table may have."""
    now, before = (f"table_name = '{table}' and is_former = {former}" for former in ("false", "true"))
    cases = {
        "GLD-C01": [{"reconciliation": set_column("loaded", "loaded - 1", now)}],
        "GLD-P04": [
            {"reconciliation": both(set_column("quarantined", 60, now), set_column("loaded", 940, now))}
        ],
        "GLD-P04-growth": [{"reconciliation": set_column("quarantined", 15, before)}],
    }
    if column:
        cases[f"{prefix}-M06"] = [
            {f"arrived_{table}": set_column(column, "null", "pmod(hash(patient_id), 5) = 0")}
        ]
    if moment:
        cases["GLD-P05"] = [{f"arrived_{table}": only(f"{moment} < '2025-03-15'")}]
    return {(table, rule): changes for rule, changes in cases.items()}


def _of_dimension(table, key, identifying):
    """The faults of a dimension; where it has history, of that too."""
    cases = {"GLD-C03": [{table: again(f"{key} <> -1")}]}
    if identifying:
        leaks = [
            "'123-45-6789'",
            "'ADA@EXAMPLE.ORG'",
            "'call (617) 555-0100'",
            "'(617)555-0100'",
            "'6175550100'",
        ]
        cases["GLD-P03"] = [{table: set_column(identifying, leak)} for leak in leaks]
    if table in {"dim_patient", "dim_provider"}:
        ended = {table: set_column("valid_to", "timestamp '2025-01-01'", f"{key} <> -1")}
        linked = [fact for fact in audit._FACTS if fact.startswith("fact") or table == "dim_patient"]
        cases["GLD-C04"] = [also(ended, *((fact, "GLD-C13") for fact in linked))]
        cases["GLD-C10"] = [{table: set_column("is_current", "false", f"{key} <> -1")}]
    return {(table, rule): changes for rule, changes in cases.items()}


def _of_fact(table, one, moment, names):
    """The faults that both facts may have; `names` gives by dimension the columns that stand on it."""
    month = audit._FACTS[table][1]
    some = "pmod(patient_key, 10) = 0"
    columns = [column for found in names.values() for column in found]
    unknown = {d: both(*(set_column(column, -1, some) for column in found)) for d, found in names.items()}
    linked = {column: (table, "GLD-C12" if "date" in column else "GLD-C13") for column in columns}
    cases = {
        "GLD-C02": [also({table: set_column(column, 42, one)}, linked[column]) for column in columns],
        "GLD-C03": [{table: again(one)}],
        "GLD-C05": [also({table: only(f"not {one}")}, (table, "GLD-C11"))],
        "GLD-C12": [
            {table: set_column("local_hour", "local_hour + 1", one)},
            {table: set_column("local_hour", "null", one)},
            {table: set_column("local_date", f"date_add({moment}, 1)", one)},
            *({table: set_column(column, "20250110", one)} for column in columns if "date" in column),
        ],
        "GLD-C13": [{table: set_column(column, -1, one)} for column in columns if "date" not in column]
        + [{table: set_column("patient_key", "xxhash64('P5', timestamp '2025-02-28')", one)}],
        **{
            f"GLD-M01-{dimension}": [also({table: change}, linked[names[dimension][0]])]
            for dimension, change in unknown.items()
        },
        "GLD-P01": [
            {f"former_{table}": again(f"{month} = '2025-02'", times=2)},
            {f"former_{table}": only(f"{month} <> '2025-01' or {some}")},
        ],
        "GLD-P02": [
            {f"former_{table}": set_column(month, "'2024-12'", f"cast({moment} as date) = '2025-01-07'")}
        ],
    }
    return {(table, rule): changes for rule, changes in cases.items()}


def _of_bridge(table):
    """The faults that the bridge of diagnoses may have."""
    cases = _of_fact(table, CODE, "diagnosed_at", {"dim_patient": ["patient_key"]})
    cases[table, "GLD-C02"].append(also({table: set_column("diagnosis_key", 42, CODE)}, (table, "GLD-C13")))
    cases[table, "GLD-C12"] = [
        {table: set_column("local_date", "date_add(local_date, 1)", CODE)},
        {table: set_column("local_date", "null", CODE)},
    ]
    some = "cast(diagnosed_at as date) = '2025-01-07' and is_principal"
    cases[table, "GLD-P02"] = [{f"former_{table}": set_column("diagnosis_month", "'2024-12'", some)}]
    cases[table, "GLD-C13"] += [
        {table: set_column("encounter_key", -1, CODE)},
        {table: set_column("diagnosis_key", -1, CODE)},
    ]
    cases[table, "GLD-C11"] = [
        {table: set_column("is_principal", "false", CODE)},
        {table: set_column("weight", "1.0", CODE)},
        {table: set_column("diagnosed_at", "null", CODE)},
    ]
    cases[table, "GLD-P03"] = [{table: set_column("time_zone", "'123-45-6789'", CODE)}]
    return cases


CODE = "diagnosis_record_key = xxhash64('DE21')"

STAY, DOSE = "encounter_key = xxhash64('E2')", "administration_key = xxhash64('AE2')"


ORDER = "order_key = xxhash64('order', 'AE2')"

NEXT = "encounter_key = xxhash64('E4')"


LOST = ("fact_encounter", "GLD-C11")
"""The rule that compares each encounter's values with silver."""


SOME_DAYS = "day(admitted_at) between 5 and 8"


def more_on_some_days(frame):
    """Three times as many encounters on some days."""
    there = frame.where(SOME_DAYS)
    more = [there.withColumn("encounter_id", F.concat("encounter_id", F.lit(n))) for n in ("x", "y")]
    return frames.union([frame, *more])


KEYS = {"dim_patient": ["patient_key"], "dim_provider": ["provider_key"]}


FAULTS = {
    **_of_silver("patients", "PAT", "email", None),
    **_of_silver("encounters", "ENC", "department", "admitted_at"),
    **_of_silver("medications", "MED", "route", "administered_at"),
    **_of_silver("diagnoses", "DIA", None, None),
    ("patients", "PAT-P08-age"): [
        {"arrived_patients": set_column("birth_date", "add_months(birth_date, 240)")}
    ],
    ("patients", "PAT-P08-sex"): [{"arrived_patients": set_column("sex", "'F'")}],
    ("encounters", "ENC-P12"): [
        {"arrived_encounters": only(f"not ({SOME_DAYS}) or hour(admitted_at) > 13")},
        {"arrived_encounters": only(f"not ({SOME_DAYS})")},
        {"arrived_encounters": more_on_some_days},
    ],
    ("encounters", "ENC-P13"): [
        {"fact_encounter": set_column("is_readmitted_30d", share, "is_readmitted_30d is not null")}
        for share in ("false", "true")
    ],
    **_of_dimension("dim_patient", "patient_key", "payer"),
    **_of_dimension("dim_provider", "provider_key", "provider_specialty"),
    **_of_dimension("dim_diagnosis", "diagnosis_key", "diagnosis_description"),
    **_of_dimension("dim_department", "department_key", "department"),
    **_of_dimension("dim_medication", "medication_key", "medication_name"),
    **_of_dimension("dim_time", "date_key", None),
    ("dim_time", "GLD-C06"): [{"dim_time": only("date_key <> 20250329")}],
    **_of_fact(
        "fact_encounter",
        STAY,
        "admitted_at",
        {
            **KEYS,
            "dim_diagnosis": ["diagnosis_key"],
            "dim_time": ["admitted_date_key", "discharged_date_key"],
        },
    ),
    ("fact_encounter", "GLD-C05"): [
        also({"fact_encounter": only(f"not {STAY}")}, LOST),
        also({"fact_encounter": set_column("total_cost", "total_cost + 0.01", STAY)}, LOST),
        also(
            {"fact_encounter": set_column("admitted_month", "'2025-02'", STAY)}, ("fact_encounter", "GLD-C12")
        ),
        also(
            {"newest_encounters": only("encounter_id <> 'E3'")},
            LOST,
            *((fact, "GLD-C13") for fact in audit._FACTS if fact != "fact_encounter"),
            ("bridge_encounter_diagnosis", "GLD-C11"),
        ),
    ],
    ("fact_encounter", "GLD-C07"): [
        {"fact_encounter": set_column("length_of_stay_days", "length_of_stay_days + 1", STAY)},
        {"fact_encounter": set_column("length_of_stay_hours", "null", STAY)},
    ],
    ("fact_encounter", "GLD-C08"): [
        {"fact_encounter": set_column("age_at_admission", "age_at_admission + 1", STAY)},
        {"fact_encounter": set_column("age_at_admission", "null", STAY)},
        {"newest_patients": set_column("birth_date", "null", "patient_id = 'P2'")},
    ],
    ("fact_encounter", "GLD-C11"): [
        {"fact_encounter": set_column("encounter_class", "'AMB'", STAY)},
        {"fact_encounter": set_column("department", "null", STAY)},
        {"fact_encounter": set_column("discharge_disposition", "'expired'", STAY)},
        {"fact_encounter": set_column("discharged_at", "discharged_at + interval 1 second", STAY)},
        {
            "fact_encounter": both(
                set_column("total_cost", "total_cost + 1", STAY),
                set_column("total_cost", "total_cost - 1", NEXT),
            )
        },
    ],
    ("fact_encounter", "GLD-C09"): [
        {"fact_encounter": set_column("is_readmitted_30d", "true", STAY)},
        {"fact_encounter": set_column("is_readmitted_30d", "null", STAY)},
        {
            "fact_encounter": set_column(
                "readmission_status", "'window open'", "encounter_key = xxhash64('E3')"
            )
        },
        {"newest_patients": set_column("death_date", "date '2025-01-03'", "patient_id = 'P2'")},
    ],
    ("fact_encounter", "GLD-P03"): [
        also({"fact_encounter": set_column("department", "'call 617.555.0100'", STAY)}, LOST)
    ],
    **_of_fact(
        "fact_medication_admin",
        DOSE,
        "administered_at",
        {
            **KEYS,
            "dim_medication": ["medication_key"],
            "dim_time": ["ordered_date_key", "administered_date_key"],
        },
    ),
    ("fact_medication_admin", "GLD-C07"): [
        {"fact_medication_admin": set_column("minutes_from_order", "minutes_from_order * 60", DOSE)},
        {"fact_medication_admin": set_column("minutes_from_order", "null", DOSE)},
        {"fact_medication_admin": set_column("minutes_from_due", "minutes_from_due + 1", DOSE)},
    ],
    ("fact_medication_admin", "GLD-C11"): [
        {"fact_medication_admin": set_column("dose", "dose + 0.001", DOSE)},
        {"fact_medication_admin": set_column("dose_unit", "null", DOSE)},
        {"fact_medication_admin": set_column("status", "'stopped'", DOSE)},
        {"fact_medication_admin": set_column("ordered_at", "null", DOSE)},
        {"fact_medication_admin": set_column("due_at", "null", DOSE)},
        {"fact_medication_admin": set_column("barcode_scanned", "false", DOSE)},
        {"fact_medication_admin": set_column("reason_not_given", "'other'", DOSE)},
    ],
    **_of_fact(
        "fact_medication_order",
        ORDER,
        "ordered_at",
        {
            **KEYS,
            "dim_medication": ["medication_key"],
            "dim_time": ["ordered_date_key", "dispensed_date_key"],
        },
    ),
    ("fact_medication_order", "GLD-C11"): [
        {"fact_medication_order": set_column("event_kind", "'dispense'", ORDER)},
        {"fact_medication_order": set_column("dose", "null", ORDER)},
        {"fact_medication_order": set_column("status", "'stopped'", ORDER)},
        {"fact_medication_order": set_column("dispensed_at", "ordered_at", ORDER)},
    ],
    **_of_bridge("bridge_encounter_diagnosis"),
    ("fact_medication_order", "GLD-P03"): [
        also(
            {"fact_medication_order": set_column("route", "'123-45-6789'", ORDER)},
            ("fact_medication_order", "GLD-C11"),
        )
    ],
    ("fact_medication_admin", "GLD-P03"): [
        also(
            {"fact_medication_admin": set_column("route", "'123-45-6789'", DOSE)},
            ("fact_medication_admin", "GLD-C11"),
        )
    ],
}


FOLLOWS = {
    # a second row of a version is a version of no length, and current a second time
    ("dim_patient", "GLD-C03"): {("dim_patient", "GLD-C04"), ("dim_patient", "GLD-C10")},
    ("dim_provider", "GLD-C03"): {("dim_provider", "GLD-C04"), ("dim_provider", "GLD-C10")},
    ("fact_encounter", "GLD-C03"): {("fact_encounter", "GLD-C05")},
    ("fact_medication_admin", "GLD-C03"): {("fact_medication_admin", "GLD-C05")},
    ("fact_medication_order", "GLD-C03"): {("fact_medication_order", "GLD-C05")},
    ("bridge_encounter_diagnosis", "GLD-C03"): {("bridge_encounter_diagnosis", "GLD-C05")},
    # encounters of a department refer to one of another name
    ("dim_department", "GLD-P03"): {("fact_encounter", "GLD-C13")},
    # stays are discharged on the day that is gone
    ("dim_time", "GLD-C06"): {("fact_encounter", "GLD-C02")},
    # a rate that is far off is one that recomputing does not give
    ("encounters", "ENC-P13"): {("fact_encounter", "GLD-C09")},
}


FAULTS["fact_encounter", "GLD-C02"].append(
    also({"fact_encounter": set_column("department_key", 42, STAY)}, ("fact_encounter", "GLD-C13"))
)
FAULTS["fact_encounter", "GLD-C13"].append({"fact_encounter": set_column("department_key", -1, STAY)})


TOLERATED = {
    (t, "GLD-P04"): "pass_with_failures" for t in ("patients", "encounters", "medications", "diagnoses")
}
"""Some rows are refused of every extract."""
