"""Write a sample as an extract from Epic Clarity: pipe-delimited, local times, categories in ZC_ tables.

The tables are those that `pipeline/sources/clarity_fields.py` names with their documentation. They have no
payers, dispenses or barcode scans; an administration is a line of its order, without an own identifier.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from pipeline.data_generator.extracts import Sample, Table, distinct, order_of, write_csv

CLASSES = {
    "IMP": "Inpatient",
    "EMER": "Emergency",
    "OBSENC": "Observation",
    "AMB": "Outpatient",
    "VR": "Telehealth",
}
DISPOSITIONS = {
    "home": "Home or Self Care", "snf": "Skilled Nursing Facility", "hospice": "Hospice/Home",
    "other": "Other", "ama": "Left Against Medical Advice", "expired": "Expired",
}  # fmt: skip
ORDER_STATUSES = {"completed": "Completed", "stopped": "Discontinued", "cancelled": "Canceled"}
ACTIONS = {"completed": "Given", "in-progress": "Restarted", "stopped": "Stopped"}
REFUSALS = {"refused": "Refused", "held": "Held"}

Row = Mapping[str, str]


class Categories:
    """Numbers of category values, collected while rows are written."""

    def __init__(self) -> None:
        self.tables: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)

    def number(self, table: str, key: str, name: str) -> object:
        """Return the number of a value in a category table; empty for an empty value."""
        values = self.tables[table, key]
        return values.setdefault(name, len(values) + 1) if name else ""


def write(sample: Sample, folder: Path) -> None:
    codes = Categories()
    diagnoses = distinct(sample.encounters, "diagnosis_code", "diagnosis_description")
    dx = {code: n for n, (code, _) in enumerate(diagnoses, 1)}
    departments = {name: n for n, (name,) in enumerate(distinct(sample.encounters, "department"), 1)}
    drugs = distinct(sample.medications, "medication_code", "medication_name")
    drug = {code: n for n, (code, _) in enumerate(drugs, 1)}
    providers = distinct(sample.encounters, "provider_npi", "provider_name")
    files: dict[str, Table] = {
        "PATIENT": [_patient(sample, row, codes) for row in sample.patients],
        "PATIENT_RACE": [
            {"PAT_ID": row["patient_id"], "LINE": 1,
             "PATIENT_RACE_C": codes.number("ZC_PATIENT_RACE", "PATIENT_RACE_C", row["race"])}
            for row in sample.patients
        ],
        "PAT_ENC_HSP": [_encounter(sample, row, codes) for row in sample.encounters],
        "CLARITY_ADT": [
            {"EVENT_ID": n, "EVENT_TYPE_C": 1, "EVENT_SUBTYPE_C": 1, "PAT_ENC_CSN_ID": row["encounter_id"],
             "DEPARTMENT_ID": departments[row["department"]],
             "EFFECTIVE_TIME": sample.local(row["admitted_at"])}
            for n, row in enumerate(sample.encounters, 1)
        ],
        "CLARITY_DEP": [{"DEPARTMENT_ID": n, "DEPARTMENT_NAME": name} for name, n in departments.items()],
        "CLARITY_SER": [{"PROV_ID": npi, "PROV_NAME": name} for npi, name in providers],
        "CLARITY_SER_2": [{"PROV_ID": npi, "NPI": npi} for npi, _ in providers],
        "PAT_ENC_DX": [
            {"PAT_ENC_CSN_ID": row["encounter_id"], "LINE": 1, "DX_ID": dx[row["diagnosis_code"]],
             "PRIMARY_DX_YN": "Y"}
            for row in sample.encounters
        ],
        "CLARITY_EDG": [{"DX_ID": dx[code], "DX_NAME": name} for code, name in diagnoses],
        "EDG_CURRENT_ICD10": [{"DX_ID": n, "LINE": 1, "CODE": code} for code, n in dx.items()],
        "HSP_ACCOUNT": [
            {"HSP_ACCOUNT_ID": n, "PRIM_ENC_CSN_ID": row["encounter_id"], "TOT_CHGS": row["total_cost"]}
            for n, row in enumerate(sample.encounters, 1)
        ],
        "CLARITY_MEDICATION": [{"MEDICATION_ID": drug[code], "NAME": name} for code, name in drugs],
        "RXNORM_CODES": [{"MEDICATION_ID": n, "RXNORM_CODE": code} for code, n in drug.items()],
        "ORDER_MED": [_order(sample, row, drug, codes) for row in sample.of_kind("order")],
        "MAR_ADMIN_INFO": _administrations(sample, codes),
    }  # fmt: skip
    files |= {
        table: [{key: number, "NAME": name, "TITLE": name.upper()} for name, number in values.items()]
        for (table, key), values in codes.tables.items()
    }
    for name, rows in files.items():
        if rows:
            write_csv(folder / f"{name}.txt", rows, "|")


def _patient(sample: Sample, row: Row, codes: Categories) -> dict[str, object]:
    return {
        "PAT_ID": row["patient_id"], "PAT_MRN_ID": row["mrn"], "PAT_FIRST_NAME": row["first_name"],
        "PAT_LAST_NAME": row["last_name"], "BIRTH_DATE": f"{row['birth_date']} 00:00:00",
        "DEATH_DATE": f"{row['death_date']} 00:00:00" if row["death_date"] else "",
        "SEX_C": codes.number("ZC_SEX", "RCPT_MEM_SEX_C", {"F": "Female", "M": "Male"}[row["sex"]]),
        "ETHNIC_GROUP_C": codes.number("ZC_ETHNIC_GROUP", "ETHNIC_GROUP_C", row["ethnicity"]),
        "MARITAL_STATUS_C": codes.number("ZC_MARITAL_STATUS", "MARITAL_STATUS_C", row["marital_status"]),
        "LANGUAGE_C": codes.number("ZC_LANGUAGE", "LANGUAGE_C", row["language"]), "ADD_LINE_1": row["street"],
        "CITY": row["city"], "STATE_C": codes.number("ZC_STATE", "STATE_C", row["state"]),
        "ZIP": row["postal_code"], "HOME_PHONE": row["phone"], "EMAIL_ADDRESS": row["email"],
        "UPDATE_DATE": sample.local(row["updated_at"]),
    }  # fmt: skip


def _encounter(sample: Sample, row: Row, codes: Categories) -> dict[str, object]:
    disposition = DISPOSITIONS.get(row["discharge_disposition"], "")
    return {
        "PAT_ENC_CSN_ID": row["encounter_id"], "PAT_ID": row["patient_id"],
        "HOSP_ADMSN_TIME": sample.local(row["admitted_at"]),
        "HOSP_DISCH_TIME": sample.local(row["discharged_at"]),
        "ADT_PAT_CLASS_C": codes.number("ZC_PAT_CLASS", "ADT_PAT_CLASS_C", CLASSES[row["encounter_class"]]),
        "DISCH_DISP_C": codes.number("ZC_DISCH_DISP", "DISCH_DISP_C", disposition),
        "BILL_ATTEND_PROV_ID": row["provider_npi"], "UPDATE_DATE": sample.local(row["updated_at"]),
    }  # fmt: skip


def _order(sample: Sample, row: Row, drug: Mapping[str, int], codes: Categories) -> dict[str, object]:
    at = sample.local(row["ordered_at"])
    return {
        "ORDER_MED_ID": row["administration_id"], "PAT_ID": row["patient_id"],
        "PAT_ENC_CSN_ID": row["encounter_id"], "ORDERING_DATE": f"{at[:10]} 00:00:00", "ORDER_INST": at,
        "MEDICATION_ID": drug[row["medication_code"]], "HV_DISCRETE_DOSE": row["dose"],
        "HV_DOSE_UNIT_C": codes.number("ZC_MED_UNIT", "DISP_QTYUNIT_C", row["dose_unit"]),
        "MED_ROUTE_C": codes.number("ZC_ADMIN_ROUTE", "MED_ROUTE_C", row["route"]),
        "ORDER_STATUS_C": codes.number("ZC_ORDER_STATUS", "ORDER_STATUS_C", ORDER_STATUSES[row["status"]]),
        "MED_PRESC_PROV_ID": row["provider_npi"], "UPDATE_DATE": sample.local(row["updated_at"]),
    }  # fmt: skip


def _administrations(sample: Sample, codes: Categories) -> list[dict[str, object]]:
    orders, lines = sample.orders_by_dose(), defaultdict[str, int](int)
    found = []
    for row in sample.of_kind("administration"):
        order = orders[order_of(row)]
        lines[order] += 1
        reason = row["reason_not_given"]
        action = ACTIONS.get(row["status"]) or REFUSALS.get(reason, "Missed")
        why = "" if reason in REFUSALS else reason
        found.append({
            "ORDER_MED_ID": order, "LINE": lines[order],
            "TAKEN_TIME": sample.local(row["administered_at"] or row["due_at"]),
            "SCHEDULED_TIME": sample.local(row["due_at"]), "SAVED_TIME": sample.local(row["updated_at"]),
            "MAR_ACTION_C": codes.number("ZC_MAR_RSLT", "RESULT_C", action), "SIG": row["dose"],
            "DOSE_UNIT_C": codes.number("ZC_MED_UNIT", "DISP_QTYUNIT_C", row["dose_unit"]),
            "ROUTE_C": codes.number("ZC_ADMIN_ROUTE", "MED_ROUTE_C", row["route"]),
            "REASON_C": codes.number("ZC_MAR_RSN", "REASON_C", why),
        })  # fmt: skip
    return found
