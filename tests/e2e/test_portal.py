"""Every page in a real browser: without errors, with nothing serious for axe, and with pictures of it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from portal.services import releases, runs
from tests.e2e import graph_watch
from tests.e2e.accessibility import inspect
from tests.e2e.conftest import settle, shot

pytestmark = pytest.mark.e2e

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
    assert page.locator("[data-testid=stAlertContentError]").count() == 0
    assert problems == []


def test_screenshots_of_a_run_that_succeeded(page, first_run):
    problems = _problems(page)
    page.goto(f"/run?run={first_run.run_id}")
    settle(page)
    expect(page.get_by_role("heading", name="Quality and release")).to_be_visible()
    assert inspect(page, "run") == {}
    assert problems == []


def test_screenshots_of_a_run_that_failed(page, failed_run):
    page.goto(f"/run?run={failed_run.run.run_id}")
    settle(page)
    expect(page.get_by_text("No room on the disk").first).to_be_visible()
    assert inspect(page, "run-failed") == {}


def test_screenshots_of_what_is_there_before_anybody_has_signed_in(open_page, signed_in_portal):
    page = open_page(signed_in_portal)
    page.goto("/")
    expect(page.get_by_text("Nobody is signed in")).to_be_visible()
    assert inspect(page, "sign-in") == {}
    assert page.get_by_test_id("stSidebarNav").count() == 0


def _first_figure(page):
    return int(page.get_by_test_id("stMetricValue").first.inner_text().replace(",", ""))


def test_a_clinician_filters_drills_and_takes_away_and_the_url_keeps_it(page):
    page.goto("/encounters?role=Clinician")
    settle(page)
    charts = page.locator("[data-testid=stPlotlyChart]")
    expect(charts.first).to_be_visible()
    assert charts.count() == 8
    everything = _first_figure(page)
    page.locator("[data-testid=stPlotlyChart]").nth(1).locator(".bars .point path").last.click(force=True)
    expect(page.get_by_role("button", name="Clear all filters")).to_be_visible()
    settle(page)
    filtered = _first_figure(page)
    assert 0 < filtered < everything
    assert "department=" in page.url
    page.reload()
    settle(page)
    assert _first_figure(page) == filtered
    page.get_by_test_id("stCheckbox").filter(has_text="Show the encounters behind").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).first.click()
    assert "Department: " in download.value.path().read_text()
    page.get_by_role("button", name="SQL").first.click()
    expect(page.get_by_text("GROUP BY").first).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Clear all filters").click()
    expect(page.get_by_role("button", name="Clear all filters")).to_have_count(0)
    settle(page)
    assert _first_figure(page) == everything
    expect(page.get_by_role("button", name="CSV of these rows")).to_be_visible()


def _click(page, part):
    """Click on a part of a drawing: it listens to the mouse itself."""
    part.scroll_into_view_if_needed()
    box = part.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.wait_for_timeout(300)
    page.mouse.click(*middle)


def test_an_engineer_generates_starts_watches_stops_and_goes_on_to_the_end(page, browser, url, portal):
    page.goto("/data")
    settle(page)
    page.get_by_role("spinbutton", name="Patients").fill("20")
    page.get_by_role("spinbutton", name="Seed").fill("99")
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_text("is in the lake:")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Run the pipeline on this").click()
    page.wait_for_url("**/run?run=*", timeout=30_000)
    run_id = page.url.partition("run=")[2].partition("&")[0]
    expect(page.get_by_text("▶ Running").first).to_be_visible(timeout=60_000)
    shot(page, "run-live-1440")
    second = browser.new_context(base_url=url).new_page()  # a second engineer meanwhile
    second.goto("/runs")
    settle(second)
    second.get_by_text("Start a run").first.click()
    expect(second.get_by_text("has been writing since")).to_be_visible(timeout=30_000)
    expect(second.get_by_role("button", name="Start", exact=True)).to_be_disabled()
    second.context.close()
    page.get_by_role("button", name="Stop this run").click()
    expect(page.get_by_text("Stopped by a person.")).to_be_visible(timeout=60_000)
    page.reload()
    settle(page)
    expect(page.get_by_text("Is it safe to run again?")).to_be_visible()
    shot(page, "run-stopped-1440")
    page.get_by_role("button", name="Go on from here").click()
    expect(page.get_by_role("button", name="Stop this run")).to_be_visible(timeout=30_000)
    seen = graph_watch.record(page)
    page.reload()  # nobody touches the page from here on
    try:
        ended = runs.wait(portal, run_id, seconds=300, poll=1)
        expect(page.get_by_text("is the published one")).to_be_visible(timeout=60_000)
        told = graph_watch.history(portal, run_id, ended.execution_arn)
        settle(page)
        for _ in range(20):  # the last drawing is on its way
            if seen[-1][1]["NotifySuccess"] == "Succeeded":
                break
            page.wait_for_timeout(500)
        assert len(seen) > 5
        assert graph_watch.disagreements(seen, told) == []
        _click(page, page.locator(".st-key-state-graph text", has_text="dim_time"))
        expect(page.get_by_text("hdp-silver-to-gold-dim-time is done").first).to_be_visible(timeout=20_000)
        shot(page, "run-1440")
        page.goto("/runs")
        settle(page)
        expect(page.get_by_text("Choose two rows")).to_be_visible()
    finally:
        if releases.current(portal).release_id == run_id:
            releases.rollback(portal, reason="the test is over")


def test_the_menu_shows_what_the_role_can_do(page):
    page.goto("/")
    settle(page)
    assert page.get_by_role("link", name="Runs").count() == 1
    page.get_by_test_id("stSidebar").get_by_role("combobox").click()
    page.get_by_role("option", name="Viewer").click()
    expect(page.get_by_test_id("stSidebarNav").get_by_role("link", name="Runs")).to_have_count(0)
    expect(page.get_by_test_id("stSidebarNav").get_by_role("link", name="Encounters")).to_have_count(1)
