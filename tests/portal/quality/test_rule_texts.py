"""How a rule, its measure and its acceptance are told in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from pipeline.reviews.acceptances import Acceptance
from portal.quality import rule_texts

RULE = rule_texts.rules()["patients", "PAT-M04"]
BY_VALUE = rule_texts.rules()["patients", "PAT-P08-age"]


@pytest.mark.parametrize(
    ("rate", "unit", "text"),
    [
        (0.0, "percent", "0.00 %"),
        (0.00001, "percent", "under 0.01 %"),
        (0.1234, "percent", "12.34 %"),
        (0.314, "psi", "0.31"),
        (None, "percent", "–"),
    ],
)
def test_a_count_above_zero_is_never_shown_as_no_percent(rate, unit, text):
    assert rule_texts.rate_text(rate, unit) == text


@pytest.mark.parametrize(
    ("table", "rule_id", "condition"),
    [
        ("encounters", "ENC-M04", "(provider_npi IS NULL)"),
        (
            "medications",
            "MED-M04",
            "(status = 'completed' AND event_kind = 'administration') AND (route IS NULL)",
        ),
        (
            "encounters",
            "ENC-C04",
            "(NOT diagnosis_code IS NULL) AND (diagnosis_code_system IS NULL OR diagnosis_code_system <> "
            "'ICD-10-CM')",
        ),
        ("encounters", "ENC-P08", None),
        ("encounters", "ENC-P14", None),
        ("encounters", "ENC-P07", None),
    ],
)
def test_a_condition_on_the_row_alone_is_asked_again_and_no_other(table, rule_id, condition):
    assert rule_texts.rules()[table, rule_id].athena == condition


@pytest.mark.parametrize(
    ("rule", "measure", "words"),
    [
        (RULE, ("fail", 3, 12, 0.25), "3 of 12 patient records fail (25.00 %); threshold: up to 5.00 %."),
        (
            RULE,
            ("not_applicable", 0, 0, None),
            "Not applicable in this run: counts neither as passed nor as failed.",
        ),
        (RULE, ("error", 0, 0, None), "Rule error: the rule could not be evaluated. This is not a pass."),
        (
            BY_VALUE,
            ("fail", 0, 1204, 0.31),
            "Measured 0.31 (psi) over 1,204 values that were compared; threshold: up to 0.20.",
        ),
    ],
)
def test_a_measure_is_said_with_count_denominator_rate_and_limit(rule, measure, words):
    counted = "values that were compared" if rule is BY_VALUE else "patient records"
    rule = replace(rule, population=counted)
    assert rule_texts.measurement(rule, "patients", *measure) == words


@pytest.mark.parametrize(
    ("rate", "on", "words"),
    [
        (0.02, date(2025, 6, 1), "Accepted until 2025-06-30"),
        (None, date(2025, 6, 1), "Accepted until 2025-06-30; nothing was measured"),
        (0.02, date(2025, 7, 1), "Acceptance lapsed: it ended on 2025-06-30"),
        (
            0.05,
            date(2025, 6, 1),
            "Acceptance lapsed: it rose beyond the margin: 5 % now, 2 % accepted with a margin of 1 %",
        ),
    ],
)
def test_an_acceptance_that_lapsed_says_why(rate, on, words):
    made = Acceptance("patients", "PAT-M04", "dr.lee", "verified", "2025-06-30", 0.02, 0.01, 7)
    assert rule_texts.acceptance_status(made, rate, on) == words


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ("mrn 12, race 1,040", "Null markers emptied, by column: mrn 12, race 1,040."),
        (None, ""),
        (float("nan"), ""),
        ("", ""),
    ],
)
def test_null_markers_are_told_by_column(detail, words):
    assert rule_texts.null_markers(detail) == words


@pytest.mark.parametrize(
    ("key", "failed", "rate", "status", "sentence"),
    [
        (("encounters", "ENC-P03"), 33, 0.01, "fail", "33 encounters end before they begin"),
        (("encounters", "ENC-P03"), 1, 0.01, "fail", "1 encounter ends before it begins"),
        (("medications", "MED-P07"), 1204, 0.5, "fail", "1,204 doses were given before they were ordered"),
        (
            ("encounters", "ENC-P13"),
            0,
            0.314,
            "fail",
            "31.40 % of inpatient stays are followed by a readmission within 30 days",
        ),
        (
            ("encounters", "ENC-P03"),
            0,
            None,
            "error",
            "Not evaluated because of a rule error: Discharge is not before admission",
        ),
        (("encounters", "ENC-X99"), 2, 0.1, "fail", "2 rows of encounters fail the deleted rule ENC-X99"),
    ],
)
def test_a_finding_is_a_fact_with_its_count(key, failed, rate, status, sentence):
    assert rule_texts.finding(rule_texts.rules().get(key), key, failed, rate, status) == sentence


def test_harm_to_patients_ranks_before_format_and_deleted_rules_come_last():
    rules = rule_texts.rules()
    ranked = [
        rules["medications", "MED-P03"],
        rules["encounters", "ENC-C06"],
        rules["encounters", "ENC-C07"],
        None,
    ]
    assert [rule_texts.harm_rank(rule) for rule in ranked] == sorted(map(rule_texts.harm_rank, ranked))
    assert len(set(map(rule_texts.harm_rank, ranked))) == 4


def test_a_long_list_says_how_many_more_there_are():
    assert rule_texts.and_more(["a", "b", "c"], 2) == "a, b, and 1 more"
    assert rule_texts.and_more(["a", "b"], 2) == "a, b"
