"""Convert FHIR R4 orders, dispenses and administrations of medications to flat rows.

https://hl7.org/fhir/R4/medicationrequest.html, https://hl7.org/fhir/R4/medicationdispense.html,
https://hl7.org/fhir/R4/medicationadministration.html

Statuses are kept: the contract has those of each resource type.
"""

from __future__ import annotations

from pipeline.sources.fhir.elements import (
    Element,
    child,
    code,
    coding,
    contained,
    label,
    names,
    reference_id,
    reference_key,
    text,
)
from pipeline.sources.fhir.provider import provider

Row = dict[str, str | None]

RXNORM, NDC, UCUM, SNOMED = (
    "http://www.nlm.nih.gov/research/umls/rxnorm",
    "http://hl7.org/fhir/sid/ndc",
    "http://unitsofmeasure.org",
    "http://snomed.info/sct",
)
"""https://hl7.org/fhir/R4/terminologies-systems.html"""

ORDER_INTENTS = (None, "order", "original-order", "reflex-order", "filler-order", "instance-order")
"""Intents of orders; the others are proposals, plans and options.

https://hl7.org/fhir/R4/valueset-medicationrequest-intent.html
"""


def request(resource: Element) -> Row:
    """Return the row of an order."""
    dosage = child(resource, "dosageInstruction")
    return {
        **_common(resource, "order", child(resource, "subject"), child(resource, "encounter")),
        **provider(resource, child(resource, "requester")),
        **_dose(child(dosage, "doseAndRate", "doseQuantity"), child(dosage, "route")),
        "ordered_at": text(resource, "authoredOn"),
        "administered_at": None,
        "due_at": None,
        "request_key": None,
        "reason_not_given": None,
        "fault": _no_order(resource),
    }


def _no_order(resource: Element) -> str | None:
    if text(resource, "doNotPerform") == "true":
        return "The order says not to give the medication."
    if text(resource, "intent") not in ORDER_INTENTS:
        return "The resource is a proposal, a plan or an option, not an order."
    return None


def administration(resource: Element) -> Row:
    """Return the row of an administration; the time of a dose that was not given is its due time."""
    dosage = child(resource, "dosage")
    at = text(resource, "effectiveDateTime") or text(child(resource, "effectivePeriod"), "start")
    is_given = text(resource, "status") != "not-done"
    return {
        **_common(resource, "administration", child(resource, "subject"), child(resource, "context")),
        **provider(resource, child(resource, "performer", "actor")),
        **_dose(child(dosage, "dose"), child(dosage, "route")),
        "ordered_at": None,
        "administered_at": at if is_given else None,
        "due_at": None if is_given else at,
        "request_key": reference_key(child(resource, "request"), "MedicationRequest"),
        "reason_not_given": None if is_given else label(child(resource, "statusReason")),
    }


def dispense(resource: Element) -> Row:
    """Return the row of a dispense; it is handed over, otherwise prepared, at `administered_at`."""
    dosage = child(resource, "dosageInstruction")
    return {
        **_common(resource, "dispense", child(resource, "subject"), child(resource, "context")),
        **provider(resource, child(resource, "performer", "actor")),
        **_dose(child(dosage, "doseAndRate", "doseQuantity"), child(dosage, "route")),
        "ordered_at": None,
        "administered_at": text(resource, "whenHandedOver") or text(resource, "whenPrepared"),
        "due_at": None,
        "request_key": reference_key(child(resource, "authorizingPrescription"), "MedicationRequest"),
        "reason_not_given": None,
    }


def _common(resource: Element, kind: str, subject: Element, encounter: Element) -> Row:
    reference = child(resource, "medicationReference")
    concept = child(contained(resource, reference), "code") or child(resource, "medicationCodeableConcept")
    return {
        "names": names(resource),
        "event_kind": kind,
        "event_id": text(resource, "id"),
        "status": text(resource, "status"),
        "patient_id": reference_id(subject, "Patient"),
        "patient_key": reference_key(subject, "Patient"),
        "encounter_id": reference_id(encounter, "Encounter"),
        "encounter_key": reference_key(encounter, "Encounter"),
        "product_key": reference_key(reference, "Medication"),
        **product(concept),
        "updated_at": text(child(resource, "meta"), "lastUpdated"),
    }


def product(concept: Element) -> Row:
    """Return code, system and name of a medication, in RxNorm or NDC if it has such a code."""
    chosen = coding(concept, RXNORM, NDC)
    return {
        "code": text(chosen, "code"),
        "system": text(chosen, "system"),
        "name": text(chosen, "display") or text(concept, "text"),
    }


def _dose(quantity: Element, route: Element) -> Row:
    is_ucum = quantity.get("system") == UCUM
    unit = text(quantity, "code") if is_ucum else text(quantity, "unit") or text(quantity, "code")
    return {"dose": text(quantity, "value"), "dose_unit": unit, "route": code(route, SNOMED)}
