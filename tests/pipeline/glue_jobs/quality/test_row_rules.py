"""Every row rule has rows that fail it, rows that pass it, and rows to which it does not apply."""

from __future__ import annotations

import pytest
from pyspark.sql import functions as F

from pipeline import frames
from pipeline.contracts.model import load, tables
from pipeline.contracts.spark import conform, schema
from pipeline.glue_jobs.bronze_to_silver import encounters, lookups, medications, patients
from pipeline.glue_jobs.bronze_to_silver import load as loading
from pipeline.glue_jobs.runtime import SNAPSHOTS
from pipeline.glue_jobs.silver_to_gold import admission, fact_encounter, fact_medication_admin
from pipeline.rules import row_rules

KEYS = {"patients": "patient_id", "encounters": "encounter_id", "medications": "administration_id"}
RECEIVED_AT = "2025-03-01T00:00:00Z"

SOUND = {
    "patients": {
        "first_name": "Ada",
        "birth_date": "1980-02-03",
        "sex": "F",
        "race": "White",
        "ethnicity": "Non-Hispanic",
        "city": "Boston",
        "state": "MA",
        "postal_code": "02115",
        "phone": "617-555-0100",
        "email": "ada@example.org",
        "updated_at": "2025-02-01T00:00:00Z",
    },
    "encounters": {
        "patient_id": "woman",
        "provider_npi": "1234567893",
        "provider_name": "Dr Lee",
        "encounter_class": "AMB",
        "admitted_at": "2025-02-01T08:00:00Z",
        "discharged_at": "2025-02-01T09:00:00Z",
        "diagnosis_code": "J18.9",
        "diagnosis_code_system": "ICD-10-CM",
        "discharge_disposition": "home",
        "total_cost": "100.00",
        "updated_at": "2025-02-02T00:00:00Z",
    },
    "medications": {
        "encounter_id": "stay",
        "patient_id": "woman",
        "medication_code": "29046",
        "medication_code_system": "RxNorm",
        "medication_name": "Lisinopril",
        "dose": "10",
        "dose_unit": "mg",
        "route": "PO",
        "ordered_at": "2025-02-01T09:00:00Z",
        "administered_at": "2025-02-01T10:00:00Z",
        "status": "completed",
        "updated_at": "2025-02-02T00:00:00Z",
    },
}
"""Default values of a row; its key, and a patient's name and number, are set per case."""

PEOPLE = [
    ("woman", "1980-02-03", None, "F"),
    ("man", "1980-02-03", None, "M"),
    ("unrecorded", "1980-02-03", None, "U"),
    ("child", "2015-02-03", None, "F"),
    ("baby", "2025-01-20", None, "M"),
    ("dead", "1950-02-03", "2025-01-10", "F"),
]
STAYS = [
    ("stay", "woman", "2025-02-01T08:00:00Z", "2025-02-03T08:00:00Z"),
    ("last", "dead", "2025-01-09T08:00:00Z", "2025-01-10T08:00:00Z"),
]

ALONE = {"_answer": False}
"""In a group that fails: this row is only there so that another fails."""

GONE = {"_answer": None}
"""Superseded by another version of its record: rules of a release do not judge it."""


def _inpatient(key, days, **others):
    first, last = (f"2025-02-{day:02d}T08:00:00Z" for day in days)
    return {
        "encounter_id": key,
        "encounter_class": "IMP",
        "admitted_at": first,
        "discharged_at": last,
        **others,
    }


def _dose(key, moment, patient):
    return {"administration_id": key, "administered_at": f"2025-02-01T{moment}Z", "patient_id": patient}


LATER = {"updated_at": "2025-02-20T00:00:00Z"}

# by rule: rows (or groups of rows) that fail, that pass, and to which it does not apply
CHANGED = (
    [
        {"updated_at": "9999-12-31"},
        {"updated_at": "0001-01-01T00:00:00"},
        {"updated_at": "2025-03-02T00:00:01Z"},
    ],
    [{"updated_at": "2025-03-02T00:00:00Z"}, {}],
    [{"updated_at": None}],
)

