"""Unmasking a record is recorded with the patient's pseudonym before anybody sees the record."""

from __future__ import annotations

import pytest
from botocore.exceptions import EndpointConnectionError

from portal.audit import service as audit_log
from portal.audit.service import Search
from portal.core.errors import ServiceError
from portal.core.pseudonyms import labels
from portal.quality import results as quality
from portal.reviews import commands as reviews

FINDING = ("patients", "PAT-M01")


@pytest.fixture
def seen(acting):
    """Return the events of a person that the privacy officer sees, newest first."""
    officer = acting("pat", "privacy_officer")

    def events(person, **filters):
        wanted = Search.last_days(1)
        found = audit_log.search(officer, Search(wanted.since, wanted.until, ("unmask",), person, **filters))
        return [(e.target, e.reason, e.patients) for e in found]

    return events


def test_it_is_found_by_the_patients_pseudonym_and_names_nobody(acting, held_run, seen):
    reader = acting("dr.audited", "clinician")
    failing = quality.results(reader, held_run.run_id)
    found = failing[(failing["table_name"] == "encounters") & (failing["failed"] > 0)]
    rule = found["rule_id"].iloc[0]
    record = reviews.unmask(reader, held_run.run_id, "encounters", rule, 0, "to compare with the chart")
    patient_id = record["patient_id"]
    [patient] = labels(reader, "patients", [patient_id])
    ((target, reason, patients),) = seen("dr.audited", patient=patient)
    assert target == {
        "run": held_run.run_id,
        "table": "encounters",
        "rule": rule,
        "record": record["pseudonym"],
    }
    assert (reason, patients) == ("to compare with the chart", (patient,))
    assert patient_id not in str(seen("dr.audited"))


def test_without_a_record_nothing_is_unmasked(acting, held_run, seen, monkeypatch):
    def away(*_, **__):
        raise EndpointConnectionError(endpoint_url="https://s3")

    reader = acting("dr.offline", "clinician")
    with monkeypatch.context() as meanwhile, pytest.raises(ServiceError, match="could not be written"):
        meanwhile.setattr(audit_log, "write_json", away)
        reviews.unmask(reader, held_run.run_id, *FINDING, 0, "to see")
    assert seen("dr.offline") == []


def test_without_a_reason_nothing_is_recorded_and_nothing_unmasked(acting, held_run, seen):
    reader = acting("dr.hasty", "clinician")
    with pytest.raises(ServiceError, match="A reason for access is required"):
        reviews.unmask(reader, held_run.run_id, *FINDING, 0, " ")
    assert seen("dr.hasty") == []
