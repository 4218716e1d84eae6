"""Every page in a real browser: without errors, with nothing serious for axe, and with pictures of it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.accessibility import inspect
from tests.e2e.conftest import ENDED, settle
from tests.support import tokens

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PAGES = {
    "": "Overview",
    "encounters": "Encounters",
    "medications": "Medications",
    "patients": "Patients",
    "quality": "Quality",
    "data": "Data",
    "runs": "Runs",
    "sql": "SQL",
    "alerts": "Alerts and schedule",
    "dictionary": "Dictionary",
}

BARRED = re.compile(
    r"\d+ findings? prevents? approval\. Decide each of them first\."
    r"|\d+ open quer(y prevents|ies prevent) approval: .*"
)
"""What the newest run, whose release is held, says in red until it is decided on.

A state, not a fault of the page.
"""


def _problems(page):
    """What the browser's console calls an error, from here on."""
    problems = []
    usual = ("Failed to load resource", "WebSocket")
    page.on(
        "console",
        lambda said: (
            problems.append(said.text)
            if said.type == "error" and not any(words in said.text for words in usual)
            else None
        ),
    )
    return problems


@pytest.mark.parametrize("path", PAGES)
def test_screenshots_of_every_page_light_and_dark_without_errors_and_with_nothing_serious_for_axe(page, path):
    problems = _problems(page)
    page.goto(f"/{path}")
    settle(page)
    expect(page.get_by_role("heading", name=PAGES[path], exact=True)).to_be_visible()
    assert inspect(page, path or "overview") == {}
    assert page.locator("[data-testid=stException]").count() == 0
    errors = page.locator("[data-testid=stAlertContentError]").all_inner_texts()
    assert [each for each in errors if path != "quality" or not BARRED.fullmatch(each.strip())] == []
    assert problems == []


def test_screenshots_of_a_run_that_succeeded(page, first_run):
    problems = _problems(page)
    page.goto(f"/run?run={first_run.run_id}")
    settle(page)
    expect(page.get_by_role("heading", name="Quality and release")).to_be_visible()
    assert inspect(page, "run") == {}
    assert problems == []


def test_screenshots_of_a_run_that_failed(page, stuck_run):
    page.goto(f"/run?run={stuck_run.run_id}")
    settle(page)
    expect(page.get_by_text("Disk full").first).to_be_visible()
    assert inspect(page, "run-failed") == {}


def test_screenshots_of_what_is_there_before_anybody_has_signed_in(open_page, signed_in_portal):
    page = open_page(signed_in_portal)
    page.goto("/")
    expect(page.get_by_text("You are not signed in")).to_be_visible()
    assert inspect(page, "sign-in") == {}
    assert page.get_by_test_id("stSidebarNav").count() == 0


def test_who_signs_out_leaves_through_the_sign_in_service_and_every_tab_is_closed(person):
    page = person("una", "analyst")
    tab = page.context.new_page()
    tab.goto("/medications")
    settle(tab)
    with page.expect_request(tokens.SIGN_OUT):
        page.get_by_role("link", name="Sign out").click()
    tab.get_by_test_id("stSidebarNav").get_by_role("link", name="Encounters").click()
    expect(tab.get_by_text(ENDED).first).to_be_visible()
    assert tab.get_by_test_id("stMetricValue").count() == 0


def test_the_menu_shows_what_the_role_can_do(page):
    page.goto("/")
    settle(page)
    assert page.get_by_role("link", name="Runs").count() == 1
    page.get_by_test_id("stSidebar").get_by_role("combobox").click()
    page.get_by_role("option", name="Viewer").click()
    expect(page.get_by_test_id("stSidebarNav").get_by_role("link", name="Runs")).to_have_count(0)
    expect(page.get_by_test_id("stSidebarNav").get_by_role("link", name="Encounters")).to_have_count(1)
