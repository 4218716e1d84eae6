"""A deputy signs for a clinician: the signature names both, and nobody else may."""

from __future__ import annotations

import json

import pytest

from pipeline.lake.store import write_json
from portal.core.auth import Principal, User
from portal.core.errors import ServiceError
from portal.reviews import read_model, sign_off
from tests.support.memory_hospital import RULES, RUN, signed


@pytest.fixture
def lee(hospital):
    return hospital.by("dr.lee")


@pytest.fixture
def kim(hospital):
    """Return an analyst who is the deputy of clinicians with these names."""

    def deputy(*names, role="analyst"):
        principals = tuple(Principal(f"{name}@hospital.org", name) for name in names)
        return hospital.aws.on_behalf_of(User("kim", role, deputy_for=principals))

    return deputy


def _audited(hospital):
    """Return the stored events of the audit log about signatures."""
    bodies = [body for (_, key), (body, _) in sorted(hospital.s3.objects.items()) if "-sign_off-" in key]
    return [json.loads(body) for body in bodies]


def test_a_deputy_signs_for_the_clinician_and_the_signature_names_both(hospital, kim):
    hospital.audited({})
    hospital.results[RUN] = {RULES[0]: ("block", "pass", 0, 10)}
    event = sign_off.sign(kim("Dr. Lee"), RUN, "approve", "Fine.").event
    assert (event.by, event.payload["signed_for"]) == ("kim", "Dr. Lee@hospital.org")
    signature = read_model.of_run(hospital.by("dr.lee"), RUN).signature
    assert signature.meaning == (
        "I have reviewed this release and approve it for analysis. Signed for Dr. Lee (Dr. Lee@hospital.org)."
    )
    (recorded,) = _audited(hospital)
    assert (recorded["name"], recorded["reason"]) == ("kim", "Fine.")
    assert recorded["target"] == {"run": RUN, "verdict": "approve", "for": "Dr. Lee (Dr. Lee@hospital.org)"}


def test_nobody_signs_for_a_clinician_whose_deputy_they_are_not(hospital, lee, kim):
    hospital.audited({})
    hospital.results[RUN] = {RULES[0]: ("block", "pass", 0, 10)}
    for person in (lee, kim("Dr. Roe")):
        with pytest.raises(ServiceError, match=r"not a deputy of 'Dr\. Lee' today"):
            sign_off.sign(person, RUN, "approve", "Fine.", signed_for="Dr. Lee")
    with pytest.raises(ServiceError, match="cannot review or sign releases"):
        sign_off.sign(kim(), RUN, "approve", "Fine.")
    with pytest.raises(
        ServiceError, match=r"deputy of Dr\. Lee@hospital\.org, Dr\. Roe@hospital\.org\. Choose"
    ):
        sign_off.sign(kim("Dr. Lee", "Dr. Roe"), RUN, "approve", "Fine.")
    assert signed(hospital) == _audited(hospital) == []


def test_a_clinician_who_is_a_deputy_signs_for_themselves_unless_they_say_otherwise(hospital, kim):
    hospital.audited({})
    hospital.results[RUN] = {RULES[0]: ("block", "pass", 0, 10)}
    clinician = kim("Dr. Lee", role="clinician")
    own = sign_off.sign(clinician, RUN, "reject", "No.").event
    other = sign_off.sign(clinician, RUN, "reject", "No.", signed_for="Dr. Lee@hospital.org").event
    assert [event.payload["signed_for"] for event in (own, other)] == ["", "Dr. Lee@hospital.org"]
    assert "Signed for" not in own.payload["meaning"]


@pytest.mark.parametrize("starter", ["kim", "Dr. Lee", "Dr. Lee@hospital.org"])
def test_neither_deputy_nor_clinician_started_the_run_that_is_signed(hospital, kim, starter):
    hospital.audited({})
    hospital.results[RUN] = {RULES[0]: ("block", "pass", 0, 10)}
    write_json(hospital.s3, hospital.aws.lake.run_plan(RUN), {"run_id": RUN, "started_by": starter})
    with pytest.raises(ServiceError, match="Another person must sign"):
        sign_off.sign(kim("Dr. Lee"), RUN, "approve", "Fine.")