PATIENTS = {
    "PAT-M01": ([{"patient_id": None}], [{}], []),
    "PAT-M02": ([{"birth_date": None}], [{}, {"birth_date": "31/12/1980"}], []),
    "PAT-M03": ([{"sex": None}], [{"sex": "U"}], []),
    "PAT-M04": ([{"postal_code": None}, {"state": None}], [{}], []),
    "PAT-M05": ([{"race": None}, {"ethnicity": None}], [{}], []),
    "PAT-C01": (
        [{"birth_date": "03/09/1984"}, {"death_date": "2025-02-30"}, {"updated_at": "yesterday"}],
        [{}, {"birth_date": "1984-03-09T00:00:00Z"}, {"birth_date": None}],
        [],
    ),
    "PAT-C02": ([{"sex": "Q"}], [{"sex": "female"}, {"sex": "x"}], [{"sex": None}]),
    "PAT-C03": (
        [{"postal_code": "2115"}, {"state": "ZZ"}],
        [{"postal_code": "02115-1234"}, {"state": "Massachusetts"}, {"state": None}],
        [{"postal_code": None, "state": None}],
    ),
    "PAT-C04": ([{"postal_code": "10001"}], [{}], [{"state": None}, {"postal_code": None}]),
    "PAT-C05": (
        [{"first_name": "Ad\x07a"}, {"city": " Boston"}, {"city": "Bost\ufffdn"}, {"city": "MÃ¼nchen"}],
        [{"first_name": "Zoë"}, {"city": None}],
        [],
    ),
    "PAT-C06": ([{"_malformed": True}], [{}], []),
    "PAT-C08": ([{"race": "NULL"}, {"payer": "-"}], [{}, {"last_name": "Null"}], []),
    "PAT-C07": (
        [{"email": "ada(at)example"}, {"phone": "12345"}],
        [{}, {"email": None}],
        [{"email": None, "phone": None}],
    ),
    "PAT-P12": CHANGED,
    "PAT-P01": ([[ALONE, {}], [ALONE, {}, {}]], [{}, [{}, LATER]], []),
    "PAT-P02": (
        [[{}, {"city": "Salem"}]],
        [[GONE, {"city": "Salem", **LATER}], [GONE, {}]],
        [],
    ),
    "PAT-P03": (
        [{"birth_date": "2025-03-02"}, {"birth_date": "1890-01-01"}],
        [{"birth_date": "1910-01-01"}, {"birth_date": "2025-03-01"}],
        [{"birth_date": None}],
    ),
    "PAT-P04": (
        [{"death_date": "1980-02-02"}, {"death_date": "2025-03-02"}],
        [{"death_date": "1980-02-03"}, {"death_date": "2025-03-01"}],
        [{}],
    ),
    "PAT-P05": (
        [{"first_name": "Test"}, {"last_name": "ZZZPATIENT"}, {"mrn": "DO NOT USE"}],
        [{"first_name": "Testa"}, {"last_name": "Contest"}, {"mrn": None}],
        [],
    ),
    "PAT-P06": (
        [
            [{}, {"patient_id": "again", "mrn": "again"}],
            [{"first_name": "ADA"}, {"patient_id": "2", "mrn": "2"}],
        ],
        [[{}, {"patient_id": "twin", "birth_date": "1980-02-04"}], [GONE, LATER]],
        [{"postal_code": None}],
    ),
    "PAT-P07": ([{"birth_date": "1980-01-01"}], [{"birth_date": "1980-01-02"}], [{"birth_date": None}]),
    "PAT-P09": ([[{}, {"patient_id": "other", "last_name": "Other"}]], [[GONE, LATER]], [{"mrn": None}]),
}

