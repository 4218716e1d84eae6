"""The report as PDF: one page with the decision before the annex; what reviewers write is no markup."""

from __future__ import annotations

import subprocess
import sys

import pandas as pd
import pytest

from pipeline.releases.model import Release
from portal.quality import report, report_pdf
from portal.releases.signatures import Signature
from portal.reviews.read_model import Review

RESULTS = pd.DataFrame(
    [
        ("patients", "PAT-M01", "block", "fail", 9, 300, 0.03),
        ("medications", "MED-P03", "error", "fail", 41, 300, 0.1),
        ("encounters", "ENC-C07", "error", "pass", 0, 300, 0.0),
    ],
    columns=["table_name", "rule_id", "severity", "status", "failed", "checked", "rate"],
)
RELEASE = Release("run-1", "run-1", ["b1"], "hold", "2026-11-27T19:40:00Z", {"fact_encounter": 300})
SIGNED = Signature(
    "dr.lee", "clinician", "2026-11-27T20:23:00+00:00", "I approve #it.", "approve", "$x$", 7, ""
)


@pytest.fixture
def content():
    review = Review("run-1", 7, "hash")
    return report.content(RELEASE, RESULTS, ["new"] * 3, review, is_published=False)


def test_the_first_page_has_the_reason_and_the_findings_the_blocking_one_first(content):
    document = report_pdf.document(content)
    assert document["lead"] == "Held by 1 blocking finding:"
    assert document["first"] == [
        ["9 patients have no identifier (blocking)", "3.00 %", "Attribution", "Undecided"],
        [
            "41 doses are more than ten times outside the usual range",
            "10.00 %",
            "Patient safety",
            "Undecided",
        ],
    ]
    assert document["signature"][0] == "Not signed."
    assert [part["title"] for part in document["annex"]] == [
        "Findings",
        "Decisions on findings, and unmasked rows",
        "Queries",
        "All rules",
    ]
    for part in document["annex"]:
        assert len(part["head"]) == len(part["widths"])
        assert {len(row) for row in part["rows"]} <= {len(part["head"])}


def test_it_is_a_pdf_and_what_reviewers_write_is_no_markup(content):
    content["review"] = Review("run-1", 7, "hash", signature=SIGNED)
    made = report_pdf.pdf(content)
    assert made.startswith(b"%PDF")
    assert len(made) > 10_000


def test_the_portal_starts_without_typst():
    code = "import sys, portal.quality.report_pdf; assert 'typst' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
