"""References between resources of a batch are resolved, by id and by identifier."""

from __future__ import annotations

import json

import pytest

from tests.support import extract_rows

NPI = "http://hl7.org/fhir/sid/us-npi"
MRN = {"system": "urn:oid:1.2", "value": "m1"}

RESOURCES = [
    {"resourceType": "Patient", "id": "p1", "identifier": [MRN]},
    {
        "resourceType": "Practitioner",
        "id": "d1",
        "identifier": [{"system": NPI, "value": "1234567893"}],
        "name": [{"family": "Lovelace", "given": ["Ada"], "prefix": ["Dr."]}],
    },
    {"resourceType": "Practitioner", "id": "d2", "name": [{"text": "Grace Hopper"}]},
    {
        "resourceType": "PractitionerRole",
        "id": "r1",
        "practitioner": {"reference": "Practitioner/d1"},
        "specialty": [{"text": "Cardiology"}],
    },
    {
        "resourceType": "PractitionerRole",
        "id": "r2",
        "practitioner": {"reference": "Practitioner/d2"},
        "specialty": [{"text": "Surgery"}],
    },
    {
        "resourceType": "PractitionerRole",
        "id": "r3",
        "practitioner": {"reference": "Practitioner/d2"},
        "specialty": [{"text": "Oncology"}],
    },
    {"resourceType": "Location", "id": "l1", "name": "Ward 3"},
    {"resourceType": "Organization", "id": "o1", "name": "General Hospital"},
    {"resourceType": "Medication", "id": "g1", "code": {"coding": [{"system": "s", "code": "314076"}]}},
]


def condition(id_, at, code, status="confirmed", encounter="e1"):
    return {
        "resourceType": "Condition",
        "id": id_,
        "encounter": {"reference": f"Encounter/{encounter}"},
        "recordedDate": at,
        "verificationStatus": {"coding": [{"code": status}]},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": code, "display": f"is {code}"}]},
    }


def encounter(id_="e1", **elements):
    return {
        "resourceType": "Encounter",
        "id": id_,
        "class": {"code": "IMP"},
        "subject": {"reference": "Patient/p1"},
        **elements,
    }


def participant(reference, **elements):
    return [{"individual": {"reference": reference, **elements}}]


@pytest.fixture
def read(spark, lake_prefix):
    """Returns a table's rows in a batch with `RESOURCES` and the given ones."""

    def of(table, *resources):
        files = {}
        for each in [*RESOURCES, *resources]:
            name = f"{each['resourceType']}.ndjson"
            files[name] = files.get(name, "") + json.dumps(each) + "\n"
        return extract_rows.rows(spark, files, table, lake_prefix)

    return of


@pytest.mark.parametrize(
    ("reference", "npi", "name", "specialty"),
    [
        ("Practitioner/d1", "1234567893", "Dr. Ada Lovelace", "Cardiology"),
        (f"Practitioner?identifier={NPI}|1234567893", "1234567893", "Dr. Ada Lovelace", "Cardiology"),
        ("PractitionerRole/r1", "1234567893", "Dr. Ada Lovelace", "Cardiology"),
        ("PractitionerRole/r3", "d2", "Grace Hopper", "Oncology"),
        ("Practitioner/d2", "d2", "Grace Hopper", None),
        ("Practitioner/gone", "gone", "As displayed", None),
        (f"Practitioner?identifier={NPI}|1111111112", "1111111112", "As displayed", None),
    ],
)
def test_a_clinician_is_found_by_every_reference_and_several_specialties_are_none(
    read, reference, npi, name, specialty
):
    [row] = read("encounters", encounter(participant=participant(reference, display="As displayed")))
    assert (row["provider_npi"], row["provider_name"]) == (npi, name)
    assert row["provider_specialty"] == specialty