ENCOUNTERS = {
    "ENC-M01": ([{"encounter_id": None}, {"patient_id": None}, {"admitted_at": None}], [{}], []),
    "ENC-M02": (
        [{"admitted_at": "2024-11-01T08:00:00Z", "discharged_at": None}],
        [{"admitted_at": "2024-11-01T08:00:00Z", "discharged_at": "2024-11-01T09:00:00Z"}],
        [{"discharged_at": None}, {"encounter_class": None, "admitted_at": "2024-11-01"}],
    ),
    "ENC-M03": (
        [{"encounter_class": "IMP", "diagnosis_code": None}],
        [{"encounter_class": "EMER"}],
        [{"diagnosis_code": None}],
    ),
    "ENC-M04": ([{"provider_npi": None}], [{}], []),
    "ENC-C01": (
        [{"admitted_at": "02/01/2025 08:00"}, {"discharged_at": "noon"}, {"updated_at": "yesterday"}],
        [{"admitted_at": "2025-02-01 08:00:00"}, {"admitted_at": "2025-02-01"}, {"discharged_at": None}],
        [],
    ),
    "ENC-C13": ([{"department": "N/A"}], [{}], []),
    "ENC-C12": (
        [{"diagnosis_code_system": "local"}],
        [{}, {"diagnosis_code_system": "icd9"}],
        [{"diagnosis_code_system": None}],
    ),
    "ENC-C10": (
        [[{"_file": "mixed"}, {"_file": "mixed", "admitted_at": "2025-02-01"}]],
        [[{"_file": "days", "admitted_at": "2025-02-01"}, {"_file": "days", "admitted_at": "2025-01-31"}]],
        [{"admitted_at": None}],
    ),
    "ENC-C02": (
        [{"encounter_class": "XYZ"}],
        [{"encounter_class": "inpatient"}],
        [{"encounter_class": None}],
    ),
    "ENC-C03": (
        [{"diagnosis_code": c} for c in ("Pneumonia", "J1", "J18.99999", "J18..9")],
        [{"diagnosis_code": c} for c in ("j189", "E11", "U07.1", "QA0.0101", "T40.4X1A", "J99.9")],
        [{"diagnosis_code": "233604007", "diagnosis_code_system": "SNOMED-CT"}, {"diagnosis_code": None}],
    ),
    "ENC-C09": (
        [{"diagnosis_code": c} for c in ("J99.9", "U99.9", "Z99.999", "T40.4X1A")],
        [{"diagnosis_code": c} for c in ("j189", "E11", "U07.1", "QA0.0101", "S72.001A", "T78.40XA")],
        [{"diagnosis_code": "J18..9"}, {"diagnosis_code": None}],
    ),
    "ENC-C04": (
        [{"diagnosis_code_system": "SNOMED-CT"}, {"diagnosis_code_system": None}],
        [{}],
        [{"diagnosis_code": None}],
    ),
    "ENC-C05": (
        [{"provider_npi": n} for n in ("1234567890", "123", "DR-LEE", "3234567893")],
        [{}],
        [{"provider_npi": None}],
    ),
    "ENC-C06": ([{"patient_id": "nobody"}], [{}], [{"patient_id": None}]),
    "ENC-C11": ([{"patient_id": "nobody"}], [{}], [{"patient_id": None}]),
    "ENC-C07": (
        [{"total_cost": c} for c in ("1,00", "$5", "1.234")],
        [{"total_cost": "0"}, {"total_cost": "-5.10"}],
        [{"total_cost": None}],
    ),
    "ENC-C08": ([{"_malformed": True}], [{}], []),
    "ENC-P01": ([[ALONE, {}]], [{}, [{}, LATER]], []),
    "ENC-P02": (
        [[{}, {"total_cost": "5"}]],
        [[GONE, {"total_cost": "5", **LATER}], [GONE, {}]],
        [],
    ),
    "ENC-P03": (
        [{"discharged_at": "2025-02-01T07:59:59Z"}, {"discharged_at": "2025-01-31"}],
        [{"discharged_at": "2025-02-01T08:00:00Z"}, {"discharged_at": "2025-02-01"}],
        [{"discharged_at": None}],
    ),
    "ENC-P04": (
        [
            {"patient_id": "baby", "admitted_at": "2025-01-18"},
            {"patient_id": "baby", "admitted_at": "2025-01-19T23:59:59Z"},
        ],
        [{"patient_id": "baby", "admitted_at": "2025-01-20T00:00:00Z"}, {}],
        [{"patient_id": "nobody", "admitted_at": "1901-01-01"}],
    ),
    "ENC-P18": (
        [{"admitted_at": "2025-03-01T00:00:01Z"}, {"admitted_at": "0001-01-01"}],
        [{"admitted_at": "2025-03-01T00:00:00Z"}, {"admitted_at": "1900-01-01"}],
        [{"admitted_at": None}],
    ),
    "ENC-P16": (
        [{"discharged_at": "9999-12-31"}, {"discharged_at": "2025-03-03"}],
        [{"discharged_at": "2025-03-02"}, {}],
        [{"discharged_at": None}],
    ),
    "ENC-P17": CHANGED,
    "ENC-P05": (
        [{"patient_id": "dead", "admitted_at": "2025-02-10"}],
        [{"patient_id": "dead", "admitted_at": "2025-02-09"}],
        [{}],
    ),
    "ENC-P15": (
        [{"patient_id": "dead", "admitted_at": "2025-01-12"}],
        [{"patient_id": "dead", "admitted_at": "2025-01-11"}],
        [{}],
    ),
    "ENC-P06": (
        [
            {"encounter_class": "IMP", "admitted_at": "2024-01-01", "discharged_at": "2025-01-01"},
            {"encounter_class": "EMER", "discharged_at": "2025-02-08T09:00:00Z"},
            {"discharged_at": "2025-02-02T09:00:00Z"},
        ],
        [
            {"encounter_class": "EMER", "discharged_at": "2025-02-08T08:00:00Z"},
            {"discharged_at": "2025-02-02T08:00:00Z"},
        ],
        [{"encounter_class": "VR"}, {"discharged_at": None}],
    ),
    "ENC-P07": (
        [
            [_inpatient("a", (1, 5), patient_id="1", **ALONE), _inpatient("b", (3, 6), patient_id="1")],
            [
                _inpatient("c", (1, 20), patient_id="2", **ALONE),
                _inpatient("d", (3, 4), patient_id="2"),
                _inpatient("e", (6, 7), patient_id="2"),
            ],
        ],
        [
            [_inpatient("f", (1, 5), patient_id="3"), _inpatient("g", (5, 6), patient_id="3")],
            [
                _inpatient("h", (1, 5), patient_id="4", **GONE),
                _inpatient("h", (1, 5), patient_id="4", **LATER),
            ],
        ],
        [{}],
    ),
    "ENC-P08": (
        [{"patient_id": "man", "diagnosis_code": "O80"}, {"diagnosis_code": "C61"}],
        [{"patient_id": "man", "diagnosis_code": "C61"}, {"diagnosis_code": "O80"}],
        [
            {"patient_id": "unrecorded", "diagnosis_code": "O80"},
            {"patient_id": "man", "diagnosis_code": None},
        ],
    ),
    "ENC-P09": (
        [{"diagnosis_code": "P59.9"}, {"patient_id": "child", "diagnosis_code": "F03.90"}],
        [{"patient_id": "baby", "diagnosis_code": "P59.9"}, {"diagnosis_code": "G30.9"}],
        [{"patient_id": "nobody"}, {"diagnosis_code_system": "SNOMED-CT"}],
    ),
    "ENC-P10": (
        [{"total_cost": "-0.01"}, {"total_cost": "5000000"}],
        [{"total_cost": "0"}, {"total_cost": "4999999.99"}],
        [{"total_cost": None}, {"total_cost": "much"}],
    ),
    "ENC-P11": (
        [
            {"encounter_class": "IMP", "discharge_disposition": "Expired"},
            {
                "encounter_class": "IMP",
                "patient_id": "dead",
                "admitted_at": "2025-01-05",
                "discharged_at": "2025-01-10",
            },
        ],
        [
            {
                "encounter_class": "IMP",
                "patient_id": "dead",
                "admitted_at": "2025-01-05",
                "discharged_at": "2025-01-10",
                "discharge_disposition": "expired",
            }
        ],
        [
            {"encounter_class": "IMP"},
            {"encounter_class": "IMP", "discharge_disposition": None},
            {
                "encounter_class": "IMP",
                "patient_id": "dead",
                "admitted_at": "2024-05-01",
                "discharged_at": "2024-05-03",
            },
        ],
    ),
    "ENC-P14": (
        [[{"provider_npi": "A"}, {"encounter_id": "i", "provider_npi": "A", "provider_name": "Dr Who"}]],
        [[{"provider_npi": "B"}, {"encounter_id": "j", "provider_npi": "B", "provider_name": "DR LEE"}]],
        [{"provider_npi": "C", "provider_name": None}, {"provider_npi": None}],
    ),
}

