"""Charlson indexes of patients, worked out by hand from table 1 of Quan 2005 and the weights of 1987."""

from __future__ import annotations

import pytest

from pipeline import frames
from pipeline.contracts.model import load
from pipeline.contracts.spark import schema
from pipeline.glue_jobs.silver_to_gold import charlson
from pipeline.reference import charlson as conditions

PATIENTS = {
    "hypertension alone": (["I10"], 0),
    "old infarction, and again": (["I25.2", "I21.4", "I22.0"], 1),
    "heart failure by its fourth character": (["I11.0"], 1),
    "hypertensive heart disease without failure": (["I11.9"], 0),
    "cardiomyopathy, obstructive": (["I42.1"], 0),
    "cardiomyopathy, alcoholic": (["I42.6"], 1),
    "diabetes without complications": (["E11.9"], 1),
    "diabetes with and without complications": (["E11.9", "E11.22"], 2),
    "hepatitis": (["B18.2"], 1),
    "hepatitis and hepatorenal syndrome": (["B18.2", "K76.7"], 3),
    "skin cancer that does not count": (["C44.91"], 0),
    "breast cancer": (["C50.911"], 2),
    "breast cancer with metastases": (["C50.911", "C78.7"], 6),
    "AIDS": (["B20"], 6),
    "kidney disease and dialysis are one": (["N18.6", "Z99.2"], 2),
    "stroke with hemiplegia and dementia": (["I63.9", "G81.94", "F01.50"], 1 + 2 + 1),
    "lungs, ulcer, arteries, joints": (["J44.9", "K26.4", "I70.209", "M06.9"], 4),
    "codes without a point": (["E1122", "I509"], 3),
}


@pytest.fixture(scope="module")
def found(spark):
    codes = [
        {"patient_id": name, "diagnosis_code": code, "diagnosis_code_system": "ICD-10-CM"}
        for name, (listed, _) in PATIENTS.items()
        for code in listed
    ]
    others = [
        {"patient_id": "coded in SNOMED", "diagnosis_code": "22298006", "diagnosis_code_system": "SNOMED-CT"},
        {"patient_id": "not coded"},
        {"diagnosis_code": "I50.9", "diagnosis_code_system": "ICD-10-CM"},
    ]
    stay = {"encounter_id": "of another", "patient_id": "not coded"}
    first = frames.of(spark, [*codes[::2], *others, stay], schema(load("silver", "encounters")))
    wrong = {**codes[0], "encounter_id": "of another", "diagnosis_code": "B20"}
    more = frames.of(spark, [*codes[1::2], codes[0], wrong], schema(load("silver", "diagnoses")))
    rows = charlson.index(first, more).collect()
    assert len({row.patient_id for row in rows}) == len(rows)
    return {row.patient_id: row.charlson_index for row in rows}


@pytest.mark.parametrize("name", PATIENTS)
def test_the_index_is_that_worked_out_by_hand(found, name):
    assert found[name] == PATIENTS[name][1]


def test_a_patient_without_an_icd_10_code_has_no_index(found):
    assert set(found) == set(PATIENTS)


def test_there_are_17_conditions_whose_points_add_up_to_29():
    assert len(conditions()) == 17
    replaced = {each.name for each in conditions() if each.replaced_by}
    assert replaced == {"mild liver disease", "diabetes without chronic complication", "malignancy"}
    assert sum(each.weight for each in conditions() if each.name not in replaced) == 29
    assert {each.replaced_by for each in conditions()} - {""} <= {each.name for each in conditions()}


@pytest.mark.parametrize(
    ("condition", "number"),
    # three-character ranges of C: 27 + 5 + 5 + 1 + 14 + 17 + 5 + 1 + 8
    [
        ("malignancy", 83),
        ("cerebrovascular disease", 13),
        ("renal disease", 22),
        ("metastatic solid tumor", 4),
    ],
)
def test_ranges_of_codes_are_complete(condition, number):
    [found] = [each for each in conditions() if each.name == condition]
    assert len(set(charlson._prefixes(found))) == number
