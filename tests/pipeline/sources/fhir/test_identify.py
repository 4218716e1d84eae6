"""NDJSON files are recognized by their resources; other JSON is named for what it is."""

from __future__ import annotations

import json

import pytest

from portal.batches import inspection
from portal.batches.source_file import SourceFile


def look(*lines, name="data.ndjson", end="\n", **options):
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + end
    return inspection.inspect(SourceFile.from_bytes(name, text.encode()), **options)


def resource(type_, **elements):
    return {"resourceType": type_, "id": "1", **elements}


@pytest.mark.parametrize(
    ("type_", "table"),
    [
        ("Patient", "patients"),
        ("Encounter", "encounters"),
        ("MedicationRequest", "medications"),
        ("MedicationAdministration", "medications"),
        ("MedicationDispense", "medications"),
        ("Practitioner", "practitioners"),
        ("Condition", "diagnoses"),
    ],
)
def test_a_file_is_the_table_of_its_resources_whatever_its_name(type_, table):
    found = look(resource(type_), resource(type_), name="part-0001.jsonl")
    assert (found.use, found.match.format, found.match.table, found.rows) == ("loaded", "fhir", table, 2)
    assert inspection.describe([found.summary()]) == [
        f"part-0001.jsonl: {table}, 2 rows, FHIR resources of the type {type_}"
    ]


def test_resources_that_are_not_needed_are_named_and_counted():
    found = look(*[resource("Observation")] * 3, name="Observation.ndjson")
    assert (found.use, found.stops, found.rows) == ("not needed", False, 3)
    assert inspection.describe([found.summary()]) == [
        "Observation.ndjson: not needed, no table is built from Observation, 3 rows"
    ]


def test_the_log_of_an_export_is_not_needed():
    found = look(
        {"exportId": "1", "timestamp": "2024-01-01T00:00:00Z", "eventId": "kickoff"}, name="log.ndjson"
    )
    assert (found.use, found.stops) == ("not needed", False)


def test_broken_lines_are_rows_and_the_other_lines_say_what_the_file_is():
    found = look('{"resourceType": "Pat', resource("Patient"), resource("Group"), resource("Patient"))
    assert (found.use, found.match.table, found.rows) == ("loaded", "patients", 4)


def test_a_line_longer_than_the_part_that_is_inspected_is_understood():
    photo = resource("Patient", photo=[{"data": "A" * (inspection.HEAD + 1)}])
    assert (look(photo).match.table, look(photo).rows) == ("patients", 1)


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        (
            [json.dumps(resource("Bundle"), indent=2)],
            "is a JSON document of the type Bundle over several lines. Export NDJSON",
        ),
        (
            [resource("Patient"), resource("Encounter"), resource("Condition")],
            "mixes resources of the types Condition, Encounter, Patient. Export one file per type.",
        ),
        (['{"a": 1'], "it looks like JSON"),
    ],
)
def test_a_file_that_cannot_be_used_stops_the_import_with_its_cause(lines, cause):
    found = look(*lines)
    assert (found.use, found.stops) == ("not understood", True)
    assert cause in found.reason
    assert "\n" not in found.reason


def test_other_json_stops_nothing():
    found = look({"a": 1}, {"a": 2})
    assert (found.use, found.stops) == ("not understood", False)
    assert found.reason == (
        "'data.ndjson' contains JSON objects that are not FHIR resources (no resourceType). Export it as CSV."
    )


def test_the_chosen_format_decides():
    assert "Choose the format fhir" in look(resource("Patient"), format="native").reason
    csv = inspection.inspect(SourceFile.from_bytes("patients.csv", b"patient_id,birth_date\n1,2\n"), "fhir")
    assert (
        csv.reason == "'patients.csv' does not contain FHIR resources. Export NDJSON: one resource per line."
    )


def test_a_byte_that_is_not_utf_8_is_refused_even_with_another_encoding():
    content = b'{"resourceType":"Patient","id":"M\xfcller"}\n'
    found = inspection.inspect(SourceFile.from_bytes("Patient.ndjson", content), encoding="windows-1252")
    assert found.reason == "'Patient.ndjson', line 1: byte 0xFC is not UTF-8. Export the file as UTF-8."