MEDICATIONS = {
    "MED-M01": (
        [{c: None} for c in ("administration_id", "encounter_id", "patient_id", "medication_code")],
        [{}],
        [],
    ),
    "MED-M02": ([{"administered_at": None}], [{}, {"administered_at": "noon"}], [{"status": "not-done"}]),
    "MED-M03": ([{"dose": None}, {"dose_unit": None}], [{}], [{"dose": None, "status": "not-done"}]),
    "MED-M04": ([{"route": None}], [{}], [{"route": None, "status": "stopped"}]),
    "MED-C01": (
        [{"administered_at": "noon"}, {"ordered_at": "02/01/2025"}, {"updated_at": "yesterday"}],
        [{}, {"ordered_at": None}],
        [],
    ),
    "MED-C02": (
        [{"medication_code": "lisinopril"}, {"medication_code": "123456789"}],
        [{"medication_code": "12345678"}],
        [{"medication_code_system": "NDC"}, {"medication_code": None}],
    ),
    "MED-C03": (
        [{"dose": "ten"}, {"dose_unit": "spoon"}],
        [{}, {"dose": None}, {"dose_unit": None}],
        [{"dose": None, "dose_unit": None}],
    ),
    "MED-C04": ([{"route": "XX"}], [{"route": "oral"}, {"route": "26643006"}], [{"route": None}]),
    "MED-C05": ([{"status": "given"}], [{"status": "not done"}], [{"status": None}]),
    **{
        rule: ([{"encounter_id": "nowhere"}, {"patient_id": "nobody"}], [{}, {"patient_id": None}], [])
        for rule in ("MED-C06", "MED-C10")
    },
    "MED-C07": ([{"patient_id": "man"}], [{}], [{"encounter_id": "nowhere"}, {"patient_id": None}]),
    "MED-C08": ([{"_malformed": True}], [{}], []),
    "MED-C12": ([{"medication_name": "None"}], [{}], []),
    "MED-C11": (
        [{"medication_code_system": "ATC"}],
        [{}, {"medication_code_system": "NDC"}],
        [{"medication_code_system": None}],
    ),
    "MED-C09": (
        [
            {"medication_code_system": "NDC", "medication_code": code}
            for code in ("0071015523", "99999999999", "99999-9999-99", "ASPIRIN")
        ],
        [{"medication_code_system": "NDC", "medication_code": "00071-0155-23"}],
        [{}, {"medication_code_system": "NDC", "medication_code": None}],
    ),
    "MED-P01": ([[ALONE, {}]], [{}, [{}, LATER]], []),
    "MED-P02": (
        [
            [{}, {"dose": "5"}],
            [{"ordered_at": None}, {"ordered_at": "2025-02-01T10:00:00Z", "administered_at": None}],
        ],
        [[GONE, {"dose": "5", **LATER}], [GONE, {}]],
        [],
    ),
    "MED-P03": (
        [{"dose": d} for d in ("0", "-1", "400.1", "0.2")],
        [{"dose": "400"}, {"dose": "0.25"}, {"dose": "4000", "dose_unit": "g"}],
        [{"dose": None}],
    ),
    "MED-P04": (
        [{"dose": "41"}, {"dose": "2"}],
        [{"dose": "40"}, {"dose": "0.04", "dose_unit": "g"}],
        [{"dose_unit": "mL"}, {"medication_code": "1"}],
    ),
    "MED-P05": (
        [{"dose_unit": "g"}, {"dose_unit": "mL"}, {"dose_unit": "ug"}],
        [
            {},
            {"dose": "0.04", "dose_unit": "g"},
            {"dose": "10000", "dose_unit": "ug"},
            {"dose": None, "dose_unit": "g"},
        ],
        [{"dose_unit": None}, {"medication_code": "1"}],
    ),
    "MED-P06": (
        [
            {"administered_at": "2025-02-04T08:00:01Z"},
            {"administered_at": "2025-01-31T07:59:59Z"},
            {"dose": None, "administered_at": "2025-02-20", "ordered_at": None},
        ],
        [{"administered_at": "2025-02-04T08:00:00Z"}],
        [
            {"dose": None, "administered_at": "2025-02-20", "ordered_at": "2025-02-20"},
            {"administered_at": None},
        ],
    ),
    "MED-P12": (
        [{"administered_at": "2025-02-03T09:00:01Z"}, {"administered_at": "2025-02-01T06:59:59Z"}],
        [{"administered_at": "2025-02-03T09:00:00Z"}],
        [{"encounter_id": "nowhere"}],
    ),
    "MED-P07": (
        [{"administered_at": "2025-02-01T08:59:59Z"}, {"administered_at": "2025-01-31"}],
        [{"administered_at": "2025-02-01T09:00:00Z"}, {"administered_at": "2025-02-01"}],
        [{"ordered_at": None}],
    ),
    "MED-P08": (
        [{"patient_id": "dead", "encounter_id": "last", "administered_at": "2025-01-12T00:00:00Z"}],
        [{"patient_id": "dead", "encounter_id": "last", "administered_at": "2025-01-11T01:45:00Z"}],
        [{}],
    ),
    "MED-P09": (
        [
            {"administered_at": "2025-03-01T00:00:01Z"},
            {"ordered_at": "2025-03-02"},
            {"ordered_at": "0001-01-01"},
        ],
        [{"administered_at": "2025-03-01T00:00:00Z"}, {"administered_at": None}],
        [{"administered_at": None, "ordered_at": None}],
    ),
    "MED-P13": CHANGED,
    "MED-P10": (
        [[{**_dose("a", "10:00:00", "1"), **ALONE}, _dose("b", "10:04:59", "1")]],
        [
            [_dose("c", "10:00:00", "2"), _dose("d", "10:05:00", "2")],
            [{**_dose("e", "10:00:00", "3"), **GONE}, {**_dose("e", "10:01:00", "3"), **LATER}],
            [_dose("f", "10:00:00", "4"), {**_dose("g", "10:01:00", "4"), "medication_code": "6809"}],
        ],
        [{"status": "not-done"}],
    ),
    "MED-P11": ([{"route": "IV"}], [{}], [{"route": None}, {"medication_code": "1"}]),
}

