"""People at the portal, in a real browser."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.e2e.conftest import settle, shot

pytestmark = pytest.mark.e2e

PAGES = {
    "": "Overview",
    "encounters": "Encounters",
    "medications": "Medications",
    "quality": "Quality",
    "data": "Data",
    "runs": "Runs",
    "sql": "SQL",
    "dictionary": "Dictionary",
}


STREAMLITS_OWN: set[str] = {
    "aria-required-children",  # its menu of pages
    "scrollable-region-focusable",  # its page container
    "nested-interactive",  # its multiple choice
}


def serious(page):
    """What axe calls serious or worse, beside what is of Streamlit's own making."""
    found = Axe().run(page).response["violations"]
    return [
        (v["id"], [n["target"] for n in v["nodes"]][:3])
        for v in found
        if v["impact"] in {"serious", "critical"} and v["id"] not in STREAMLITS_OWN
    ]


@pytest.mark.parametrize("path", PAGES)
def test_screenshots_of_every_page_at_two_widths_without_errors_and_with_nothing_serious_for_axe(page, path):
    problems = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 1000})
        page.goto(f"/{path}")
        settle(page)
        expect(page.get_by_role("heading", name=PAGES[path], exact=True)).to_be_visible()
        assert page.locator("[data-testid=stException]").count() == 0
        assert page.locator("[data-testid=stAlertContentError]").count() == 0
        assert width < 1440 or serious(page) == []
        shot(page, f"{path or 'overview'}-{width}")
    assert [p for p in problems if "Failed to load resource" not in p and "WebSocket" not in p] == []


def test_an_analyst_filters_and_the_url_keeps_it(page):
    page.goto("/encounters?class=EMER")
    settle(page)
    charts = page.locator("[data-testid=stPlotlyChart]")
    expect(charts.first).to_be_visible(timeout=30_000)
    assert charts.count() == 5
    number = page.get_by_test_id("stMetricValue").first.inner_text()
    page.reload()
    settle(page)
    assert page.get_by_test_id("stMetricValue").first.inner_text() == number
    page.goto("/encounters")
    settle(page)
    assert int(page.get_by_test_id("stMetricValue").first.inner_text().replace(",", "")) > int(
        number.replace(",", "")
    )
    page.get_by_role("button", name="SQL").first.click()
    expect(page.get_by_text("GROUP BY").first).to_be_visible()


def test_an_engineer_generates_starts_watches_and_stops_a_run(page, browser, url):
    page.goto("/data")
    settle(page)
    page.get_by_role("spinbutton", name="Patients").fill("20")
    page.get_by_role("spinbutton", name="Seed").fill("99")
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_text("is in the lake:")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Run the pipeline on this").click()
    page.wait_for_url("**/runs?run=*", timeout=30_000)
    expect(page.get_by_text("▶ Running").first).to_be_visible(timeout=60_000)
    shot(page, "run-live-1440")
    second = browser.new_context(base_url=url).new_page()  # a second engineer meanwhile
    second.goto("/runs")
    settle(second)
    second.get_by_text("Start a run").first.click()
    second.wait_for_timeout(800)
    second.get_by_role("button", name="Start", exact=True).click()
    expect(second.get_by_text("has been writing since")).to_be_visible(timeout=30_000)
    second.context.close()
    page.get_by_role("button", name="Stop this run").click()
    expect(page.get_by_text("■ Stopped").first).to_be_visible(timeout=60_000)
    expect(page.get_by_role("button", name="Go on from here")).to_be_visible(timeout=30_000)
    page.reload()
    settle(page)
    expect(page.get_by_text("■ Stopped").first).to_be_visible()
    shot(page, "run-stopped-1440")


def test_the_menu_shows_what_the_role_can_do(page):
    page.goto("/")
    settle(page)
    assert page.get_by_role("link", name="Runs").count() == 1
    page.get_by_test_id("stSidebar").get_by_role("combobox").click()
    page.get_by_role("option", name="Viewer").click()
    expect(page.get_by_test_id("stSidebarNav").get_by_role("link", name="Runs")).to_have_count(
        0, timeout=20_000
    )
    expect(page.get_by_test_id("stSidebarNav").get_by_role("link", name="Encounters")).to_have_count(1)
