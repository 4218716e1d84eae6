"""Clients under another role: who is named in the session."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("person", "session"),
    [("dr.lee", "dr.lee"), ("lee@hospital.org", "lee@hospital.org"), ("Zoë Lee", "Zo__Lee"), ("x", "x_"), ("n" * 80, "n" * 64)],
)  # fmt: skip
def test_a_look_at_identified_rows_is_a_session_in_the_persons_name(acting, person, session):
    reviewing = acting(person, "clinician").reviewing()
    who = reviewing.client("sts").get_caller_identity()["Arn"]
    assert who.endswith(f":assumed-role/hdp-review/{session}")
    assert reviewing.workgroup == "hdp-review"
    with reviewing.session() as one:
        assert one.client("sts").get_caller_identity()["Arn"] == who


def test_the_portals_own_clients_stay_its_own(acting):
    clinician = acting("dr.lee", "clinician")
    clinician.reviewing()
    assert "assumed-role" not in clinician.client("sts").get_caller_identity()["Arn"]
    assert clinician.workgroup == "hdp-portal"