CASES = {"patients": PATIENTS, "encounters": ENCOUNTERS, "medications": MEDICATIONS}

EMPTY = {
    "patients": {"PAT-M02", "PAT-M03", "PAT-M04", "PAT-M05"},
    "encounters": {"ENC-M01", "ENC-M04"},
    "medications": {"MED-M01"},
}
"""What a row with nothing but its key fails."""


RULES = [(table, kind) for table in tables("silver") for kind in ("batch", "release")]


def _rules(table, kind):
    contract = load("silver", table)
    return row_rules.row_rules(contract) if kind == "batch" else row_rules.release_rules(contract)


def _cases(table, kind):
    """By label (rule, group, row, answer) every row of the cases of these rules."""
    found = {"empty||": {KEYS[table]: "empty"}}
    for rule in _rules(table, kind):
        for answer, groups in zip(("fails", "passes", "spares"), CASES[table][rule.id], strict=True):
            for g, group in enumerate(groups):
                own = f"{rule.id}-{answer}-{g}"
                names = {"mrn": own, "last_name": own} if table == "patients" else {}
                sound = {**SOUND[table], KEYS[table]: own, **names}
                for r, row in enumerate(group if isinstance(group, list) else [group]):
                    given = row.get("_answer", True)
                    told = answer if given else "passes" if given is False else "gone"
                    found[f"{rule.id}|{answer}-{g}.{r}|{told}"] = {**sound, **row}
    return found


