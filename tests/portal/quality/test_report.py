"""The printable report of a release: whole, without a row, and with nothing in it that acts as markup."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

from portal.core import pseudonyms
from portal.quality import report
from portal.quality import results as quality
from portal.releases import service as releases
from portal.releases import signatures
from portal.reviews import commands as reviews
from portal.reviews import read_model, wording


def _report(portal, run_id):
    results, made = quality.results(portal, run_id), releases.get(portal, run_id)
    review = read_model.of_run(portal, run_id)
    return report.html(report.content(made, results, ["new"] * len(results), review, is_published=False))


def test_the_report_is_whole_and_carries_no_row(portal, acting, held_run):
    lee, run_id = acting("dr.lee", "clinician"), held_run.run_id
    opened = reviews.open_query(
        lee, run_id, "patients", "PAT-C01", "March or September?", rows=["Q2"]
    ).subject["query_id"]
    reviews.reject(lee, run_id, "patients", "PAT-C01", "The ward must correct it.")
    until = datetime.now(UTC).date()
    reviews.accept(
        lee, run_id, "patients", "PAT-M01", reason="known_limitation", text="One row.", until=until
    )
    try:
        page = _report(portal, run_id)
    finally:
        reviews.withdraw(lee, run_id, "patients", "PAT-M01", "The test is over.")
        reviews.close(lee, opened, "other", "The test is over.")
    made = releases.get(portal, run_id)
    for words in (
        "was held by the audit for review",
        "patient has no identifier (blocking)",
        "Findings that matter most",
        "Blocks the release",
        "<td>new</td>",
        " patient records</td>",
        "<td>none</td>",
        f"Accepted until {until} (dr.lee)",
        "Rejected by dr.lee",
        "The ward must correct it.",
        "Known limitation of the source: One row.",
        "○ Open",
        "March or September?",
        *pseudonyms.labels(portal, "patients", ["Q2"]),
        signatures.fingerprint(portal, made),
        "The integrity of the review log was verified up to event",
        "@media print",
    ):
        assert words in page, words
    assert "I have reviewed this release and" in page, "the signature block names what a signature means"
    rules = re.findall(r"<tr><td>([A-Z0-9-]+[^<]*)</td>", page.partition("<h2>All rules</h2>")[2])
    assert len(rules) == len(quality.results(portal, run_id))
    for secret in ("Q2", "03/09/1984", "R2"):
        assert f">{secret}<" not in page


def test_a_report_over_an_altered_log_says_so_first(portal, held_run):
    review = replace(read_model.of_run(portal, held_run.run_id), problems=("Event 3 was <altered>.",))
    results = quality.results(portal, held_run.run_id)
    page = report.html(
        report.content(
            releases.get(portal, held_run.run_id),
            results,
            ["stable"] * len(results),
            review,
            is_published=False,
        )
    )
    assert "Audit trail integrity check failed." in page
    assert "Event 3 was &lt;altered&gt;." in page


def test_what_reviewers_write_cannot_become_markup(portal, acting, held_run):
    lee = acting("dr.lee", "clinician")
    event = reviews.open_query(lee, held_run.run_id, "patients", "PAT-M01", "<script>alert(1)</script>")
    try:
        page = _report(portal, held_run.run_id)
        assert "<script>" not in page
        assert "&lt;script&gt;" in page
    finally:
        reviews.close(lee, event.subject["query_id"], "other", "The test is over.")
    picture = wording.as_markdown(replace(event, payload={"text": "see ![](http://x/y.png) and [this](z)"}))
    assert "![]" not in picture
    assert "](z)" not in picture
