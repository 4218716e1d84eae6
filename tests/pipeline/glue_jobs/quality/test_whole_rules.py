"""Every rule on whole tables passes on sound tables, and fails, it alone, on tables with its fault."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest
from pandas.tseries.holiday import USFederalHolidayCalendar
from pyspark.sql import functions as F

from pipeline import frames
from pipeline.contracts.model import all_contracts, load
from pipeline.contracts.spark import conform, schema
from pipeline.glue_jobs.quality import audit, recomputed
from tests.support.whole_rule_faults import FAULTS, FOLLOWS, TOLERATED, only

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
    'Cardiology' as department, 'General' as facility,
    if(id % 2 = 0, 'IMP', 'AMB') as encounter_class, admitted_at,
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
    if(kind = 'administration', admitted_at + interval 1 hour, null) as administered_at,
    'completed' as status, updated_at, kind as event_kind,
    if(kind = 'administration', admitted_at + interval 30 minutes, null) as due_at,
    cast(null as string) as reason_not_given, if(kind = 'administration', true, null) as barcode_scanned,
    concat(kind, '.csv') as source_file, source_line, batch_id
    from stays cross join (select explode(array('administration', 'order')) as kind)"""
"""Each stay has an order and its administration, with one identifier."""

DIAGNOSES = """
    select concat('D', encounter_id, rank) as diagnosis_id, encounter_id, patient_id,
    if(rank = 1, 'J18.9', 'I10') as diagnosis_code, 'ICD-10-CM' as diagnosis_code_system,
    'As coded' as diagnosis_description, rank = 1 as is_principal, admitted_at as diagnosed_at, updated_at,
    'diagnoses.csv' as source_file, source_line * 2 + rank as source_line, batch_id
    from stays cross join (select explode(array(1, 2)) as rank)"""
"""Each stay has a principal and another diagnosis."""


def _temporary(spark):
    return [row.tableName for row in spark.sql("show tables").collect() if row.isTemporary]


@pytest.fixture(scope="module")
def views(spark, frames_run):
    """The sound frames by the names that measures speak of."""
    for name in _temporary(spark):  # of tests before: their files are gone
        spark.catalog.dropTempView(name)
    stays = spark.sql(ENCOUNTERS)
    stays.createOrReplaceTempView("stays")
    found = {
        "patients": PATIENTS,
        "encounters": ENCOUNTERS,
        "medications": MEDICATIONS,
        "diagnoses": DIAGNOSES,
    }
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
        for table in ("patients", "encounters", "medications", "diagnoses")
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
        {"former_fact_encounter": only("admitted_month <> '2025-02' or pmod(patient_key, 10) = 0")},
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
