"""Write a sample as a FHIR R4 bulk export, https://hl7.org/fhir/uv/bulkdata/ and https://hl7.org/fhir/R4/.

FHIR R4 encounters have no costs and administrations no barcode scans; the due time of a dose is there only if
the dose was not given.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.data_generator.extracts import Sample, distinct, write_ndjson

V2, ACT = "http://terminology.hl7.org/CodeSystem/v2-0203", "http://terminology.hl7.org/CodeSystem/v3-ActCode"
NPI, UCUM = "http://hl7.org/fhir/sid/us-npi", "http://unitsofmeasure.org"
RXNORM, ICD10 = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://hl7.org/fhir/sid/icd-10-cm"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
DISPOSITION = "http://terminology.hl7.org/CodeSystem/discharge-disposition"

SEXES = {"F": "female", "M": "male", "X": "other", "U": "unknown"}
DISPOSITIONS = {
    "home": "home", "snf": "snf", "hospice": "hosp", "other": "oth", "ama": "aadvice", "expired": "exp",
}  # fmt: skip

Row = Mapping[str, str]
Resource = dict[str, Any]


def write(sample: Sample, folder: Path) -> None:
    departments = {name: f"D{n}" for n, (name,) in enumerate(distinct(sample.encounters, "department"), 1)}
    providers = distinct(sample.encounters, "provider_npi", "provider_name", "provider_specialty")
    orders = {_order_key(row): row["administration_id"] for row in sample.of_kind("order")}
    files = {
        "Patient": map(_patient, sample.patients),
        "Encounter": (_encounter(row, departments) for row in sample.encounters),
        "Condition": map(_condition, sample.encounters),
        "Location": (_resource("Location", id_, name=name) for name, id_ in departments.items()),
        "Practitioner": (_practitioner(npi, name) for npi, name, _ in providers),
        "PractitionerRole": (_role(npi, specialty) for npi, _, specialty in providers),
        "MedicationRequest": map(_request, sample.of_kind("order")),
        "MedicationAdministration": (_given(row, orders) for row in sample.of_kind("administration")),
        "MedicationDispense": (_dispense(row, orders) for row in sample.of_kind("dispense")),
    }
    for type_, resources in files.items():
        write_ndjson(folder / f"{type_}.000.ndjson", resources)


def _resource(type_: str, id_: str, updated_at: str = "", **elements: Any) -> Resource:
    return {"resourceType": type_, "id": id_, "meta": {"lastUpdated": updated_at}, **elements}


def _reference(type_: str, id_: str) -> Resource:
    return {"reference": f"{type_}/{id_}"} if id_ else {}


def _patient(row: Row) -> Resource:
    return _resource(
        "Patient",
        row["patient_id"],
        row["updated_at"],
        identifier=[{"type": {"coding": [{"system": V2, "code": "MR"}]}, "value": row["mrn"]}],
        extension=[
            {"url": f"{US_CORE}{name}", "extension": [{"url": "text", "valueString": row[name]}]}
            for name in ("race", "ethnicity")
        ],
        name=[{"use": "official", "family": row["last_name"], "given": [row["first_name"]]}],
        telecom=[{"system": "phone", "value": row["phone"]}, {"system": "email", "value": row["email"]}],
        gender=SEXES.get(row["sex"]),
        birthDate=row["birth_date"],
        deceasedDateTime=row["death_date"],
        maritalStatus={"text": row["marital_status"]},
        communication=[{"language": {"text": row["language"]}}],
        address=[
            {"line": [row["street"]], **{name: row[name] for name in ("city", "state")},
             "postalCode": row["postal_code"]}
        ],
    )  # fmt: skip


def _encounter(row: Row, departments: Mapping[str, str]) -> Resource:
    return _resource(
        "Encounter",
        row["encounter_id"],
        row["updated_at"],
        status="finished" if row["discharged_at"] else "in-progress",
        **{"class": {"system": ACT, "code": row["encounter_class"]}},
        subject=_reference("Patient", row["patient_id"]),
        participant=[{"individual": _reference("Practitioner", row["provider_npi"])}],
        period={"start": row["admitted_at"], "end": row["discharged_at"]},
        diagnosis=[{"condition": _reference("Condition", f"C-{row['encounter_id']}"), "rank": 1}],
        location=[{"location": _reference("Location", departments[row["department"]])}],
        hospitalization={
            "dischargeDisposition": {
                "coding": [{"system": DISPOSITION, "code": DISPOSITIONS.get(row["discharge_disposition"])}]
            }
        },
    )


def _condition(row: Row) -> Resource:
    code = {"system": ICD10, "code": row["diagnosis_code"], "display": row["diagnosis_description"]}
    return _resource(
        "Condition",
        f"C-{row['encounter_id']}",
        row["updated_at"],
        subject=_reference("Patient", row["patient_id"]),
        encounter=_reference("Encounter", row["encounter_id"]),
        code={"coding": [code]},
    )


def _practitioner(npi: str, name: str) -> Resource:
    return _resource(
        "Practitioner",
        npi,
        identifier=[{"system": NPI, "value": npi}],
        name=[{"text": name, "use": "official"}],
    )


def _role(npi: str, specialty: str) -> Resource:
    person = _reference("Practitioner", npi)
    return _resource("PractitionerRole", f"R-{npi}", practitioner=person, specialty=[{"text": specialty}])


def _event(type_: str, row: Row, encounter: str, **elements: Any) -> Resource:
    code = {"system": RXNORM, "code": row["medication_code"], "display": row["medication_name"]}
    return _resource(
        type_,
        row["administration_id"],
        row["updated_at"],
        status=row["status"],
        medicationCodeableConcept={"coding": [code]},
        subject=_reference("Patient", row["patient_id"]),
        **{encounter: _reference("Encounter", row["encounter_id"])},
        **elements,
    )


def _quantity(row: Row) -> Resource:
    value = float(row["dose"]) if row["dose"] else None
    number = int(value) if value is not None and value.is_integer() else value
    return {"value": number, "unit": row["dose_unit"], "system": UCUM, "code": row["dose_unit"]}


def _request(row: Row) -> Resource:
    dosage = {"route": {"text": row["route"]}, "doseAndRate": [{"doseQuantity": _quantity(row)}]}
    return _event(
        "MedicationRequest",
        row,
        "encounter",
        intent="order",
        authoredOn=row["ordered_at"],
        requester=_reference("Practitioner", row["provider_npi"]),
        dosageInstruction=[dosage],
    )


def _order_key(row: Row) -> tuple[str, str, str]:
    return row["patient_id"], row["medication_code"], row["ordered_at"]


def _given(row: Row, orders: Mapping[tuple[str, str, str], str]) -> Resource:
    return _event(
        "MedicationAdministration",
        row,
        "context",
        effectiveDateTime=row["administered_at"] or row["due_at"],
        performer=[{"actor": _reference("Practitioner", row["provider_npi"])}],
        request=_reference("MedicationRequest", orders[_order_key(row)]),
        statusReason=[{"text": row["reason_not_given"]}],
        dosage={"route": {"text": row["route"]}, "dose": _quantity(row)},
    )


def _dispense(row: Row, orders: Mapping[tuple[str, str, str], str]) -> Resource:
    dosage = {"route": {"text": row["route"]}, "doseAndRate": [{"doseQuantity": _quantity(row)}]}
    return _event(
        "MedicationDispense",
        row,
        "context",
        authorizingPrescription=[_reference("MedicationRequest", orders[_order_key(row)])],
        whenHandedOver=row["administered_at"],
        performer=[{"actor": _reference("Practitioner", row["provider_npi"])}],
        dosageInstruction=[dosage],
    )
