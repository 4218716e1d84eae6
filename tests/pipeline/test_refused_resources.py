"""Lines of a FHIR export that cannot be loaded are quarantined with file, line, text and reason."""

from __future__ import annotations

import json

import pytest

from tests.support.own_lake import own_lake

pytestmark = pytest.mark.integration

RUN = "refused"
GOOD = {
    "resourceType": "Patient",
    "name": [{"use": "official", "family": "None", "given": ["Ada"]}],
    "gender": "female",
    "birthDate": "1980-02-09",
}
UNREADABLE = (
    "Not met: The row is readable: it has as many fields as the header, or is a FHIR resource of the table."
)
PATIENTS = [
    json.dumps({**GOOD, "id": "p1"}),
    '{"resourceType": "Patient", "id": "p2", "name": ',
    "",
    json.dumps({"resourceType": "Group", "id": "p3"}),
    json.dumps(GOOD),
    json.dumps({**GOOD, "id": "p4", "birthDate": "1980"}),
    json.dumps({**GOOD, "id": "p1"}),
]
ENCOUNTERS = [
    json.dumps(
        {
            "resourceType": "Encounter",
            "id": f"e{number}",
            "status": status,
            "class": {"code": "AMB"},
            "subject": {"reference": "Patient/p1"},
            "period": {"start": "2024-07-01T08:30:00-04:00", "end": "2024-07-01T09:00:00-04:00"},
        }
    )
    for number, status in enumerate(["finished", "cancelled"], 1)
]


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """A lake with a run of an export with such lines; the batch."""
    folder = tmp_path_factory.mktemp("export")
    (folder / "Patient.ndjson").write_text("\n".join(PATIENTS) + "\n")
    (folder / "Encounter.ndjson").write_text("\n".join(ENCOUNTERS) + "\n")
    with own_lake(tmp_path_factory.mktemp("lake") / "state") as running:
        batch = running.load(folder)
        running.run(RUN)
        yield running, batch


def test_every_line_is_loaded_or_quarantined(lake):
    running, batch = lake
    assert running.account(RUN) == {
        (batch.batch_id, "patients"): (6, 1, 5, 1),
        (batch.batch_id, "encounters"): (2, 1, 1, 0),
    }


def test_each_refused_line_has_its_text_its_line_and_its_reason(lake):
    running, batch = lake
    with running.sql(RUN) as db:
        found = db.execute(
            "SELECT source_line, raw, reasons, source_file FROM quality.patients ORDER BY source_line"
        ).fetchall()
        loaded = db.execute("SELECT patient_id, last_name, source_line FROM silver.patients").fetchall()
    [file] = batch.tables["patients"]["files"]
    assert loaded == [("p1", "None", 1)]
    assert [(number, text) for number, text, *_ in found] == [
        (number, PATIENTS[number - 1]) for number in (2, 4, 5, 6, 7)
    ]
    assert {row[3] for row in found} == {file["key"]}
    reasons = {row[0]: row[2] for row in found}
    assert reasons[2][0] == "The line is not a JSON object."
    assert UNREADABLE in reasons[2]
    assert reasons[4][0] == "The resource is not of the type Patient, as the file's others are."
    assert reasons[5] == ["Not met: Every patient has an identifier."]
    assert reasons[6] == ["Not met: Dates are written as ISO 8601 (2024-03-09)."]
    assert reasons[7] == ["The same row was received before."]


def test_a_cancelled_encounter_is_quarantined_with_its_status(lake):
    running, _ = lake
    with running.sql(RUN) as db:
        found = db.execute("SELECT record_key, source_line, reasons FROM quality.encounters").fetchall()
    assert [row[:2] for row in found] == [("e2", 2)]
    assert found[0][2] == ["The encounter did not take place: its status is cancelled.", UNREADABLE]
