"""The headline says in records and clinical words why a release is held, and afterwards what was decided."""

from __future__ import annotations

import pytest

from portal.releases.signatures import Signature
from portal.reviews import headline
from portal.reviews.decisions import Finding

MISSING = Finding("patients", "PAT-M01", "block", "fail", 9, 300, "undecided", 0.03)
NO_KEY = Finding("encounters", "ENC-M01", "block", "fail", 1, 300, "accepted", 0.01)
SWAPPED = Finding("encounters", "ENC-P03", "error", "fail", 24, 300, "undecided", 0.08)
DOSES = Finding("medications", "MED-P03", "error", "fail", 41, 300, "undecided", 0.1)
TOLERATED = Finding("medications", "MED-P04", "warning", "pass_with_failures", 4, 300, "undecided", 0.01)


def signed(verdict, invalid=""):
    return Signature("dr.lee", "clinician", "2026-11-27T20:23:00+00:00", "…", verdict, "…", 7, invalid)


@pytest.mark.parametrize(
    ("decision", "findings", "signature", "is_published", "said"),
    [
        (
            "hold",
            [MISSING, NO_KEY, DOSES, SWAPPED, TOLERATED],
            None,
            False,
            "Held by 2 blocking findings: 9 patients have no identifier, 1 encounter lacks its identifier, "
            "its patient or its start. 2 further findings to review.",
        ),
        ("hold", [MISSING], None, False, "Held by 1 blocking finding: 9 patients have no identifier."),
        (
            "hold",
            [MISSING],
            signed("approve", "It changed."),
            False,
            "Held by 1 blocking finding: 9 patients have no identifier.",
        ),
        ("hold", [MISSING], signed("approve"), True, "Approved by dr.lee. Analysts see this release."),
        ("hold", [MISSING], signed("reject"), False, "Rejected by dr.lee. Analysts do not see this release."),
        ("publish", [], signed("reject"), True, "Rejected by dr.lee. Analysts still see this release."),
        (
            "hold",
            [MISSING],
            signed("approve", "The decision on PAT-M01 of patients changed after the signature."),
            True,
            "Published without a valid approval. The decision on PAT-M01 of patients changed after the "
            "signature.",
        ),
        (
            "publish_with_warnings",
            [DOSES, SWAPPED, SWAPPED, SWAPPED, TOLERATED],
            None,
            True,
            "Passed the audit with 4 findings to review: 41 doses are more than ten times outside the usual "
            "range, 24 encounters end before they begin, 24 encounters end before they begin, and 1 more. "
            "Analysts see this release.",
        ),
        (
            "publish",
            [TOLERATED],
            None,
            False,
            "Passed the audit; nothing is left to decide. Analysts see another release.",
        ),
    ],
)
def test_the_headline_names_the_worst_findings_with_their_records(
    decision, findings, signature, is_published, said
):
    assert headline.of_release(decision, findings, signature, is_published=is_published).text == said


@pytest.mark.parametrize(
    ("findings", "open_queries", "said"),
    [
        ([MISSING, DOSES, TOLERATED], 0, "Next: decide 1 finding, sign off."),
        ([MISSING, MISSING], 2, "Next: decide 2 findings, close 2 queries, sign off."),
        ([NO_KEY], 1, "Next: close 1 query, sign off."),
        ([], 0, "Next: sign off."),
    ],
)
def test_the_next_steps_lead_to_the_signature(findings, open_queries, said):
    assert headline.next_steps(findings, open_queries) == said
