"""Departments: one row per facility and department that encounters name."""

from __future__ import annotations

from datetime import datetime

from pipeline import frames
from pipeline.contracts.model import load
from pipeline.contracts.spark import schema
from pipeline.glue_jobs.silver_to_gold import dim_department


def test_a_department_of_two_facilities_is_two_and_a_facility_alone_is_one(spark):
    seen = [("North", "ICU"), ("South", "ICU"), ("North", "ICU"), ("ICU", None), (None, "ICU"), (None, None)]
    rows = [
        {"encounter_id": str(n), "facility": facility, "department": department,
         "updated_at": datetime(2025, 1, 1)}
        for n, (facility, department) in enumerate(seen)
    ]  # fmt: skip
    encounters = frames.of(spark, rows, schema(load("silver", "encounters")))
    made = dim_department.select(dim_department.transform(encounters), "r").collect()
    assert {(row.facility, row.department) for row in made} == {*seen[:-1], (None, "Unknown department")}
    assert len({row.department_key for row in made}) == len(made) == 5
    assert [row.department for row in made if row.department_key == -1] == ["Unknown department"]


def test_an_encounter_gets_the_key_of_both_names_and_one_without_names_the_unknown_member(spark):
    departments = [(1, "North", "ICU"), (2, "South", "ICU"), (3, "North", None), (-1, None, "Unknown")]
    columns = ("department_key", "facility", "department")
    known = [dict(zip(columns, each, strict=True)) for each in departments]
    seen = [("South", "ICU"), ("North", None), (None, None), (None, "ICU"), ("North", "ICU")]
    named = [{"n": n, "facility": each[0], "department": each[1]} for n, each in enumerate(seen)]
    rows = dim_department.with_department_key(
        frames.of(spark, named, "n int, facility string, department string"),
        frames.of(spark, known, "department_key bigint, facility string, department string"),
    ).collect()
    assert {row.n: row.department_key for row in rows} == {0: 2, 1: 3, 2: -1, 3: -1, 4: 1}