def _typed(run, table, given, time_zone):
    """Rows of a batch as its job types them; `_line` is the row's place among those given."""
    shape = schema(load("bronze", table), partitions=False)
    for name, type_ in (("_file", "string"), ("_malformed", "boolean"), ("_line", "long")):
        shape = shape.add(name, type_)
    found = [{"_malformed": False, "_file": "f", "_line": n, **row} for n, row in enumerate(given)]
    received = frames.of(run.spark, found, shape).withColumns(
        {
            "batch_id": F.lit("b"),
            "batch": F.struct(F.lit(RECEIVED_AT).cast("timestamp").alias("received_at")),
            "_received": F.lit("{}"),
        }
    )
    typed = JOBS[table].transform(loading.as_raw(received, table, "native"), time_zone)
    if table == "patients":
        return lookups.with_zip_states(run, typed)
    return lookups.with_formulary(run, typed) if table == "medications" else typed


JOBS = {"patients": patients, "encounters": encounters, "medications": medications}


def _of_batch(run, table, given, time_zone):
    contract = load("silver", table)
    rules = row_rules.row_rules(contract)
    evaluated = row_rules.evaluate(_typed(run, table, given, time_zone), rules)
    kept = loading._kept(evaluated, contract, KEYS[table]).persist()
    return row_rules.across(loading.with_duplicates(kept, rules), rules, loading.ROW)


