"""An Epic Clarity extract: code tables, local times, orders and administrations.

MAR actions and the columns of the EHI export were copied by hand from Epic's public table descriptions,
https://open.epic.com/EHITables/GetTable/MAR_ADMIN_INFO.htm and its neighbors; the numeric columns of
`clarity_extract.txt` are those of public Clarity queries and, for some, from memory (`clarity_fields.py`).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.sources.clarity import ACTIONS
from portal.batches import inspection
from portal.batches.source_file import SourceFile
from tests.support import extract_rows

EXTRACT = (Path(__file__).parent / "clarity_extract.txt").read_text()
FILES = {
    name: text.rstrip("\n") for name, _, text in (part.partition("\n") for part in EXTRACT.split("== ")[1:])
}


@pytest.fixture
def read(spark, lake_prefix):
    def of(table, zone="America/New_York", **files):
        content = {f"{name}.txt": f"{text}\n" for name, text in (files or FILES).items()}
        return extract_rows.rows(spark, content, table, lake_prefix, zone)

    return of


def picked(rows, *names):
    return [tuple(row[name] for name in names) for row in rows]


def test_every_file_of_the_extract_is_recognized():
    found = {
        name: inspection.inspect(SourceFile.from_bytes(f"{name}.txt", f"{text}\n".encode()))
        for name, text in FILES.items()
    }
    assert {each.match.format for each in found.values()} == {"clarity"}
    assert {each.use for each in found.values()} == {"loaded"}
    assert {n for n, each in found.items() if each.match.table == "medications"} == {
        "ORDER_MED",
        "MAR_ADMIN_INFO",
    }


def test_other_category_tables_are_not_needed():
    content = b"BLOOD_TYPE_C|NAME|TITLE|ABBR|INTERNAL_ID\n1|A|A|A|1\n"
    found = inspection.inspect(SourceFile.from_bytes("ZC_BLOOD_TYPE.txt", content))
    assert (found.use, found.match.table) == ("not needed", "category table")


def test_patients_have_the_names_of_their_codes(read):
    rows = read("patients")
    assert picked(
        rows, "patient_id", "mrn", "birth_date", "death_date", "sex", "state", "race", "street"
    ) == [
        ("Z1", "M1", "1970-05-05", None, "Female", "Massachusetts", "White", "1 Main St"),
        ("Z2", "M2", "1980-01-02", "2024-03-09", "9", "Massachusetts", None, None),
    ]


def test_encounters_have_utc_times_last_department_and_primary_diagnosis(read):
    rows = read("encounters")
    assert picked(rows, "encounter_id", "encounter_class", "admitted_at", "discharged_at", "department") == [
        ("1001", "IMP", "2024-07-01 12:30:00", "2024-07-03 04:00:00", "5 WEST"),
        ("1002", "777", "2024-12-02 04:15:00", None, None),
    ]
    names = ("diagnosis_code", "diagnosis_code_system", "diagnosis_description", "discharge_disposition")
    assert picked(rows, *names, "provider_npi")[0] == (
        "I50.9",
        "ICD-10-CM",
        "Heart failure",
        "home",
        "1234567893",
    )


def test_orders_and_administrations_are_events_of_one_table(read):
    rows = sorted(read("medications"), key=lambda row: row["administration_id"])
    names = ("administration_id", "event_kind", "status", "administered_at", "due_at", "reason_not_given")
    assert picked(rows, *names) == [
        ("900", "order", "active", None, None, None),
        ("900-1", "administration", "completed", "2024-07-01 13:20:00", "2024-07-01 13:00:00", None),
        ("900-2", "administration", "not-done", None, "2024-07-02 13:00:00", "refused"),
        ("900-3", "administration", "not-done", None, "2024-07-03 01:00:00", "NPO"),
    ]
    of_order = (
        "patient_id",
        "encounter_id",
        "medication_code",
        "medication_code_system",
        "ordered_at",
        "route",
    )
    assert {*picked(rows, *of_order)} == {("Z1", "1001", "311354", "RxNorm", "2024-07-01 13:00:00", "Oral")}
    assert picked(rows[:2], "dose", "dose_unit") == [("5", "mg"), ("5", "mg")]


DOCUMENTED_ACTIONS = (
    "Given", "Missed", "Refused", "Canceled Entry", "Held", "New Bag", "Restarted", "Stopped", "Rate Change",
    "MAR Hold", "MAR Unhold", "Bolus", "Push", "Rate Verify", "See Alternative", "Paused", "Prepared",
    "Pending", "Automatically Held", "Due",
)  # fmt: skip


def test_every_documented_action_has_a_status():
    assert {each.lower() for each in DOCUMENTED_ACTIONS} == set(ACTIONS)


def test_names_of_epics_ehi_export_are_read_without_code_tables(read):
    ehi = {
        "PAT_ENC_HSP": "PAT_ENC_CSN_ID\tADT_PAT_CLASS_C_NAME\tADT_PATIENT_STAT_C_NAME\tPAT_ID\t"
        "HOSP_ADMSN_TIME\tHOSP_DISCH_TIME\tDISCH_DISP_C_NAME\n"
        "7\tEmergency\tDischarged\tZ1\t2024-07-01 08:30:00\t"
        "2024-07-01 10:00:00\tHome or Self Care"
    }
    [row] = read("encounters", **ehi)
    assert (row["encounter_class"], row["discharge_disposition"]) == ("EMER", "home")


def test_diagnoses_have_their_code_and_name_and_one_of_an_encounter_is_principal(read):
    rows = read("diagnoses")
    columns = ("diagnosis_id", "patient_id", "diagnosis_code", "diagnosis_code_system", "is_principal")
    assert picked(rows, *columns) == [
        ("1001-1", "Z1", "I10", "ICD-10-CM", "false"),
        ("1001-2", "Z1", "I50.9", "ICD-10-CM", "true"),
    ]
