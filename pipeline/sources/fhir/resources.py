"""Convert FHIR R4 resources to flat rows: one row per resource, all values as text.

One function per resource type, https://hl7.org/fhir/R4/resourcelist.html; US Core extensions for race and
ethnicity, https://hl7.org/fhir/us/core/STU3.1.1/StructureDefinition-us-core-race.html.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from pipeline.sources.fhir import medications
from pipeline.sources.fhir.elements import (
    NPI,
    Element,
    child,
    code,
    coding,
    extension,
    first_text,
    human_name,
    identifier,
    label,
    listed,
    names,
    preferred,
    reference_id,
    reference_key,
    text,
)
from pipeline.sources.fhir.provider import provider

Row = dict[str, str | None]

IDENTIFIER_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
"""Types of identifiers; MR is a medical record number: https://hl7.org/fhir/R4/valueset-identifier-type.html"""

US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"

ACT_CODES = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
"""Encounter classes: https://hl7.org/fhir/R4/v3/ActEncounterCode/vs.html"""

CLASSES = {"NONAC": "IMP"}
"""Classes that the portal does not list, by the listed class that includes them (inpatient non-acute)."""

DISPOSITIONS = {
    "home": "home",
    "alt-home": "home",
    "other-hcf": "other",
    "hosp": "hospice",
    "long": "other",
    "aadvice": "ama",
    "exp": "expired",
    "psy": "other",
    "rehab": "other",
    "snf": "snf",
    "oth": "other",
}
"""https://hl7.org/fhir/R4/valueset-encounter-discharge-disposition.html, mapped to the contract's codes."""

DID_NOT_TAKE_PLACE = ("planned", "cancelled", "entered-in-error")
"""Statuses of encounters that are not loaded: https://hl7.org/fhir/R4/valueset-encounter-status.html"""

NO_DIAGNOSIS = ("refuted", "entered-in-error")
"""https://hl7.org/fhir/R4/valueset-condition-ver-status.html"""


def patient(resource: Element) -> Row:
    """https://hl7.org/fhir/R4/patient.html"""
    name = preferred(listed(resource, "name"), "official", "usual")
    address = preferred(listed(resource, "address"), "home")
    telecoms = listed(resource, "telecom")
    return {
        "names": names(resource),
        "patient_id": text(resource, "id"),
        "mrn": _mrn(resource),
        "first_name": first_text(name, "given"),
        "last_name": text(name, "family"),
        "birth_date": text(resource, "birthDate"),
        "death_date": text(resource, "deceasedDateTime"),
        "sex": text(resource, "gender"),
        "race": _us_core(resource, "race"),
        "ethnicity": _us_core(resource, "ethnicity"),
        "marital_status": code(child(resource, "maritalStatus")),
        "language": _language(resource),
        "street": first_text(address, "line"),
        "city": text(address, "city"),
        "state": text(address, "state"),
        "postal_code": text(address, "postalCode"),
        "phone": _telecom(telecoms, "phone"),
        "email": _telecom(telecoms, "email"),
        "updated_at": text(child(resource, "meta"), "lastUpdated"),
    }


def _mrn(resource: Element) -> str | None:
    """Return the medical record number: the identifier of type MR, a current one first."""
    numbers = [
        each
        for each in listed(resource, "identifier")
        if any(
            one.get("system") == IDENTIFIER_TYPES and one.get("code") == "MR"
            for one in listed(child(each, "type"), "coding")
        )
    ]
    return text(preferred(numbers, "usual", "official"), "value")


def _us_core(resource: Element, name: str) -> str | None:
    """Return the text of a US Core extension, otherwise the display of its first OMB category."""
    found = extension(resource, f"{US_CORE}{name}")
    category = child(extension(found, "ombCategory"), "valueCoding")
    return text(extension(found, "text"), "valueString") or text(category, "display")


def _language(resource: Element) -> str | None:
    spoken = listed(resource, "communication")
    chosen = next((each for each in spoken if each.get("preferred") is True), spoken[0] if spoken else {})
    return code(child(chosen, "language"))


def _telecom(telecoms: list[Element], system: str) -> str | None:
    return text(preferred([each for each in telecoms if each.get("system") == system], "home"), "value")


def encounter(resource: Element) -> Row:
    """https://hl7.org/fhir/R4/encounter.html

    The diagnosis is the principal entry of `diagnosis`, otherwise `reasonCode`; the query falls back to
    conditions of the encounter. The department is the location, otherwise the service provider.
    """
    subject = child(resource, "subject")
    period = child(resource, "period")
    place = _place(resource)
    organization = child(resource, "serviceProvider")
    reason = child(resource, "reasonCode")
    disposition = code(child(resource, "hospitalization", "dischargeDisposition"))
    class_ = text(child(resource, "class"), "code")
    return {
        "names": names(resource),
        "encounter_id": text(resource, "id"),
        "patient_id": reference_id(subject, "Patient"),
        "patient_key": reference_key(subject, "Patient"),
        **provider(resource, _participant(resource)),
        "service": label(child(resource, "serviceType")),
        "location_key": reference_key(place, "Location"),
        "location_name": text(place, "display"),
        "organization_key": reference_key(organization, "Organization"),
        "organization_name": text(organization, "display"),
        "encounter_class": CLASSES.get(class_ or "", class_),
        "admitted_at": text(period, "start"),
        "discharged_at": text(period, "end"),
        "condition_key": _principal(resource),
        "reason_code": text(coding(reason), "code"),
        "reason_system": text(coding(reason), "system"),
        "reason_text": text(coding(reason), "display") or text(reason, "text"),
        "discharge_disposition": DISPOSITIONS.get(disposition or "", disposition),
        "updated_at": text(child(resource, "meta"), "lastUpdated"),
        "fault": _absence(resource),
    }


