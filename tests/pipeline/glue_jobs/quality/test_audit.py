"""What the audit decides from results, and that a rule which can't be computed spoils no other."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.glue_jobs.quality.audit import decide, with_pseudonyms
from pipeline.reviews.acceptances import Acceptance, RowAcceptance
from pipeline.rules.outcomes import change

RESULTS = st.fixed_dictionaries(
    {
        "rule_id": st.sampled_from(["PAT-C01", "ENC-P05", "GLD-X01", "MED-V01"]),
        "table_name": st.just("t"),
        "severity": st.sampled_from(["info", "warning", "error", "block"]),
        "status": st.sampled_from(["pass", "fail", "error", "pass_with_failures", "not_applicable"]),
        "checked": st.integers(0, 100),
        "failed": st.integers(0, 100),
        "threshold": st.just(0.0),
        "failing_rows": st.just(set()),
        "rate": st.none() | st.floats(0, 1),
    }
)


def _result(severity, status, rule_id="PAT-C01"):
    return {
        "rule_id": rule_id,
        "table_name": "patients",
        "severity": severity,
        "status": status,
        "checked": 10,
        "failed": 3,
        "rate": 0.3,
        "threshold": 0.0,
        "failing_rows": {"P1", "P2", "P3"},
    }


def test_nothing_found_is_published():
    assert decide([_result("block", "pass"), _result("error", "not_applicable")]) == ("publish", [])


def test_failures_within_the_threshold_hold_nothing():
    assert decide([_result("block", "pass_with_failures")])[0] == "publish"


def test_a_blocking_rule_holds_whether_it_failed_or_broke():
    assert decide([_result("block", "fail")])[0] == "hold"
    assert decide([_result("block", "error")])[0] == "hold"


def test_the_worst_comes_first():
    decision, reasons = decide(
        [_result("warning", "fail", "A"), _result("error", "fail", "B"), _result("block", "fail", "C")]
    )
    assert decision == "hold"
    assert [reason["rule_id"] for reason in reasons] == ["C", "B", "A"]


@given(st.lists(RESULTS, max_size=12))
def test_a_release_is_held_if_and_only_if_a_blocking_rule_stands_against_it(results):
    decision, reasons = decide(results)
    against = [r for r in results if r["status"] in {"fail", "error"} and r["severity"] != "info"]
    assert len(reasons) == len(against)
    assert (decision == "hold") == any(r["severity"] == "block" for r in against)
    assert (decision == "publish") == (not against)


def _acceptance(**changes):
    given = {"rate": 0.25, "margin": 0.06, "until": "2026-12-31", **changes}
    made = Acceptance("patients", "PAT-C01", by="dr.who", reason="known limitation", event=7, **given)
    return {("patients", "PAT-C01"): made}


@pytest.mark.parametrize(
    ("changes", "held"),
    [
        ({}, False),
        ({"until": "2026-11-23"}, False),
        ({"until": "2026-11-22"}, True),
        ({"margin": 0.04}, True),
        ({"rate": 0.3, "margin": 0}, False),
    ],
)
def test_an_acceptance_holds_until_its_day_and_its_margin(changes, held):
    decision, reasons = decide([_result("block", "fail")], _acceptance(**changes), date(2026, 11, 23))
    assert decision == ("hold" if held else "publish_with_warnings")
    assert (reasons[0]["accepted"] is None) == held


def test_a_broken_rule_cannot_be_accepted():
    assert decide([_result("block", "error")], _acceptance(), date(2026, 11, 23))[0] == "hold"


ON = date(2026, 11, 23)


def _rows(*keys, until="2026-12-31"):
    accepted = {
        key: RowAcceptance("patients", "PAT-C01", key, "dr.who", "verified as true", until, 7) for key in keys
    }
    return {("patients", "PAT-C01"): accepted}


def test_rows_verified_as_true_do_not_count_and_are_named():
    decision, reasons = decide([_result("block", "fail")], on=ON, rows=_rows("P1", "P2", "P3", "P4"))
    assert decision == "publish_with_warnings"
    assert [(r["failed"], r["rate"], r["status"], r["accepted_rows"]) for r in reasons] == [(0, 0, "pass", 3)]


def test_rows_that_nobody_verified_still_hold():
    decision, reasons = decide([_result("block", "fail")], on=ON, rows=_rows("P1", "P2"))
    assert decision == "hold"
    assert [(r["failed"], r["rate"], r["status"], r["accepted_rows"]) for r in reasons] == [
        (1, 0.1, "fail", 2)
    ]


@pytest.mark.parametrize(("keys", "rows"), [(["P1"], {"row b155eaeef16075d9"}), ([], set()), (None, set())])
def test_failing_rows_are_known_by_pseudonym(keys, rows):
    result = with_pseudonyms({"table_name": "patients", "sample_keys": keys}, b"secret")
    assert result["failing_rows"] == rows


@pytest.mark.parametrize(
    ("changes", "rows"),
    [
        ({}, _rows("P1", "P2", "P3", until="2026-11-22")),
        ({"rule_id": "PAT-C02"}, _rows("P1", "P2", "P3")),
        ({"status": "error"}, _rows("P1", "P2", "P3")),
        ({"failed": 300}, _rows("P1", "P2", "P3")),  # more than the keys that are kept
        ({"failing_rows": {"P1", "P2"}}, _rows("P1", "P2")),  # a failing row without a key, or two of one key
        ({"failing_rows": set()}, _rows("P1", "P2", "P3")),
    ],
)
def test_accepted_rows_are_counted_off_only_where_all_failing_rows_are_known(changes, rows):
    result = _result("block", "fail") | changes
    decision, reasons = decide([result], on=ON, rows=rows)
    assert decision == "hold"
    assert [(r["failed"], r["accepted_rows"]) for r in reasons] == [(result["failed"], 0)]


@pytest.mark.parametrize(
    ("status", "before", "expected"),
    [
        ("fail", None, "new"),
        ("pass_with_failures", "pass", "new"),
        ("error", "not_applicable", "new"),
        ("fail", "pass_with_failures", "still_there"),
        ("pass", "fail", "resolved"),
        ("not_applicable", "error", "stable"),
        ("pass", "pass", "stable"),
        ("pass", None, "stable"),
    ],
)
def test_a_result_says_what_changed_since_the_published_release(status, before, expected):
    assert change(status, before) == expected
