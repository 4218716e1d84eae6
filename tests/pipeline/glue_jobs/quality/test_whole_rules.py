"""Every rule on whole tables passes on sound tables, and fails, it alone, on tables with its fault."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from functools import reduce

import pytest
from pandas.tseries.holiday import USFederalHolidayCalendar
from pyspark.sql import functions as F

from pipeline import frames
from pipeline.contracts.model import all_contracts, load
from pipeline.contracts.spark import conform, schema
from pipeline.glue_jobs.quality import audit, recomputed

WHOLE = [(contract.table, rule) for contract in all_contracts() for rule in contract.rules if rule.is_whole]

PATIENTS = """
    select concat('P', id) as patient_id, concat('M', id) as mrn, 'Ada' as first_name, 'Lee' as last_name,
    make_date(1940 + id % 60, 3 + id % 9, 1 + id % 28) as birth_date, cast(null as date) as death_date,
    if(id % 2 = 0, 'F', 'M') as sex, 'White' as race, 'Non-Hispanic' as ethnicity, 'M' as marital_status,
    'en' as language, '1 Main St' as street, 'Boston' as city, 'MA' as state, '02115' as postal_code,
    '617-555-0100' as phone, 'ada@example.org' as email, 'Medicare' as payer,
    if(id < 500, timestamp '2025-02-28', timestamp '2025-03-28') as updated_at,
    'patients.csv' as source_file, id + 2 as source_line,
    if(id < 500, 'b0', 'b1') as batch_id from range(1000)"""
ENCOUNTERS = """
    select concat('E', id) as encounter_id, concat('P', if(id % 20 = 0, id % 200, id)) as patient_id,
    '1234567893' as provider_npi, 'Dr Who' as provider_name, 'Cardiology' as provider_specialty,
    'Cardiology' as department, if(id % 2 = 0, 'IMP', 'AMB') as encounter_class, admitted_at,
    if(id % 2 = 0, admitted_at + interval 2 days, admitted_at + interval 1 hour) as discharged_at,
    'J18.9' as diagnosis_code, 'ICD-10-CM' as diagnosis_code_system, 'Pneumonia' as diagnosis_description,
    'home' as discharge_disposition, 100.00 as total_cost, admitted_at as updated_at,
    'encounters.csv' as source_file, id + 2 as source_line, if(id < 590, 'b0', 'b1') as batch_id
    from (select id, timestamp '2025-01-01 08:00:00' + make_interval(0, 0, 0, cast(id div 10 as int),
    cast(id % 10 as int)) as admitted_at from range(870))"""
"""Ten a day: of January and February in b0, of March in b1. Every twentieth comes back after twenty days."""
MEDICATIONS = """
    select concat('A', encounter_id) as administration_id, encounter_id, patient_id, provider_npi,
    '29046' as medication_code, 'RxNorm' as medication_code_system,
    'Lisinopril 10 MG Oral Tablet' as medication_name,
    10.0 as dose, 'mg' as dose_unit, 'PO' as route, admitted_at as ordered_at,
    admitted_at + interval 1 hour as administered_at, 'completed' as status, updated_at,
    'medications.csv' as source_file, source_line, batch_id from stays"""


def _temporary(spark):
    return [row.tableName for row in spark.sql("show tables").collect() if row.isTemporary]


@pytest.fixture(scope="module")
def views(spark, frames_run):
    """The sound frames by the names that measures speak of."""
    for name in _temporary(spark):  # of tests before: their files are gone
        spark.catalog.dropTempView(name)
    stays = spark.sql(ENCOUNTERS)
    stays.createOrReplaceTempView("stays")
    found = {"patients": PATIENTS, "encounters": ENCOUNTERS, "medications": MEDICATIONS}
    silver = {table: conform(spark.sql(sql), load("silver", table)) for table, sql in found.items()}
    audit.create_views(*frames_run(silver, {"r1": _account(spark, 30), "r0": _account(spark, 50)}))
    # cut off from the jobs' plans: each query would be planned with all of them
    sound = {name: spark.table(name).persist() for name in _temporary(spark)}
    for name, frame in sound.items():
        frame.createOrReplaceTempView(name)
    return sound


def _account(spark, quarantined):
    rows = [
        {
            "table_name": table,
            "batch_id": "b1",
            "received": 1000,
            "loaded": 1000 - quarantined,
            "quarantined": quarantined,
            "duplicates": 5,
        }
        for table in ("patients", "encounters", "medications")
    ]
    return frames.of(spark, rows, schema(load("quality", "reconciliation"), partitions=False))


@pytest.fixture
def measured(spark, views):
    """Gives what the rules that look at the changed views say, all other views as they were."""
    changed = set()

    def restore():
        for name in changed:
            views[name].createOrReplaceTempView(name)
        changed.clear()

    def measure(changes):
        restore()
        for name, change in changes.items():
            change(views[name]).createOrReplaceTempView(name)
        named = {*changes, *_months(spark, changes)}
        changed.update(named := named | _recomputed(spark, named))
        looked = [
            replace(c, rules=tuple(r for r in c.rules if r.is_whole and named & _words(r)))
            for c in all_contracts()
        ]
        return audit.measure(spark, has_parent=True, has_new=True, contracts=looked)

    yield measure
    restore()


def _months(spark, changes):
    """Rebuild the views by month of the changed views."""
    names = []
    for table, (silver, month) in audit._FACTS.items():
        if {table, f"newest_{silver}", f"former_{table}"} & set(changes):
            names.append(f"months_{table}")
            spark.sql(audit._months(table, silver, month)).createOrReplaceTempView(names[-1])
    return names


def _recomputed(spark, changes):
    """Rebuild the recomputed views that read changed views."""
    names = set()
    for name, sql in recomputed.VIEWS.items():
        if {*changes, *names} & set(re.findall(r"\w+", sql)):
            spark.sql(sql).createOrReplaceTempView(name)
            names.add(name)
    return names


def _words(rule):
    return set(re.findall(r"\w+", f"{rule.measure} {rule.of}"))


def _set(column, sql, condition="true"):
    """A change of a frame: another value in the rows with the condition."""
    return lambda frame: frame.withColumn(
        column, F.expr(f"if({condition}, {sql}, {column})").cast(frame.schema[column].dataType)
    )


def _both(*changes):
    return lambda frame: reduce(lambda found, change: change(found), changes, frame)


def _only(condition):
    return lambda frame: frame.where(condition)


def _again(condition, times=1):
    """Rows that are there once more, or oftener."""
    return lambda frame: frames.union([frame, *[frame.where(condition)] * times])


def _also(changes, *failing):
    """Changes that make other rules (table, id) fail too."""
    return changes, set(failing)


def _of_silver(table, prefix, column, moment):
    """The faults that every silver table may have."""
    now, before = (f"table_name = '{table}' and is_former = {former}" for former in ("false", "true"))
    cases = {
        "GLD-C01": [{"reconciliation": _set("loaded", "loaded - 1", now)}],
        "GLD-P04": [{"reconciliation": _both(_set("quarantined", 60, now), _set("loaded", 940, now))}],
        "GLD-P04-growth": [{"reconciliation": _set("quarantined", 15, before)}],
        f"{prefix}-M06": [{f"arrived_{table}": _set(column, "null", "pmod(hash(patient_id), 5) = 0")}],
    }
    if moment:
        cases["GLD-P05"] = [{f"arrived_{table}": _only(f"{moment} < '2025-03-15'")}]
    return {(table, rule): changes for rule, changes in cases.items()}


def _of_dimension(table, key, identifying):
    """The faults of a dimension; where it has history, of that too."""
    cases = {"GLD-C03": [{table: _again(f"{key} <> -1")}]}
    if identifying:
        leaks = [
            "'123-45-6789'",
            "'ADA@EXAMPLE.ORG'",
            "'call (617) 555-0100'",
            "'(617)555-0100'",
            "'6175550100'",
        ]
        cases["GLD-P03"] = [{table: _set(identifying, leak)} for leak in leaks]
    if table in {"dim_patient", "dim_provider"}:
        ended = {table: _set("valid_to", "timestamp '2025-01-01'", f"{key} <> -1")}
        cases["GLD-C04"] = [_also(ended, *((fact, "GLD-C13") for fact in audit._FACTS))]
        cases["GLD-C10"] = [{table: _set("is_current", "false", f"{key} <> -1")}]
    return {(table, rule): changes for rule, changes in cases.items()}


def _of_fact(table, one, moment, names):
    """The faults that both facts may have; `names` gives by dimension the columns that stand on it."""
    month = audit._FACTS[table][1]
    some = "pmod(patient_key, 10) = 0"
    columns = [column for found in names.values() for column in found]
    unknown = {d: _both(*(_set(column, -1, some) for column in found)) for d, found in names.items()}
    linked = {column: (table, "GLD-C12" if "date" in column else "GLD-C13") for column in columns}
    cases = {
        "GLD-C02": [_also({table: _set(column, 42, one)}, linked[column]) for column in columns],
        "GLD-C03": [{table: _again(one)}],
        "GLD-C05": [_also({table: _only(f"not {one}")}, (table, "GLD-C11"))],
        "GLD-C12": [
            {table: _set("local_hour", "local_hour + 1", one)},
            {table: _set("local_hour", "null", one)},
            {table: _set("local_date", f"date_add({moment}, 1)", one)},
            *({table: _set(column, "20250110", one)} for column in columns if "date" in column),
        ],
        "GLD-C13": [{table: _set(column, -1, one)} for column in columns if "date" not in column]
        + [{table: _set("patient_key", "xxhash64('P5', timestamp '2025-02-28')", one)}],
        **{
            f"GLD-M01-{dimension}": [_also({table: change}, linked[names[dimension][0]])]
            for dimension, change in unknown.items()
        },
        "GLD-P01": [
            {f"former_{table}": _again(f"{month} = '2025-02'", times=2)},
            {f"former_{table}": _only(f"{month} <> '2025-01' or {some}")},
        ],
        "GLD-P02": [{f"former_{table}": _set(month, "'2024-12'", f"cast({moment} as date) = '2025-01-07'")}],
    }
    return {(table, rule): changes for rule, changes in cases.items()}


STAY, DOSE = "encounter_key = xxhash64('E2')", "administration_key = xxhash64('AE2')"
NEXT = "encounter_key = xxhash64('E4')"
LOST = ("fact_encounter", "GLD-C11")
"""The rule that compares each encounter's values with silver."""
SOME_DAYS = "day(admitted_at) between 5 and 8"


