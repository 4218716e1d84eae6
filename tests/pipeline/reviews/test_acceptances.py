"""Acceptances: end date, margin, and the last decision on a finding or row."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.reviews.acceptances import Acceptance, acceptances, lapsed, row_acceptances
from pipeline.reviews.events import Event

KINDS = st.sampled_from(["finding_accepted", "finding_rejected", "acceptance_withdrawn", "query_opened"])


@given(st.lists(st.tuples(KINDS, st.sampled_from(["PAT-C01", "ENC-P05"]))))
def test_the_last_decision_on_a_finding_counts(decisions):
    payload = {"reason": "verified", "until": "2027-01-01", "rate": 0.1, "margin": 0.0}
    events = [
        Event(
            n,
            "",
            "lee",
            "clinician",
            kind,
            {"run_id": "r", "table_name": "patients", "rule_id": rule},
            payload,
        )
        for n, (kind, rule) in enumerate(decisions, 1)
    ]
    last = {rule: kind for kind, rule in decisions if kind != "query_opened"}
    expected = {("patients", rule) for rule, kind in last.items() if kind == "finding_accepted"}
    assert set(acceptances(events)) == expected


ON = date(2026, 12, 31)


def _accepted(**changes):
    given = {"until": "2026-12-31", "rate": 0.1, "margin": 0.02, "event": 1, **changes}
    return Acceptance("patients", "PAT-C01", by="lee", reason="verified", **given)


def test_an_acceptance_covers_its_last_date_and_its_margin():
    made = _accepted()
    assert made.covers(0.12, ON)
    assert made.covers(0.01, ON), "it got better"
    assert not made.covers(0.13, ON)
    assert not made.covers(0.1, date(2027, 1, 1))
    assert not made.covers(None, ON)


def test_an_acceptance_below_the_floor_covers_no_further_fall():
    made = _accepted(rate=80.0, margin=5.0, floor=100.0, threshold=500.0, unit="rows")
    assert made.covers(75.0, ON)
    assert made.covers(99.0, ON), "it got better"
    assert not made.covers(74.0, ON)
    assert not made.covers(0.0, ON)
    assert not made.covers(501.0, ON), "beyond the opposite limit is a different finding"


def test_an_acceptance_above_the_threshold_covers_no_fall_below_the_floor():
    made = _accepted(rate=1.5, margin=0.1, floor=0.5, threshold=1.2, unit="ratio")
    assert made.covers(1.6, ON)
    assert not made.covers(0.4, ON)


@pytest.mark.parametrize(
    ("acceptance", "rate", "on", "why"),
    [
        (_accepted(), 0.12, ON, ""),
        (_accepted(), 0.1, date(2027, 1, 1), "it ended on 2026-12-31"),
        (_accepted(), None, ON, "nothing was measured"),
        (_accepted(), 0.2, ON, "it rose beyond the margin: 20 % now, 10 % accepted with a margin of 2 %"),
        (
            _accepted(rate=80, margin=5, floor=100, unit="rows"),
            12,
            ON,
            "it fell beyond the margin: 12 rows now, 80 rows accepted with a margin of 5 rows",
        ),
        (
            _accepted(rate=1.5, floor=0.5, unit="ratio"),
            0.4,
            ON,
            "it is now beyond the opposite limit: 0.4 ratio now, 1.5 ratio accepted",
        ),
    ],
)
def test_lapsed_returns_why_an_acceptance_has_ended(acceptance, rate, on, why):
    assert lapsed(acceptance, rate, on) == why


def _rows(number, kind, keys, rule="PAT-C01"):
    payload = {
        "reason": "verified",
        "until": "2026-12-31",
        "row_hashes": keys,
    }
    subject = {"run_id": "r", "table_name": "patients", "rule_id": rule}
    return Event(number, "", "lee", "clinician", kind, subject, payload)


def test_the_last_decision_on_a_row_counts():
    events = [
        _rows(1, "rows_accepted", ["a", "b"]),
        _rows(2, "rows_accepted", ["a"], rule="PAT-C02"),
        _rows(3, "row_acceptance_withdrawn", ["a", "never accepted"]),
    ]
    in_force = row_acceptances(events)
    assert {finding: set(rows) for finding, rows in in_force.items()} == {
        ("patients", "PAT-C01"): {"b"},
        ("patients", "PAT-C02"): {"a"},
    }
    made = in_force["patients", "PAT-C01"]["b"]
    assert (made.by, made.event, made.covers(ON), made.covers(date(2027, 1, 1))) == ("lee", 1, True, False)
    assert row_acceptances([*events, _rows(4, "row_acceptance_withdrawn", ["b"])]).keys() == {
        ("patients", "PAT-C02")
    }