def _of_release(run, table, given, time_zone):
    people = frames.of(
        run.spark,
        [
            dict(zip(("patient_id", "birth_date", "death_date", "sex"), person, strict=True))
            for person in PEOPLE
        ],
        SNAPSHOTS["patients"],
    )
    stays = frames.of(
        run.spark,
        [
            dict(zip(("encounter_id", "patient_id", "admitted_at", "discharged_at"), stay, strict=True))
            for stay in STAYS
        ],
        SNAPSHOTS["encounters"],
    )
    refer = {
        "patients": lambda frame: frame,
        "encounters": lambda frame: fact_encounter.refer(frame, people, time_zone),
        "medications": lambda frame: fact_medication_admin.refer(frame, stays, people, time_zone),
    }
    silver = conform(_typed(run, table, given, time_zone), JOBS[table].CONTRACT)
    return admission.evaluate(silver, load("silver", table), refer[table])


def _judge(run, table, kind, given, time_zone="UTC"):
    """Return failed and applicable rules by file and line; a superseded row has none."""
    work, line = (_of_batch, "_line") if kind == "batch" else (_of_release, "source_line")
    found = work(run, table, given, time_zone).select(line, row_rules.FAILING, row_rules.APPLYING).collect()
    rules = _rules(table, kind)
    return {row[0]: (_named(rules, row[1]), _named(rules, row[2])) for row in found}


