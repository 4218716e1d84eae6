"""The bridge has one row per diagnosis record, with keys, weight and month worked out by hand."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from pipeline import frames
from pipeline.contracts.model import load
from pipeline.contracts.spark import schema
from pipeline.glue_jobs.runtime import SNAPSHOTS
from pipeline.glue_jobs.silver_to_gold import bridge_encounter_diagnosis as bridge
from pipeline.glue_jobs.silver_to_gold import dim_diagnosis, dim_patient

NOON = datetime(2025, 1, 31, 12)
NIGHT = datetime(2025, 2, 1, 3)  # 31 January, 22:00 in New York
SEEN = {"diagnosis_code_system": "ICD-10-CM", "batch_id": "b1", "source_file": "f", "updated_at": NOON}
ROWS = [
    {"diagnosis_id": "d1", "encounter_id": "e1", "patient_id": "p1", "diagnosis_code": "J18.9",
     "is_principal": True, "diagnosed_at": NIGHT},
    {"diagnosis_id": "d2", "encounter_id": "e1", "patient_id": "p1", "diagnosis_code": "I10",
     "is_principal": False, "diagnosis_description": "Hypertension"},
    {"diagnosis_id": "d3", "encounter_id": "lost", "patient_id": "nobody", "diagnosis_code": "I10"},
    {"diagnosis_id": "d4", "patient_id": "p1", "diagnosis_code": "E11.9", "diagnosed_at": NOON},
]  # fmt: skip


@pytest.fixture(scope="module")
def made(spark):
    """The rows of the bridge by diagnosis record, with the names of their patient and code."""
    shape = schema(load("silver", "diagnoses"))
    silver = frames.of(spark, [{**SEEN, "source_line": n, **row} for n, row in enumerate(ROWS)], shape)
    known = [{"patient_id": "p1", "birth_date": date(1980, 1, 1), "updated_at": NOON}]
    people = frames.of(spark, known, schema(load("silver", "patients")))
    stays = [{"encounter_id": "e1", "patient_id": "p1", "admitted_at": datetime(2024, 12, 31, 12)}]
    snapshots = (frames.of(spark, stays, SNAPSHOTS["encounters"]), people.selectExpr(*_names("patients")))
    encounters = frames.of(spark, [], schema(load("silver", "encounters")))
    comorbidity = frames.of(spark, [], "patient_id string, charlson_index int")
    patients = dim_patient.select(dim_patient.transform(people, "2025-02-01", comorbidity), "r")
    codes = dim_diagnosis.select(dim_diagnosis.transform(encounters, silver), "r")
    rows = bridge.transform(bridge.refer(silver, *snapshots), patients, "America/New_York")
    named = (
        bridge.select(rows, "r")
        .join(codes.select("diagnosis_key", "diagnosis_code", "diagnosis_description"), "diagnosis_key")
        .join(silver.selectExpr("diagnosis_id", "xxhash64(diagnosis_id) as diagnosis_record_key"),
              "diagnosis_record_key")
    )  # fmt: skip
    return {row.diagnosis_id: row.asDict() for row in named.collect()}


def _names(table):
    return [each.split()[0] for each in SNAPSHOTS[table].split(", ")]


def test_every_record_has_its_code_and_the_code_its_newest_description(made):
    found = {key: (row["diagnosis_code"], row["diagnosis_description"]) for key, row in made.items()}
    assert found == {
        "d1": ("J18.9", None),
        "d2": ("I10", "Hypertension"),
        "d3": ("I10", "Hypertension"),
        "d4": ("E11.9", None),
    }


def test_weights_of_an_encounter_add_up_to_one_and_there_is_none_without_an_encounter(made):
    assert {key: row["weight"] for key, row in made.items()} == {"d1": 0.5, "d2": 0.5, "d3": None, "d4": None}
    assert {key for key, row in made.items() if row["encounter_key"] == -1} == {"d3", "d4"}


def test_only_a_marked_diagnosis_is_principal(made):
    assert {key for key, row in made.items() if row["is_principal"]} == {"d1"}


def test_the_month_is_that_of_the_diagnosis_else_of_the_admission_else_of_the_change(made):
    assert {key: (row["local_date"], row["diagnosis_month"]) for key, row in made.items()} == {
        "d1": (date(2025, 1, 31), "2025-01"),
        "d2": (None, "2024-12"),
        "d3": (None, "2025-01"),
        "d4": (date(2025, 1, 31), "2025-01"),
    }


def test_only_a_patient_of_the_release_is_linked(made):
    assert {key for key, row in made.items() if row["patient_key"] == -1} == {"d3"}
