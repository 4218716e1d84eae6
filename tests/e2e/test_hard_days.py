"""What a person sees on a bad day: a session that ends, a lake in which nothing is, ten thousand runs, one that failed."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import expect

from infra.local.cloud import Cloud
from portal.sign_in import HEADER
from tests.e2e.conftest import serving, settle, shot
from tests.portal.test_sign_in import ISSUER, key_set, token
from tests.portal.test_watching import RUNS, remember_runs

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def signed_in_portal(portal, first_run):
    with key_set(portal), serving(HDP_SIGN_IN_ISSUER=ISSUER, HDP_ROLE="") as address:
        yield address


@pytest.mark.parametrize(
    ("group", "path"), [("analyst", "encounters"), ("clinician", "quality"), ("engineer", "runs")]
)
def test_a_session_that_ends_is_told_shows_nothing_more_and_goes_on_where_it_was(
    browser, signed_in_portal, group, path
):
    lasts = 12
    claims = {"cognito:groups": [group]}
    context = browser.new_context(
        base_url=signed_in_portal,
        extra_http_headers={HEADER: token(exp=time.time() + lasts, **claims)},
    )
    page = context.new_page()
    page.goto(f"/{path}")
    settle(page)
    heading = page.get_by_role("heading", level=1).inner_text()
    expect(page.get_by_text(f"lee · {group}")).to_be_visible()
    page.wait_for_timeout(lasts * 1000)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Overview").click()
    expect(page.get_by_text("Your session has ended: reload this page to sign in again.")).to_be_visible(
        timeout=20_000
    )
    assert page.get_by_test_id("stMetricValue").count() == 0
    context.set_extra_http_headers(
        {HEADER: token(**claims)}
    )  # the load balancer has signed the person in again
    page.goto(f"/{path}")
    settle(page)
    expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    context.close()


@pytest.fixture(scope="module")
def empty_portal(tmp_path_factory):
    """A portal over a lake of its own in which nothing was ever published, for all its 10,000 runs."""
    with (
        Cloud(remember_runs(tmp_path_factory.mktemp("long") / "state"), workers=1) as cloud,
        serving(**cloud.environment(), HDP_ROLE_CHOICE="true") as address,
    ):
        yield address


@pytest.mark.parametrize("role", ["Engineer", "Viewer"])
@pytest.mark.parametrize("path", ["", "encounters", "medications", "patients", "quality", "dictionary"])
def test_an_empty_lake_is_told_with_what_to_do_next(browser, empty_portal, path, role):
    page = browser.new_context(base_url=empty_portal).new_page()
    page.goto(f"/{path}?role={role}")
    settle(page)
    assert page.locator("[data-testid=stException]").count() == 0
    assert page.locator("[data-testid=stAlertContentError]").all_inner_texts() == []
    if path in {"encounters", "medications", "patients"}:
        expect(page.get_by_text("Nothing has been published yet.")).to_be_visible()
        expect(page.get_by_role("link", name="Go to Data")).to_have_count(1 if role == "Engineer" else 0)
        if role == "Viewer":
            expect(page.get_by_text("An engineer brings data in")).to_be_visible()
    page.context.close()


def test_ten_thousand_runs_are_listed_filtered_and_a_failed_one_explained(browser, empty_portal):
    page = browser.new_context(viewport={"width": 1440, "height": 1000}, base_url=empty_portal).new_page()
    page.goto("/runs?text=disk+is+full")
    settle(page)
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible(timeout=30_000)
    assert page.get_by_label("Run or error holds").input_value() == "disk is full"
    page.reload()
    settle(page)
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible(timeout=30_000)
    page.goto(f"/run?run=run-{RUNS - 10:05d}")
    settle(page)
    expect(page.get_by_text("No room on the disk").first).to_be_visible(timeout=30_000)
    expect(page.get_by_text("Is it safe to run again?")).to_be_visible()
    expect(page.get_by_role("button", name="Go on from here")).to_be_visible()
    shot(page, "run-failed-1440")
    page.context.close()