def _others(frame):
    """Three times as many encounters on some days."""
    there = frame.where(SOME_DAYS)
    more = [there.withColumn("encounter_id", F.concat("encounter_id", F.lit(n))) for n in ("x", "y")]
    return frames.union([frame, *more])


KEYS = {"dim_patient": ["patient_key"], "dim_provider": ["provider_key"]}

FAULTS = {
    **_of_silver("patients", "PAT", "email", None),
    **_of_silver("encounters", "ENC", "department", "admitted_at"),
    **_of_silver("medications", "MED", "route", "administered_at"),
    ("patients", "PAT-P08-age"): [{"arrived_patients": _set("birth_date", "add_months(birth_date, 240)")}],
    ("patients", "PAT-P08-sex"): [{"arrived_patients": _set("sex", "'F'")}],
    ("encounters", "ENC-P12"): [
        {"arrived_encounters": _only(f"not ({SOME_DAYS}) or hour(admitted_at) > 13")},
        {"arrived_encounters": _only(f"not ({SOME_DAYS})")},
        {"arrived_encounters": _others},
    ],
    ("encounters", "ENC-P13"): [
        {"fact_encounter": _set("is_readmitted_30d", share, "is_readmitted_30d is not null")}
        for share in ("false", "true")
    ],
    **_of_dimension("dim_patient", "patient_key", "payer"),
    **_of_dimension("dim_provider", "provider_key", "provider_specialty"),
    **_of_dimension("dim_diagnosis", "diagnosis_key", "diagnosis_description"),
    **_of_dimension("dim_medication", "medication_key", "medication_name"),
    **_of_dimension("dim_time", "date_key", None),
    ("dim_time", "GLD-C06"): [{"dim_time": _only("date_key <> 20250329")}],
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
        _also({"fact_encounter": _only(f"not {STAY}")}, LOST),
        _also({"fact_encounter": _set("total_cost", "total_cost + 0.01", STAY)}, LOST),
        _also({"fact_encounter": _set("admitted_month", "'2025-02'", STAY)}, ("fact_encounter", "GLD-C12")),
        _also(
            {"newest_encounters": _only("encounter_id <> 'E3'")}, LOST, ("fact_medication_admin", "GLD-C13")
        ),
    ],
    ("fact_encounter", "GLD-C07"): [
        {"fact_encounter": _set("length_of_stay_days", "length_of_stay_days + 1", STAY)},
        {"fact_encounter": _set("length_of_stay_hours", "null", STAY)},
    ],
    ("fact_encounter", "GLD-C08"): [
        {"fact_encounter": _set("age_at_admission", "age_at_admission + 1", STAY)},
        {"fact_encounter": _set("age_at_admission", "null", STAY)},
        {"newest_patients": _set("birth_date", "null", "patient_id = 'P2'")},
    ],
    ("fact_encounter", "GLD-C11"): [
        {"fact_encounter": _set("encounter_class", "'AMB'", STAY)},
        {"fact_encounter": _set("department", "null", STAY)},
        {"fact_encounter": _set("discharge_disposition", "'expired'", STAY)},
        {"fact_encounter": _set("discharged_at", "discharged_at + interval 1 second", STAY)},
        {
            "fact_encounter": _both(
                _set("total_cost", "total_cost + 1", STAY), _set("total_cost", "total_cost - 1", NEXT)
            )
        },
    ],
    ("fact_encounter", "GLD-C09"): [
        {"fact_encounter": _set("is_readmitted_30d", "true", STAY)},
        {"fact_encounter": _set("is_readmitted_30d", "null", STAY)},
        {"fact_encounter": _set("readmission_status", "'window open'", "encounter_key = xxhash64('E3')")},
        {"newest_patients": _set("death_date", "date '2025-01-03'", "patient_id = 'P2'")},
    ],
    ("fact_encounter", "GLD-P03"): [
        _also({"fact_encounter": _set("department", "'call 617.555.0100'", STAY)}, LOST)
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
        {"fact_medication_admin": _set("minutes_from_order", "minutes_from_order * 60", DOSE)},
        {"fact_medication_admin": _set("minutes_from_order", "null", DOSE)},
    ],
    ("fact_medication_admin", "GLD-C11"): [
        {"fact_medication_admin": _set("dose", "dose + 0.001", DOSE)},
        {"fact_medication_admin": _set("dose_unit", "null", DOSE)},
        {"fact_medication_admin": _set("status", "'stopped'", DOSE)},
        {"fact_medication_admin": _set("ordered_at", "null", DOSE)},
    ],
    ("fact_medication_admin", "GLD-P03"): [
        _also(
            {"fact_medication_admin": _set("route", "'123-45-6789'", DOSE)},
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
    # stays are discharged on the day that is gone
    ("dim_time", "GLD-C06"): {("fact_encounter", "GLD-C02")},
    # a rate that is far off is one that recomputing does not give
    ("encounters", "ENC-P13"): {("fact_encounter", "GLD-C09")},
}

TOLERATED = {(t, "GLD-P04"): "pass_with_failures" for t in ("patients", "encounters", "medications")}
"""Some rows are refused of every extract."""


def test_all_pass_on_sound_tables(spark, views):
    assert views
    results = audit.measure(spark, has_parent=True, has_new=True)
    assert len(results) == len(WHOLE)
    assert {(r.table, r.rule.id): r.status for r in results if r.status != "pass"} == TOLERATED
    assert [r.rule.id for r in results if not r.checked] == []


@pytest.mark.parametrize(("table", "rule"), WHOLE, ids=lambda v: v if isinstance(v, str) else v.id)
def test_each_fails_on_its_fault_alone(measured, table, rule):
    assert (table, rule.id) in FAULTS, "add a fault that this rule catches"
    for fault in FAULTS[table, rule.id]:
        changes, also = fault if isinstance(fault, tuple) else (fault, set())
        results = {(r.table, r.rule.id): r for r in measured(changes)}
        failing = {name for name, result in results.items() if result.status == "fail"}
        assert failing == {(table, rule.id)} | FOLLOWS.get((table, rule.id), set()) | also
        assert [name for name, result in results.items() if result.status == "error"] == []
        found = results[table, rule.id]
        assert found.value is not None or 0 < found.failed <= found.checked


def test_every_fault_is_of_a_rule():
    assert {*FAULTS, *FOLLOWS} <= {(table, rule.id) for table, rule in WHOLE}


def test_without_a_published_release_only_comparisons_do_not_apply(spark, views):
    assert views
    results = audit.measure(spark, has_parent=False, has_new=True)
    assert {r.status for r in results if r.rule.level == "run"} == {"not_applicable"}
    others = [r for r in results if r.rule.level != "run" and (r.table, r.rule.id) not in TOLERATED]
    assert {r.status for r in others} == {"pass"}


def test_without_a_new_batch_new_rows_are_not_compared(spark, views):
    assert views
    results = audit.measure(spark, has_parent=True, has_new=False)
    idle = {r.rule.id for r in results if r.status == "not_applicable"}
    assert idle == {"PAT-M06", "ENC-M06", "MED-M06", "PAT-P08-age", "PAT-P08-sex", "ENC-P12"}


@pytest.mark.parametrize(
    ("table", "rule_id", "broken"),
    [
        (
            "fact_encounter",
            "GLD-C07",
            {"aggregates": {"checked": "count(*)", "failed": "sum(no_such_column)"}},
        ),
        ("fact_encounter", "GLD-C08", {"of": None, "measure": "select 1 as checked, from"}),
        (
            "fact_encounter",
            "GLD-C08",
            {"of": None, "measure": "select raise_error('full') as checked, 0 as failed"},
        ),
    ],
)
def test_a_broken_rule_is_an_error_and_spoils_no_other(spark, views, table, rule_id, broken):
    assert views
    contract = load("gold", table)
    rules = [replace(r, **broken) if r.id == rule_id else r for r in contract.rules]
    results = audit.measure(spark, True, True, [replace(contract, rules=tuple(rules))])
    assert {r.rule.id: r.status for r in results if r.status != "pass"} == {rule_id: "error"}


def _with_old_ones(frame):
    old = frame.withColumns(
        {
            "encounter_id": F.concat("encounter_id", F.lit("x")),
            "admitted_at": F.expr("admitted_at - interval 40 days"),
            "admitted_at_local": F.expr("admitted_at_local - interval 40 days"),
        }
    )
    return frame.unionByName(old)


@pytest.mark.parametrize(
    "changes",
    [
        {"former_fact_encounter": _only("admitted_month <> '2025-02' or pmod(patient_key, 10) = 0")},
        {"arrived_encounters": _with_old_ones},
    ],
    ids=["the month that was going on has grown", "old encounters come late"],
)
def test_what_happens_every_week_is_no_finding(measured, changes):
    assert {(r.table, r.rule.id): r.status for r in measured(changes) if r.status in {"fail", "error"}} == {}


@pytest.mark.parametrize("hour", [10, 21])
@pytest.mark.parametrize(("missing", "failed"), [("2025-11-27", 0), ("2025-11-26", 1)])
def test_a_day_without_encounters_is_a_finding_unless_it_is_a_federal_holiday(
    measured, missing, failed, hour
):
    """By the hospital's clock: 21:00 in New York is the next day in UTC."""

    def moved(frame):
        local = f"cast(date_add(cast(admitted_at_local as date), 264) as timestamp) + interval {hour} hours"
        both = frame.withColumn("admitted_at_local", F.expr(local))
        return both.withColumn("admitted_at", F.to_utc_timestamp("admitted_at_local", "America/New_York"))

    arrived = lambda frame: moved(frame).where(f"cast(admitted_at_local as date) <> date '{missing}'")  # noqa: E731
    results = measured({"former_encounters": moved, "arrived_encounters": arrived})
    (found,) = [result for result in results if result.rule.id == "ENC-P12"]
    assert found.checked > 20
    assert found.failed == failed


def test_the_holidays_of_the_rule_are_those_of_pandas(spark):
    (rule,) = [rule for rule in load("silver", "encounters").rules if rule.id == "ENC-P12"]
    _, _, holiday = " ".join(str(rule.of).split()).partition("where w.usual >= 10 and not ")
    assert holiday
    days = "(select explode(sequence(date '2021-01-01', date '2035-12-31')) as day) d"
    found = {row.day for row in spark.sql(f"select day from {days} where {holiday}").collect()}
    expected = USFederalHolidayCalendar().holidays("2021-01-01", "2035-12-31")
    fixed = {
        date(year, *day)
        for year in range(2021, 2036)
        for day in ((1, 1), (6, 19), (7, 4), (11, 11), (12, 25))
    }
    assert found == {day.date() for day in expected} | fixed
