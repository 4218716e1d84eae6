"""What each role sees on a bad day.

A lake in which nothing is, and ten thousand runs, every tenth of them failed.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.accessibility import inspect
from tests.e2e.conftest import settle
from tests.support.long_history import RUNS

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ROLES = ("Engineer", "Analyst", "Clinician", "Viewer")
DASHBOARDS = ("encounters", "medications", "patients")
EMPTY = {
    "Engineer": ("", *DASHBOARDS, "quality", "data", "sql", "alerts", "dictionary"),
    "Analyst": ("", *DASHBOARDS, "quality", "sql", "alerts", "dictionary"),
    "Clinician": ("", *DASHBOARDS, "quality", "sql", "alerts", "dictionary"),
    "Viewer": ("", *DASHBOARDS, "quality", "alerts", "dictionary"),
}


def nothing_is_broken(page):
    assert page.locator("[data-testid=stException]").count() == 0
    assert page.locator("[data-testid=stAlertContentError]").all_inner_texts() == []


@pytest.mark.parametrize("role", ROLES)
def test_screenshots_of_an_empty_lake_that_is_told_with_what_to_do_next(open_page, empty_portal, role):
    page = open_page(empty_portal)
    for path in EMPTY[role]:
        page.goto(f"/{path}?role={role}")
        settle(page)
        nothing_is_broken(page)
        if path in DASHBOARDS:
            expect(page.get_by_text("Nothing has been published yet.")).to_be_visible()
            expect(page.get_by_text("3. Release: charts are shown here")).to_be_visible()
            link = page.get_by_role("link", name=f"See Run {RUNS}")
            expect(link).to_have_count(0 if role == "Viewer" else 1)
            if role == "Viewer":
                expect(page.get_by_text("Data appears here after an engineer imports data")).to_be_visible()
        if role == "Engineer":
            assert inspect(page, f"empty-{path or 'overview'}") == {}, path


@pytest.mark.parametrize("role", ROLES[:3])
def test_ten_thousand_runs_are_listed_filtered_and_a_failed_one_explained(open_page, empty_portal, role):
    page = open_page(empty_portal)
    page.goto(f"/runs?role={role}&text=disk+is+full")
    settle(page)
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible()
    expect(page.get_by_text("there are older ones")).to_be_visible()
    page.reload()
    settle(page)
    assert page.get_by_label("Search runs and errors").input_value() == "disk is full"
    nothing_is_broken(page)
    newest = page.get_by_test_id("stDataFrame").last
    newest.scroll_into_view_if_needed()
    newest.click(position={"x": 90, "y": 52})  # its name, right of the box to tick
    page.wait_for_url(f"**/run?*run=run-{RUNS - 10:05d}*")
    expect(page.get_by_text("Disk full").first).to_be_visible()
    expect(page.get_by_text("Is it safe to run again?")).to_be_visible()
    expect(page.get_by_role("button", name="Resume")).to_have_count(1 if role == "Engineer" else 0)
    expect(page.get_by_text("Engineers can resume the run.")).to_have_count(0 if role == "Engineer" else 1)
