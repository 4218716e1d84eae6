"""An Epic Clarity extract: code tables, local times, orders and administrations.

The headers of PAT_ENC_HSP, CLARITY_ADT, ORDER_MED and MAR_ADMIN_INFO in `EHI` and the MAR actions were copied by
hand from https://open.epic.com/EHITables/GetTable/MAR_ADMIN_INFO.htm and its neighbours; the headers of the
numeric extract are those of public Clarity queries and, for some columns, from memory (`clarity_fields.py`).
"""

from __future__ import annotations

import pytest

from pipeline.sources.clarity import ACTIONS
from portal.batches import inspection
from portal.batches.source_file import SourceFile
from tests.support import extract_rows

FILES = {
    "PATIENT": """PAT_ID|PAT_MRN_ID|PAT_FIRST_NAME|PAT_LAST_NAME|BIRTH_DATE|DEATH_DATE|SEX_C|STATE_C|ZIP|ADD_LINE_1
Z1|M1|Ann|Lovel|1970-05-05 00:00:00||1|22|02139|1 Main St
Z2|M2|Bo|Ray|1980-01-02 00:00:00|2024-03-09 00:00:00|9|22|02139|""",
    "ZC_SEX": "RCPT_MEM_SEX_C|NAME|TITLE|ABBR|INTERNAL_ID\n1|Female|FEMALE|F|1\n2|Male|MALE|M|2",
    "ZC_STATE": "STATE_C|NAME|TITLE|ABBR|INTERNAL_ID\n22|Massachusetts|MASSACHUSETTS|MA|22",
    "PATIENT_RACE": "PAT_ID|LINE|PATIENT_RACE_C\nZ1|2|3\nZ1|1|1",
    "ZC_PATIENT_RACE": "PATIENT_RACE_C|NAME|TITLE\n1|White|WHITE\n3|Asian|ASIAN",
    "PAT_ENC_HSP": """PAT_ENC_CSN_ID|PAT_ID|HOSP_ADMSN_TIME|HOSP_DISCH_TIME|ADT_PAT_CLASS_C|DISCH_DISP_C|BILL_ATTEND_PROV_ID
1001|Z1|2024-07-01 08:30:00|2024-07-03 00:00:00|101|1|500
1002|Z2|2024-12-01 23:15:00.000||777||""",
    "ZC_PAT_CLASS": "ADT_PAT_CLASS_C|NAME|TITLE\n101|Inpatient|INPATIENT",
    "ZC_DISCH_DISP": "DISCH_DISP_C|NAME|TITLE\n1|Home or Self Care|HOME",
    "CLARITY_ADT": """EVENT_ID|EVENT_TYPE_C|EVENT_SUBTYPE_C|PAT_ENC_CSN_ID|DEPARTMENT_ID|EFFECTIVE_TIME
1|1|1|1001|10|2024-07-01 08:30:00
2|3|1|1001|11|2024-07-02 10:00:00
3|3|2|1001|12|2024-07-02 11:00:00""",
    "CLARITY_DEP": "DEPARTMENT_ID|DEPARTMENT_NAME|SPECIALTY\n10|EMERGENCY|Emergency\n11|5 WEST|Cardiology\n12|ICU|x",
    "CLARITY_SER": "PROV_ID|PROV_NAME|PROV_TYPE\n500|DOC, A|Physician",
    "CLARITY_SER_2": "PROV_ID|NPI\n500|1234567893",
    "PAT_ENC_DX": "PAT_ENC_CSN_ID|LINE|DX_ID|PRIMARY_DX_YN\n1001|1|70|N\n1001|2|71|Y",
    "EDG_CURRENT_ICD10": "DX_ID|LINE|CODE\n70|1|I10\n71|1|I50.9",
    "CLARITY_EDG": "DX_ID|DX_NAME\n71|Heart failure",
    "ORDER_MED": """ORDER_MED_ID|PAT_ID|PAT_ENC_CSN_ID|ORDERING_DATE|ORDER_INST|MEDICATION_ID|HV_DISCRETE_DOSE|HV_DOSE_UNIT_C|MED_ROUTE_C|ORDER_STATUS_C|MED_PRESC_PROV_ID
900|Z1|1001|2024-07-01 00:00:00|2024-07-01 09:00:00|31|5|3|15|2|500""",
    "ZC_ORDER_STATUS": "ORDER_STATUS_C|NAME|TITLE\n2|Sent|SENT",
    "ZC_ADMIN_ROUTE": "MED_ROUTE_C|NAME|TITLE\n15|Oral|ORAL",
    "ZC_MED_UNIT": "DISP_QTYUNIT_C|NAME|TITLE\n3|mg|MG",
    "CLARITY_MEDICATION": "MEDICATION_ID|NAME|GENERIC_NAME\n31|LISINOPRIL 5 MG TABLET|lisinopril",
    "RXNORM_CODES": "MEDICATION_ID|RXNORM_CODE|RXNORM_TERM_TYPE_C\n31|311354|1",
    "MAR_ADMIN_INFO": """ORDER_MED_ID|LINE|TAKEN_TIME|SCHEDULED_TIME|SAVED_TIME|MAR_ACTION_C|SIG|DOSE_UNIT_C|REASON_C|ROUTE_C
900|1|2024-07-01 09:20:00|2024-07-01 09:00:00|2024-07-01 09:25:00|1|5|3||15
900|2|2024-07-02 09:00:00|2024-07-02 09:00:00|2024-07-02 09:01:00|3||||
900|3|2024-07-02 21:00:00|2024-07-02 21:00:00|2024-07-02 21:01:00|2|||8|""",
    "ZC_MAR_RSLT": "RESULT_C|NAME|TITLE\n1|Given|GIVEN\n2|Missed|MISSED\n3|Refused|REFUSED",
    "ZC_MAR_RSN": "REASON_C|NAME|TITLE\n8|NPO|NPO",
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
    "MAR Hold", "MAR Unhold", "Bolus", "Push", "Rate Verify", "See Alternative", "Paused", "Prepared", "Pending",
    "Automatically Held", "Due",
)  # fmt: skip


def test_every_documented_action_has_a_status():
    assert {each.lower() for each in DOCUMENTED_ACTIONS} == set(ACTIONS)


def test_names_of_epics_ehi_export_are_read_without_code_tables(read):
    ehi = {
        "PAT_ENC_HSP": "PAT_ENC_CSN_ID\tADT_PAT_CLASS_C_NAME\tADT_PATIENT_STAT_C_NAME\tPAT_ID\tHOSP_ADMSN_TIME\t"
        "HOSP_DISCH_TIME\tDISCH_DISP_C_NAME\n7\tEmergency\tDischarged\tZ1\t2024-07-01 08:30:00\t"
        "2024-07-01 10:00:00\tHome or Self Care"
    }
    [row] = read("encounters", **ehi)
    assert (row["encounter_class"], row["discharge_disposition"]) == ("EMER", "home")
