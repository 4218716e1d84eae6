"""The review role: its session name, its clients and its workgroup."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("person", "session"),
    [
        ("dr.lee", "dr.lee"),
        ("lee@hospital.org", "lee@hospital.org"),
        ("Zoë Lee", "Zo__Lee"),
        ("x", "x_"),
        ("n" * 80, "n" * 64),
    ],
)
def test_the_review_role_session_has_the_users_name(acting, person, session):
    reviewing = acting(person, "clinician").assume_review_role()
    who = reviewing.client("sts").get_caller_identity()["Arn"]
    assert who.endswith(f":assumed-role/hdp-review/{session}")
    assert reviewing.workgroup == "hdp-review"
    with reviewing.session() as one:
        assert one.client("sts").get_caller_identity()["Arn"] == who


def test_assuming_the_review_role_leaves_the_other_clients_unchanged(acting):
    clinician = acting("dr.lee", "clinician")
    clinician.assume_review_role()
    assert "assumed-role" not in clinician.client("sts").get_caller_identity()["Arn"]
    assert clinician.workgroup == "hdp-portal"