@pytest.mark.parametrize(
    ("elements", "department"),
    [
        ({"location": [{"location": {"reference": "Location/l1", "display": "x"}}]}, "Ward 3"),
        ({"location": [{"location": {"display": "At home"}}]}, "At home"),
        ({"serviceProvider": {"reference": "Organization/o1"}}, "General Hospital"),
        ({"serviceType": {"text": "Cardiology"}, "location": [{"location": {"display": "x"}}]}, "Cardiology"),
        ({}, None),
    ],
)
def test_the_department_is_the_service_then_the_location_then_the_organization(read, elements, department):
    [row] = read("encounters", encounter(**elements))
    assert row["department"] == department


REASON = {"reasonCode": [{"coding": [{"system": "http://snomed.info/sct", "code": "7"}]}]}
PRINCIPAL = {"diagnosis": [{"condition": {"reference": "Condition/c3"}, "rank": 1}]}
CONDITIONS = [
    condition("c1", "2024-01-02T00:00:00Z", "1"),
    condition("c2", "2024-01-01T23:30:00-05:00", "2"),
    condition("c3", "2024-01-01T22:00:00-05:00", "3"),
    condition("c4", "2023-01-01T00:00:00Z", "4", status="refuted"),
]


@pytest.mark.parametrize(
    ("elements", "code"),
    [({**REASON, **PRINCIPAL}, "3"), (REASON, "7"), ({}, "1")],
    ids=["principal", "reason", "first recorded"],
)
def test_the_diagnosis_is_the_principal_one_then_the_reason_then_the_first_recorded(read, elements, code):
    first = [condition("c1", "2024-01-02T00:00:00Z", "1"), *CONDITIONS[1:]] if code != "1" else CONDITIONS[:2]
    [row] = read("encounters", encounter(**elements), *first)
    assert (row["diagnosis_code"], row["diagnosis_code_system"]) == (code, "http://snomed.info/sct")


def test_times_of_other_offsets_are_compared_as_times(read):
    [row] = read("encounters", encounter(), *CONDITIONS[:3])
    assert (row["diagnosis_code"], row["diagnosis_description"]) == ("1", "is 1")


def test_a_dose_has_the_time_and_a_reference_by_identifier_the_id_of_its_target(read):
    order = {
        "resourceType": "MedicationRequest",
        "id": "7",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "authoredOn": "2024-01-01T08:00:00Z",
    }
    dose = {
        "resourceType": "MedicationAdministration",
        "id": "7",
        "subject": {"identifier": MRN},
        "context": {"reference": "Encounter?identifier=urn:visits|v9"},
        "request": {"reference": "MedicationRequest/7"},
        "medicationReference": {"reference": "Medication/g1"},
        "effectiveDateTime": "2024-01-01T09:00:00Z",
    }
    visit = encounter("e9", identifier=[{"system": "urn:visits", "value": "v9"}])
    found = read("medications", order, dose, visit)
    assert [(row["event_kind"], row["administration_id"]) for row in found] == [
        ("administration", "7"),
        ("order", "7"),
    ]
    assert (found[0]["patient_id"], found[0]["encounter_id"]) == ("p1", "e9")
    assert (found[0]["ordered_at"], found[0]["administered_at"]) == (
        "2024-01-01T08:00:00Z",
        "2024-01-01T09:00:00Z",
    )
    assert (found[0]["medication_code"], found[0]["medication_code_system"]) == ("314076", "s")
    assert found[1]["encounter_id"] is None


def test_a_row_keeps_its_line_as_received_and_a_resource_listed_twice_multiplies_nothing(spark, lake_prefix):
    line = '{"id": "e1", "resourceType": "Encounter", "note":  "as  it came"}'
    practitioner = json.dumps(RESOURCES[1]) + "\n"
    files = {"E.ndjson": f"\n{line}\nbroken\n{line}\n", "P.ndjson": practitioner * 2}
    found = extract_rows.rows(spark, files, "encounters", lake_prefix)
    assert [(row["_line"], row["text"], row["_malformed"]) for row in found] == [
        (2, line, False),
        (3, "broken", True),
        (4, line, False),
    ]
    assert [row["fault"] for row in found] == [None, "The line is not a JSON object.", None]
