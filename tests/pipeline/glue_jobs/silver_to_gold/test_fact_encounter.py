"""Ages, lengths of stay and references of encounters, by hand."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import functions as F

from pipeline import frames
from pipeline.contracts.model import load, tables
from pipeline.contracts.spark import schema
from pipeline.glue_jobs.silver_to_gold.fact_encounter import age_on
from tests.support.frames_run import silver_of, star_of

NEW_YORK = "America/New_York"
CASES = Path("/work/shared/cases")

AGES = [
    # born, admitted, age by hand
    ("2024-03-01", "2024-03-01", 0),
    ("2023-03-02", "2024-03-01", 0),
    ("2023-03-01", "2024-03-01", 1),
    ("2000-02-29", "2001-02-28", 0),  # of other years the birthday is 1 March
    ("2000-02-29", "2001-03-01", 1),
    ("2000-02-29", "2004-02-28", 3),
    ("2000-02-29", "2004-02-29", 4),
    ("1934-03-02", "2024-03-01", 89),
    ("1934-03-01", "2024-03-01", 90),
    ("1920-01-01", "2024-03-01", 90),  # 90 stands for 90 and over
    ("2024-03-02", "2024-03-01", 0),
    (None, "2024-03-01", None),  # missing stays missing
    ("2024-03-01", None, None),
    (None, None, None),
]


def test_an_age_is_of_completed_calendar_years(spark):
    rows = [{"n": n, "born": born, "day": day} for n, (born, day, _) in enumerate(AGES)]
    found = frames.of(spark, rows, "n int, born date, day date").select(
        "n", age_on("day", "born").alias("age")
    )
    assert [row.age for row in found.orderBy("n").collect()] == [age for *_, age in AGES]


STAYS = [
    # class, admitted and discharged in UTC; by hand local day and hour, day of discharge, hours, nights,
    # month
    ("IMP", "2025-03-09T05:00:00Z", "2025-03-10T04:00:00Z", date(2025, 3, 9), 0, date(2025, 3, 10), 23.0, 1,
     "2025-03"),
    ("IMP", "2025-11-02T04:00:00Z", "2025-11-03T05:00:00Z", date(2025, 11, 2), 0, date(2025, 11, 3), 25.0, 1,
     "2025-11"),
    ("EMER", "2025-11-02T05:30:00Z", "2025-11-02T06:30:00Z", date(2025, 11, 2), 1, date(2025, 11, 2), 1.0, 0,
     "2025-11"),
    ("EMER", "2025-03-09T06:30:00Z", "2025-03-09T07:30:00Z", date(2025, 3, 9), 1, date(2025, 3, 9), 1.0, 0,
     "2025-03"),
    ("AMB", "2025-02-01T04:30:00Z", "2025-02-01T05:30:00Z", date(2025, 1, 31), 23, date(2025, 2, 1), 1.0, 1,
     "2025-01"),
    ("AMB", "2025-02-01T23:00:00Z", "2025-02-02T01:00:00Z", date(2025, 2, 1), 18, date(2025, 2, 1), 2.0, 0,
     "2025-02"),
    ("IMP", "2025-01-31", "2025-02-02", date(2025, 1, 31), 0, date(2025, 2, 2), 48.0, 2, "2025-01"),
    ("IMP", "2025-03-08", "2025-03-10", date(2025, 3, 8), 0, date(2025, 3, 10), 47.0, 2, "2025-03"),
    ("IMP", "2025-05-01T12:00:00Z", None, date(2025, 5, 1), 8, None, None, None, "2025-05"),
]  # fmt: skip

COLUMNS = ("local_date", "local_hour", "discharged_local_date", "length_of_stay_hours", "length_of_stay_days",
           "admitted_month")  # fmt: skip


@pytest.fixture(scope="module")
def run(frames_run):
    return frames_run({}, {})[0]


@pytest.fixture(scope="module")
def silver(run):
    """Loads received rows by table into silver: `silver({"patients": [...], …})`."""

    def load_(received):
        return {
            table: silver_of(run, table, received.get(table, []), "b", NEW_YORK).persist()
            for table in tables("silver")
        }

    return load_


def test_a_stay_is_measured_by_the_hospitals_clock(silver):
    stays = [
        {"encounter_id": str(n), "patient_id": f"P{n}", "encounter_class": kind, "admitted_at": start,
         "discharged_at": end, "updated_at": "2025-12-01T00:00:00Z"}
        for n, (kind, start, end, *_) in enumerate(STAYS)
    ]  # fmt: skip
    gold = star_of(silver({"encounters": stays}), NEW_YORK).gold["fact_encounter"]
    ids = frames.of(gold.sparkSession, [{"n": str(n)} for n in range(len(STAYS))], "n string")
    rows = gold.join(ids, F.col("encounter_key") == F.xxhash64("n")).collect()
    found = {int(row.n): tuple(row[name] for name in COLUMNS) for row in rows}
    assert found == {n: case[3:] for n, case in enumerate(STAYS)}
    assert {row.time_zone for row in rows} == {NEW_YORK}
    assert {row.admitted_date_key for row in rows} == {int(f"{case[3]:%Y%m%d}") for case in STAYS}


def _read(folder):
    found = {}
    for table in tables("silver"):
        path = CASES / folder / f"{table}.csv"
        if path.is_file():
            with path.open(newline="") as file:
                found[table] = [{k: v or None for k, v in row.items()} for row in csv.DictReader(file)]
    if not found:
        pytest.skip(f"the case is not at {CASES / folder}")
    return found


def _facts(star, ids):
    """By encounter whether its patient is known, and the age."""
    fact = star.gold["fact_encounter"]
    named = frames.of(fact.sparkSession, [{"id": each} for each in ids], "id string")
    rows = fact.join(named, F.col("encounter_key") == F.xxhash64("id")).collect()
    return {row.id: (row.patient_key != -1, row.age_at_admission) for row in rows}


def test_an_encounter_of_a_refused_patient_has_no_age(silver):
    given = _read("02_age_90_for_refused_patient")
    for row in given["patients"]:
        row["mrn"] = None if row["mrn"] == "NULL" else row["mrn"]  # a null marker is empty
    expected = {"z1e1": (False, None), "z1e2": (True, 53), "z1e3": (True, 53), "z1e4": (True, 28)}
    assert _facts(star_of(silver(given), NEW_YORK), expected) == expected


T1, T2 = (f"06_late_patient_not_relinked/{name}" for name in ("T1", "T2"))
BEFORE = {"t1e1": (False, None), "t1e2": (True, 53), "t1e4": (True, 53)}
AFTER = {"t1e1": (True, 53), "t1e2": (True, 53), "t1e4": (True, 53), "t2e4": (True, 53), "t2e9": (True, 54)}


@pytest.fixture(scope="module")
def extracts(silver):
    return [silver(_read(T1)), silver(_read(T2))]


def test_a_fact_stands_on_the_unknown_patient_until_the_patient_arrives(extracts):
    first = star_of(extracts[0], NEW_YORK)
    assert _facts(first, AFTER) == BEFORE
    doses = first.gold["fact_medication_admin"].select("patient_key", "encounter_key").collect()
    assert sorted((row.patient_key != -1, row.encounter_key != -1) for row in doses) == [
        (False, True), (True, True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "batch_ids", [("b0", "b1"), ("b1", "b0"), ("b0", "b0")], ids=["T1 then T2", "T2 then T1", "both in one"]
)
def test_a_late_patient_is_linked_once_for_every_order_and_split(extracts, batch_ids):
    both = {
        table: frames.union(
            [
                extract[table].withColumns({"batch_id": F.lit(batch), "source_file": F.lit(f"T{n}.csv")})
                for n, (extract, batch) in enumerate(zip(extracts, batch_ids, strict=True), 1)
            ]
        )
        for table in tables("silver")
    }
    made = star_of(both, NEW_YORK)
    assert _facts(made, AFTER) == AFTER
    assert made.gold["fact_encounter"].count() == len(AFTER)
    doses = made.gold["fact_medication_admin"].collect()
    assert len(doses) == 2
    assert all(row.patient_key != -1 and row.encounter_key != -1 for row in doses)
    assert made.refused("encounters").count() == made.refused("medications").count() == 0
    newest = made.gold["fact_encounter"].where(F.col("encounter_key") == F.xxhash64(F.lit("t1e2"))).first()
    assert str(newest.total_cost) == "999.00", "the newest version counts, whichever batch brought it"


def test_the_schema_is_the_contracts(silver):
    gold = star_of(silver({}), NEW_YORK).gold["fact_encounter"]
    assert gold.count() == 0
    assert gold.dtypes == frames.of(gold.sparkSession, [], schema(load("gold", "fact_encounter"))).dtypes