def _absence(resource: Element) -> str | None:
    status = text(resource, "status")
    if status in DID_NOT_TAKE_PLACE:
        return f"The encounter did not take place: its status is {status}."
    return None


def _participant(resource: Element) -> Element:
    """Return the attender, otherwise the primary performer, otherwise the first participating person.

    Types: https://hl7.org/fhir/R4/valueset-encounter-participant-type.html
    """
    people = [each for each in listed(resource, "participant") if child(each, "individual")]
    for wanted in ("ATND", "PPRF"):
        for each in people:
            types = [one.get("code") for concept in listed(each, "type") for one in listed(concept, "coding")]
            if wanted in types:
                return child(each, "individual")
    return child(people[0], "individual") if people else {}


def _place(resource: Element) -> Element:
    """Return the first location at which the patient is or was."""
    places = [
        each for each in listed(resource, "location") if each.get("status") not in ("planned", "reserved")
    ]
    return child(places[0], "location") if places else {}


def _principal(resource: Element) -> str | None:
    """Return the key of the principal condition: rank 1, else the discharge diagnosis, else the first.

    Roles: https://hl7.org/fhir/R4/valueset-diagnosis-role.html
    """
    given = listed(resource, "diagnosis")
    ranked = [each for each in given if text(each, "rank") == "1"]
    discharge = [each for each in given if coding(child(each, "use")).get("code") == "DD"]
    chosen = [*ranked, *discharge, *given]
    return reference_key(child(chosen[0], "condition"), "Condition") if chosen else None


def condition(resource: Element) -> Row:
    """https://hl7.org/fhir/R4/condition.html; a refuted condition has no code and is not loaded."""
    concept, subject, visit = (child(resource, name) for name in ("code", "subject", "encounter"))
    status = coding(child(resource, "verificationStatus")).get("code")
    is_diagnosis = status not in NO_DIAGNOSIS
    return {
        "names": names(resource),
        "diagnosis_id": text(resource, "id"),
        "patient_id": reference_id(subject, "Patient"),
        "patient_key": reference_key(subject, "Patient"),
        "encounter_id": reference_id(visit, "Encounter") if is_diagnosis else None,
        "encounter_key": reference_key(visit, "Encounter") if is_diagnosis else None,
        "code": text(coding(concept), "code") if is_diagnosis else None,
        "system": text(coding(concept), "system"),
        "display": text(coding(concept), "display") or text(concept, "text"),
        "recorded_at": _in_utc(text(resource, "recordedDate") or text(resource, "onsetDateTime")),
        "updated_at": text(child(resource, "meta"), "lastUpdated"),
        "fault": None if is_diagnosis else f"The condition is no diagnosis: its status is {status}.",
    }


def _in_utc(time: str | None) -> str | None:
    """Return a time with an offset in UTC, so that its text can be compared; other texts are kept."""
    try:
        found = datetime.fromisoformat(time or "")
    except ValueError:
        return time
    return found.astimezone(UTC).isoformat() if found.tzinfo else time


def practitioner(resource: Element) -> Row:
    """https://hl7.org/fhir/R4/practitioner.html"""
    return {
        "names": names(resource),
        "id": text(resource, "id"),
        "npi": identifier(resource, NPI),
        "name": human_name(preferred(listed(resource, "name"), "official", "usual")),
    }


def practitioner_role(resource: Element) -> Row:
    """https://hl7.org/fhir/R4/practitionerrole.html"""
    person, id_ = child(resource, "practitioner"), text(resource, "id")
    return {
        "names": f"PractitionerRole/{id_}" if id_ else None,
        "practitioner_key": reference_key(person, "Practitioner"),
        "specialty": label(child(resource, "specialty")) or label(child(resource, "code")),
    }


def named(resource: Element) -> Row:
    """https://hl7.org/fhir/R4/location.html, https://hl7.org/fhir/R4/organization.html"""
    return {"names": names(resource), "name": text(resource, "name")}


def medication(resource: Element) -> Row:
    """https://hl7.org/fhir/R4/medication.html"""
    return {"names": names(resource), **medications.product(child(resource, "code"))}


CONVERT: dict[str, tuple[str, Callable[[Element], Row]]] = {
    "Patient": ("patients", patient),
    "Encounter": ("encounters", encounter),
    "MedicationRequest": ("medications", medications.request),
    "MedicationAdministration": ("medications", medications.administration),
    "MedicationDispense": ("medications", medications.dispense),
    "Condition": ("diagnoses", condition),
    "Practitioner": ("practitioners", practitioner),
    "PractitionerRole": ("practitioner_roles", practitioner_role),
    "Location": ("locations", named),
    "Organization": ("organizations", named),
    "Medication": ("products", medication),
}
"""File type and conversion by resource type; resources of other types are not needed."""

FAULT = "fault"
"""Column with the reason for which a resource is not loaded; it is no column of the file type."""


def _columns(table: str) -> tuple[str, ...]:
    rows = [convert({}) for kind, convert in CONVERT.values() if kind == table]
    return tuple(dict.fromkeys(name for row in rows for name in row if name != FAULT))


COLUMNS = {table: _columns(table) for table, _ in CONVERT.values()}
"""Columns by file type."""
