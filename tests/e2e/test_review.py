"""A clinician reviews a held release; a second one is there at the same time."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from portal.auth import User
from portal.services import releases, review_log, reviews
from tests.e2e.accessibility import serious
from tests.e2e.conftest import settle, shot

pytestmark = pytest.mark.e2e

RULE = "patients:PAT-M01"


def _open(page, run_id, role="Clinician"):
    page.goto(f"/quality?run={run_id}&rule={RULE}&role={role}")
    settle(page)
    expect(page.get_by_role("heading", name="PAT-M01 · patients")).to_be_visible(timeout=30_000)
    settle(page)


def _type(field, text):
    """As a person types: key by key, with a rest before the hand goes to the mouse."""
    field.press("End")
    field.press_sequentially(text, delay=40)
    field.page.wait_for_timeout(600)


def test_a_clinician_reviews_row_by_row_and_signs_and_only_then_is_it_published(
    page, browser, url, portal, held_run, on_its_base
):
    run_id = held_run.run_id
    former = on_its_base
    _open(page, run_id)
    expect(page.get_by_text(re.compile(f"The release of {run_id} (is|was) held"))).to_be_visible()
    assert serious(page) == []

    page.get_by_role("button", name="Show identified rows").click()
    expect(page.get_by_text("Say why you need to see who these patients are")).to_be_visible()
    page.get_by_label("Why do you need to see who they are?").fill("to call the ward")
    page.get_by_role("button", name="Show identified rows").click()
    expect(page.get_by_text("This is in the log of reviews")).to_be_visible()
    assert review_log.log(portal).events[-1].kind == "rows_unmasked"

    page.get_by_label("Question").fill("Which ward sent a patient without an identifier?")
    page.get_by_role("button", name="Open a query").click()
    expect(page.get_by_text("The query is open.")).to_be_visible()
    expect(page.get_by_text("Which ward sent a patient").first).to_be_visible()

    second = browser.new_context(viewport={"width": 1440, "height": 1000}, base_url=url).new_page()
    _open(second, run_id)
    _type(second.get_by_label("Reply").first, "The second reviewer's ")
    page.get_by_label("Reply").first.fill("Ward 4, a power cut.")
    page.get_by_role("button", name="Answer", exact=True).first.click()
    expect(page.get_by_text(re.compile("is answered"))).to_be_visible()
    _type(second.get_by_label("Reply").first, "long answer")
    second.get_by_role("heading", name="Conversation").click()  # a look at what was said draws the page anew
    expect(second.get_by_text("Ward 4, a power cut.").first).to_be_visible()
    settle(second)
    second.get_by_role("button", name="Answer", exact=True).first.click()
    expect(second.get_by_text("was here first")).to_be_visible(timeout=20_000)
    expect(second.get_by_text("Ward 4, a power cut.").first).to_be_visible()
    expect(second.get_by_label("Reply").first).to_have_value("The second reviewer's long answer")
    second.context.close()

    page.get_by_label("Comment on the release").fill("Looks right.")
    page.get_by_role("button", name="Approve and sign").click()
    expect(page.get_by_text("must be closed before the release can be approved")).to_be_visible()
    expect(page.get_by_label("Comment on the release")).to_have_value("Looks right.")
    assert releases.current(portal).release_id == former

    for query in review_log.of_run(portal, run_id).open_queries:
        reviews.close(portal.acting(User("dr.lee", "clinician")), query.query_id, "verified", "Seen.")
    page.reload()
    _open(page, run_id)
    shot(page, "quality-held-1440")
    page.get_by_label("Comment on the release").fill("The ward has confirmed it.")
    page.get_by_role("button", name="Approve and sign").click()
    try:
        expect(page.get_by_text("Signed. The release is approved.")).to_be_visible(timeout=20_000)
        expect(page.get_by_text("I have reviewed this release and approve it").first).to_be_visible()
        assert releases.current(portal).release_id == run_id
        with page.expect_download() as download:
            page.get_by_role("button", name="Printable report (HTML)").click()
        text = download.value.path().read_text()
        assert "The ward has confirmed it." in text
        assert "03/09/1984" not in text, "no row of data is in the report"
    finally:
        if releases.current(portal).release_id != former:
            releases.rollback(portal, reason="the test is over")


def test_who_may_not_review_sees_masked_rows_and_no_form(page, held_run):
    _open(page, held_run.run_id, "Analyst")
    expect(page.get_by_text("clinicians may see it")).to_be_visible()
    expect(page.get_by_text("•••").first).to_be_attached()
    for name in ("Approve and sign", "Open a query", "Accept the finding", "Show identified rows"):
        assert page.get_by_role("button", name=name).count() == 0
