"""Sound rows, of which each case changes a part, and the people and stays to which they refer."""

from __future__ import annotations

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
    "diagnoses": {
        "encounter_id": "stay",
        "patient_id": "woman",
        "diagnosis_code": "J18.9",
        "diagnosis_code_system": "ICD-10-CM",
        "diagnosis_description": "Pneumonia",
        "is_principal": "true",
        "diagnosed_at": "2025-02-01",
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
