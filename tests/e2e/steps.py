"""What a person does at the pages of the portal, and waits for."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from portal.releases import service as releases
from portal.reviews import commands as reviews
from portal.reviews import read_model, sign_off
from portal.runs import service as runs
from tests.e2e.conftest import settle

RULE = "patients:PAT-M01"


def downloaded(page, button):
    """The text of the file that a button gives."""
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name=button, exact=True).click()
    return download.value.path().read_text()


def visit(page, name):
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=name, exact=True, level=1)).to_be_visible()
    settle(page)


def reads_why_it_failed(page, run):
    """From the alerts to the cause, and back; going on is not for this person, who has no banner either."""
    address = page.url
    page.goto("/alerts")
    settle(page)
    # by its address: the banner may still name the run that failed before this one
    link = page.get_by_role("link", name="See why").and_(page.locator(f"[href*='{run.run_id}']"))
    for _ in range(20):  # alerts are asked for twice a minute
        if link.count():
            break
        page.wait_for_timeout(2000)
        page.reload()
        settle(page)
    link.click()
    page.wait_for_url(f"**/run?*{run.run_id}*")
    expect(page.get_by_text("Disk full").first).to_be_visible()
    expect(page.get_by_text("about to fail").first).to_be_visible()
    expect(page.get_by_text("Engineers can resume the run.")).to_be_visible()
    assert page.get_by_role("button", name="Resume").count() == 0
    taken = downloaded(page, "Download the whole log")
    assert re.search(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ about to fail$", taken, re.MULTILINE)
    page.goto(address)
    settle(page)


def click_on(page, part):
    """Click on a part of a drawing: it listens to the mouse itself."""
    part.scroll_into_view_if_needed()
    box = part.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.wait_for_timeout(300)
    page.mouse.click(*middle)


def _middle(part):
    box = part.bounding_box()
    return box["y"] + box["height"] / 2


def bar_beside(chart, label):
    """The bar beside a label of a ranking."""
    wanted = _middle(chart.locator(".ytick text", has_text=label))
    return min(chart.locator(".bars .point path").all(), key=lambda bar: abs(_middle(bar) - wanted))


def watched_to_its_end(page, portal, run_id):
    """The run once it is over; until then every look finds the page whole."""
    for _ in range(600):
        run = runs.get(portal, run_id)
        assert page.get_by_text("could not be drawn").count() == 0
        if run.is_over:
            return run
        page.wait_for_timeout(500)
    pytest.fail(f"{run_id} did not end")


def wait_until_drawn(page, seen, step, state):
    """Wait until the graph, as the browser has drawn it last, shows a step in a state."""
    for _ in range(120):
        if seen and seen[-1][1][step] == state:
            return
        page.wait_for_timeout(500)
    pytest.fail(f"{step} was not drawn as {state}; the last drawing: {seen[-1:]}")


def open_finding(page, run_id):
    page.goto(f"/quality?run={run_id}&rule={RULE}")
    settle(page)
    expect(page.get_by_role("heading", name="1 patient has no identifier")).to_be_visible()
    settle(page)


def open_tab(page, name):
    page.get_by_role("tab", name=name).click()
    settle(page)


def type_slowly(field, text):
    """As a person types: key by key, with a rest before the hand goes to the mouse."""
    field.press("End")
    field.press_sequentially(text, delay=40)
    field.page.wait_for_timeout(600)


def choose_first_row(page):
    """Tick the first failing row: the table is drawn on a canvas, with boxes to tick at its left."""
    table = page.locator("[class*='st-key-rows-']").get_by_test_id("stDataFrame")
    table.scroll_into_view_if_needed()
    table.click(position={"x": 18, "y": 52})
    settle(page)


def settle_what_bars(aws, run_id):
    """A colleague closes the open queries and dismisses the findings that bar approval."""
    for query in read_model.of_run(aws, run_id).open_queries:
        reviews.close(aws, query.query_id, "verified", "Seen.")
    made = releases.get(aws, run_id)
    for finding in sign_off.outstanding(aws, read_model.of_run(aws, run_id), made).barring:
        reviews.dismiss(aws, run_id, *finding.key, "The ward has confirmed it.")


def approve(page):
    page.get_by_role("button", name="Approve and sign …").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Meaning of your signature")).to_be_visible()
    expect(dialog.get_by_role("button", name="Sign", exact=True)).to_be_disabled()
    dialog.get_by_test_id("stCheckbox").filter(has_text="I have seen these findings").click()
    dialog.get_by_role("button", name="Sign", exact=True).click()
    expect(dialog).to_have_count(0)
