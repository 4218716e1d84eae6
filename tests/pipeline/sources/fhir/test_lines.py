"""Resources become rows: documented examples, references, statuses, and lines that are not loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.sources.fhir.lines import row_of

EXAMPLES = Path(__file__).parent / "examples"
SCT = "http://snomed.info/sct"


def example(name, line=0):
    """Return the values of a documentation example that are not empty."""
    text = (EXAMPLES / f"{name}.ndjson").read_text(encoding="utf-8").splitlines()[line]
    return {column: value for column, value in row_of(text, name).items() if value is not None}


def row(resource_type, **elements):
    return row_of(json.dumps({"resourceType": resource_type, "id": "x", **elements}), resource_type)


def test_the_documented_patient_has_its_current_official_name_and_its_record_number():
    assert example("Patient") == {
        "names": "Patient/example\nurn:oid:1.2.36.146.595.217.0.1|12345",
        "patient_id": "example",
        "mrn": "12345",
        "first_name": "Peter",
        "last_name": "Chalmers",
        "birth_date": "1974-12-25",
        "sex": "male",
        "street": "534 Erewhon St",
        "city": "PleasantVille",
        "state": "Vic",
        "postal_code": "3999",
        "phone": "(03) 5555 6473",
    }


def test_the_documented_encounters_keep_offsets_and_have_no_invented_times():
    assert example("Encounter") == {
        "names": "Encounter/home",
        "encounter_id": "home",
        "patient_id": "example",
        "patient_key": "Patient/example",
        "provider_key": "Practitioner/example",
        "provider_id": "example",
        "provider_name": "Dr Adam Careful",
        "location_name": "Client's home",
        "encounter_class": "HH",
        "admitted_at": "2015-01-17T16:00:00+10:00",
        "discharged_at": "2015-01-17T16:30:00+10:00",
    }
    assert example("Encounter", 1) == {
        "names": "Encounter/example",
        "encounter_id": "example",
        "patient_id": "example",
        "patient_key": "Patient/example",
        "encounter_class": "IMP",
    }


def test_the_documented_order_takes_its_medication_from_the_contained_resource():
    assert example("MedicationRequest") == {
        "names": "MedicationRequest/medrx0302\nhttp://www.bmc.nl/portal/prescriptions|12345689",
        "event_kind": "order",
        "event_id": "medrx0302",
        "status": "active",
        "patient_id": "pat1",
        "patient_key": "Patient/pat1",
        "encounter_id": "f001",
        "encounter_key": "Encounter/f001",
        "provider_key": "Practitioner/f007",
        "provider_id": "f007",
        "provider_name": "Patrick Pump",
        "code": "324252006",
        "system": SCT,
        "name": "Azithromycin 250mg capsule (product)",
        "dose": "1",
        "dose_unit": "TAB",
        "route": "26643006",
        "ordered_at": "2015-01-15",
    }


def test_the_documented_administration_has_dose_route_and_time():
    found = example("MedicationAdministration")
    assert (found["event_kind"], found["event_id"], found["status"]) == (
        "administration",
        "medadmin0301",
        "in-progress",
    )
    assert (found["code"], found["system"]) == ("0409-6531-02", "http://hl7.org/fhir/sid/ndc")
    assert (found["dose"], found["dose_unit"], found["route"]) == ("500", "mg", "47625008")
    assert found["administered_at"] == "2015-01-15T14:30:00+01:00"
    assert found["request_key"] == "MedicationRequest/medrx0318"
    assert "ordered_at" not in found


def test_a_dose_not_given_has_a_due_time_and_a_reason_and_no_time_of_administration():
    reason = {"coding": [{"code": "a", "display": "None"}], "text": "Refused"}
    found = row(
        "MedicationAdministration",
        status="not-done",
        effectiveDateTime="2024-01-01T08:00:00Z",
        statusReason=[reason],
    )
    assert (found["administered_at"], found["due_at"]) == (None, "2024-01-01T08:00:00Z")
    assert found["reason_not_given"] == "Refused"


def test_a_dispense_is_handed_over_and_has_an_order():
    found = row(
        "MedicationDispense",
        status="completed",
        whenPrepared="2024-01-01T08:00:00Z",
        whenHandedOver="2024-01-01T09:00:00Z",
        authorizingPrescription=[{"reference": "MedicationRequest/7"}],
        medicationCodeableConcept={
            "coding": [
                {"system": SCT, "code": "1"},
                {
                    "system": "http://www.nlm.nih.gov/research/umls/rxnorm",
                    "code": "314076",
                    "display": "lisinopril",
                },
            ]
        },
    )
    assert (found["event_kind"], found["administered_at"]) == ("dispense", "2024-01-01T09:00:00Z")
    assert found["request_key"] == "MedicationRequest/7"
    assert (found["code"], found["name"]) == ("314076", "lisinopril")


@pytest.mark.parametrize(
    ("reference", "id_", "key"),
    [
        ({"reference": "Patient/123"}, "123", "Patient/123"),
        ({"reference": "Patient/123/_history/4"}, "123", "Patient/123"),
        ({"reference": "https://example.org/fhir/Patient/123"}, "123", "Patient/123"),
        (
            {"reference": "urn:uuid:129c6ac7-8d06-89de-ad63-0204a93e76c3"},
            "129c6ac7-8d06-89de-ad63-0204a93e76c3",
            "Patient/129c6ac7-8d06-89de-ad63-0204a93e76c3",
        ),
        ({"reference": "Patient?identifier=urn:oid:1.2|9"}, None, "urn:oid:1.2|9"),
        ({"identifier": {"system": "urn:oid:1.2", "value": "9"}}, None, "urn:oid:1.2|9"),
        ({"reference": "Group/1"}, None, "Group/1"),
        ({"reference": "Patient?name=Duck"}, None, None),
        ({"reference": "#p1"}, None, None),
        ({"display": "Donald Duck"}, None, None),
        ({}, None, None),
    ],
)
def test_a_reference_names_its_target_in_every_documented_form(reference, id_, key):
    found = row("Encounter", subject=reference)
    assert (found["patient_id"], found["patient_key"]) == (id_, key)


@pytest.mark.parametrize("status", ["planned", "cancelled", "entered-in-error"])
def test_an_encounter_that_did_not_take_place_is_not_loaded(status):
    assert row("Encounter", status=status)["fault"] == (
        f"The encounter did not take place: its status is {status}."
    )
    assert row("Encounter", status="finished")["fault"] is None


@pytest.mark.parametrize(
    ("elements", "fault"),
    [
        ({"intent": "proposal"}, "The resource is a proposal, a plan or an option, not an order."),
        ({"intent": "plan"}, "The resource is a proposal, a plan or an option, not an order."),
        ({"intent": "order", "doNotPerform": True}, "The order says not to give the medication."),
        ({"intent": "order", "status": "draft"}, None),
        ({"intent": "reflex-order"}, None),
    ],
)
def test_a_proposal_is_no_order(elements, fault):
    assert row("MedicationRequest", **elements)["fault"] == fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"resourceType": "Patient", "id": "p1"', "The line is not a JSON object."),
        ('{"resourceType": "Patient", "id": "p1"} {}', "The line is not a JSON object."),
        ('["Patient"]', "The line is not a JSON object."),
        ('{"resourceType": "Patient", "multipleBirthInteger": NaN}', "The line is not a JSON object."),
        ("[" * 100_000, "The line is not a JSON object."),
        (
            '{"resourceType": "Group", "id": "p1"}',
            "The resource is not of the type Patient, as the file's others are.",
        ),
        ('{"id": "p1"}', "The resource is not of the type Patient, as the file's others are."),
        (
            '{"resourceType": "Patient", "id": "\\ud800"}',
            "The line contains a character that is not valid Unicode.",
        ),
    ],
)
def test_a_line_that_is_no_resource_of_the_type_says_why_and_shows_no_value(text, fault):
    assert row_of(text, "Patient") == {"fault": fault}


@pytest.mark.parametrize(
    "elements",
    [
        {"name": "Chalmers", "address": {"city": "Oslo"}, "telecom": [None], "identifier": [[]]},
        {"name": [{"given": "Peter"}], "communication": [{"language": "en"}], "meta": []},
        {"extension": [{"url": 1}], "gender": 7, "birthDate": ["1974"]},
    ],
)
def test_elements_of_another_shape_are_empty_and_never_an_error(elements):
    found = row("Patient", **elements)
    assert (found["patient_id"], found["last_name"], found["mrn"]) == ("x", None, None)


def test_race_and_ethnicity_are_those_of_us_core():
    url = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
    category = {"url": "ombCategory", "valueCoding": {"code": "2106-3", "display": "White"}}
    found = row(
        "Patient",
        extension=[
            {"url": f"{url}race", "extension": [category]},
            {"url": f"{url}ethnicity", "extension": [category, {"url": "text", "valueString": "Latino"}]},
        ],
    )
    assert (found["race"], found["ethnicity"]) == ("White", "Latino")


def test_the_attender_is_the_clinician_and_rank_1_is_the_principal_diagnosis():
    def of(kind, reference):
        return {"type": [{"coding": [{"code": kind}]}], "individual": {"reference": reference}}

    found = row(
        "Encounter",
        participant=[of("CON", "Practitioner/1"), of("PPRF", "Practitioner/2"), of("ATND", "Practitioner/3")],
        diagnosis=[
            {"condition": {"reference": "Condition/1"}, "rank": 2},
            {"condition": {"reference": "Condition/2"}, "rank": 1},
        ],
        hospitalization={"dischargeDisposition": {"coding": [{"code": "exp"}]}},
    )
    assert (found["provider_id"], found["condition_key"]) == ("3", "Condition/2")
    assert found["discharge_disposition"] == "expired"


def test_a_contained_practitioner_gives_number_and_name():
    practitioner = {
        "resourceType": "Practitioner",
        "id": "p",
        "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893"}],
        "name": [{"given": ["Ada"], "family": "Lovelace"}],
    }
    found = row("MedicationRequest", contained=[practitioner], requester={"reference": "#p"})
    assert (found["provider_id"], found["provider_name"]) == ("1234567893", "Ada Lovelace")