def _named(rules, words):
    return {rule.id for n, rule in enumerate(rules) if words[n // 32] >> (n % 32) & 1}


@pytest.fixture(scope="module")
def run(frames_run):
    return frames_run({}, {})[0]


@pytest.fixture(scope="module", params=RULES, ids="-".join)
def judged(request, run):
    """Return table, level of the rules, and failed and applicable rules by row label."""
    table, kind = request.param
    cases = _cases(table, kind)
    found = _judge(run, table, kind, cases.values())
    return table, kind, {label: found.get(n) for n, label in enumerate(cases)}


def test_every_rule_has_rows_that_fail_and_rows_that_pass():
    for table in tables("silver"):
        assert set(CASES[table]) == {rule.id for kind in ("batch", "release") for rule in _rules(table, kind)}
        assert [rule for rule, (fails, passes, _) in CASES[table].items() if not fails or not passes] == []


def test_each_rule_says_of_each_row_what_it_should(judged):
    *_, found = judged
    wrong = {}
    for label, of_row in found.items():
        rule, _, expected = label.split("|")
        failing, applying = of_row or ((), ())
        said = (
            "fails" if rule in failing else "passes" if rule in applying else "spares" if of_row else "gone"
        )
        if rule != "empty" and said != expected:
            wrong[label] = said
    assert wrong == {}


def test_what_is_missing_fails_the_rules_on_what_is_missing_alone(judged):
    table, kind, found = judged
    failing, _ = found["empty||"]
    assert failing == (EMPTY[table] if kind == "batch" else set())


def test_no_row_fails_a_rule_that_does_not_apply_to_it(judged):
    *_, found = judged
    assert [label for label, both in found.items() if both and both[0] - both[1]] == []


# New York is five hours behind UTC: a batch received at 00:00 UTC has the previous local date
NIGHT = [
    ("encounters", "batch", "ENC-P03", {"admitted_at": "2025-02-01T23:00:00-05:00",
                                        "discharged_at": "2025-02-01"}, False),
    ("encounters", "batch", "ENC-P03", {"admitted_at": "2025-02-01T23:00:00-05:00",
                                        "discharged_at": "2025-01-31"}, True),
    ("encounters", "batch", "ENC-P16", {"discharged_at": "2025-03-01T23:00:00-05:00"}, False),
    ("encounters", "batch", "ENC-P16", {"discharged_at": "2025-03-02"}, True),
    ("encounters", "release", "ENC-P04", {"patient_id": "baby", "admitted_at": "2025-01-20T04:59:59Z"}, True),
    ("encounters", "release", "ENC-P04", {"patient_id": "baby", "admitted_at": "2025-01-20T05:00:00Z"},
     False),
    ("encounters", "release", "ENC-P15", {"patient_id": "dead", "admitted_at": "2025-01-12T04:59:59Z"},
     False),
    ("encounters", "release", "ENC-P15", {"patient_id": "dead", "admitted_at": "2025-01-12"}, True),
    ("patients", "batch", "PAT-P03", {"birth_date": "2025-02-28"}, False),
    ("patients", "batch", "PAT-P03", {"birth_date": "2025-03-01"}, True),
    ("patients", "batch", "PAT-P04", {"death_date": "2025-03-01"}, True),
    ("medications", "batch", "MED-P07", {"administered_at": "2025-02-01",
                                         "ordered_at": "2025-02-01T23:00:00-05:00"}, False),
    ("medications", "batch", "MED-P07", {"administered_at": "2025-02-01T00:00:00-05:00"}, False),
    ("medications", "batch", "MED-P07", {"administered_at": "2025-02-01",
                                         "ordered_at": "2025-02-02T01:00:00-05:00"}, True),
    ("medications", "release", "MED-P08", {"patient_id": "dead", "administered_at": "2025-01-12T04:59:59Z"},
     False),
    ("medications", "release", "MED-P08", {"patient_id": "dead", "administered_at": "2025-01-12T05:00:00Z"},
     True),
]  # fmt: skip


def test_days_are_those_of_the_hospitals_clock(run):
    said = []
    for table, kind in dict.fromkeys(case[:2] for case in NIGHT):
        of_table = [case for case in NIGHT if case[:2] == (table, kind)]
        given = [SOUND[table] | {KEYS[table]: str(n)} | case[3] for n, case in enumerate(of_table)]
        found = _judge(run, table, kind, given, "America/New_York")
        said += [(*case[:4], case[2] in found[n][0]) for n, case in enumerate(of_table)]
    assert said == NIGHT
