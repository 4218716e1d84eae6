"""From signing in to being done: an engineer, an analyst and a clinician.

Each has a colleague at work, reloads, meets a run whose job has failed, and a session that ends on the way.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from zipfile import ZipFile

import pytest
from playwright.sync_api import expect

from pipeline.data_generator import Options
from pipeline.data_generator.writer import generate
from portal.core.auth import User
from portal.releases import service as releases
from portal.reviews import read_model
from portal.runs import service as runs
from tests.e2e import graph_watch
from tests.e2e.accessibility import serious
from tests.e2e.conftest import session_ends, settle, shot
from tests.e2e.steps import (
    approve,
    bar_beside,
    choose_first_row,
    click_on,
    downloaded,
    open_finding,
    open_tab,
    reads_why_it_failed,
    settle_what_bars,
    type_slowly,
    visit,
    wait_until_drawn,
    watched_to_its_end,
)
from tests.support import lakes

pytestmark = pytest.mark.e2e

HELD = {
    "silver_to_gold_dim_time": "silver_to_gold/dim_time",
    "silver_to_gold_fact_encounter": "silver_to_gold/fact_encounter",
    "quality_audit": "quality/audit",
}
"""Jobs that wait until the graph has shown them running.

Otherwise a run ends before two drawings. Name to script.
"""


def _tick_trouble(page):
    page.get_by_test_id("stCheckbox").filter(has_text="Errors and warnings only").click()


def test_an_engineer_generates_starts_stops_mends_goes_on_and_watches_to_the_end(
    person, portal, cloud, broken, nothing_goes_on, tmp_path
):
    page = person("eve", "engineer")
    visit(page, "Data")
    page.get_by_role("spinbutton", name="Patients").fill("20")
    page.get_by_text("Advanced options").click()
    page.get_by_role("spinbutton", name="Seed").fill("99")
    page.get_by_role("button", name="Download as zip").click()  # the seed's field is left by this very click
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the zip file").click()
    wanted = generate(Options(20, 99), tmp_path / "sample").folder
    with ZipFile(download.value.path()) as archive:
        for file in ("patients.csv", "encounters.csv"):
            assert archive.read(file) == (wanted / file).read_bytes()
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_text("imported:")).to_be_visible(timeout=60_000)
    with lakes.held(cloud, "bronze_to_silver/patients"):  # until it is stopped
        page.get_by_role("button", name="Run the pipeline on this batch").click()
        page.wait_for_url("**/run?run=*", timeout=30_000)
        run_id = page.url.partition("run=")[2].partition("&")[0]
        expect(page.get_by_text("▶ Running").first).to_be_visible(timeout=60_000)
        shot(page, "run-live-1440")

        colleague = person("max", "engineer")
        visit(colleague, "Runs")
        colleague.get_by_text("Start a run").first.click()
        expect(colleague.get_by_text("has been writing since")).to_be_visible()
        expect(colleague.get_by_role("button", name="Start", exact=True)).to_be_disabled()

        page.get_by_role("button", name="Stop this run").click()
        expect(page.get_by_text("Stopped by ")).to_be_visible(timeout=60_000)
    page.reload()
    settle(page)
    expect(page.get_by_text("Is it safe to run again?")).to_be_visible()
    shot(page, "run-stopped-1440")

    with broken("silver_to_gold/dim_time"):
        page.get_by_role("button", name="Resume").click()
        expect(page.get_by_role("button", name="Stop this run")).to_be_visible()
        assert runs.wait(portal, run_id, seconds=400).status == "FAILED"
    expect(page.get_by_text("Disk full").first).to_be_visible()
    expect(page.get_by_text("ValueError: the disk is full").first).to_be_visible()
    settle(page)  # the last attempt is drawn: what is typed before that may be drawn over
    page.get_by_label("Filter", exact=True).fill("about to")
    page.get_by_label("Filter", exact=True).press("Enter")
    expect(page.get_by_text("1 line, times in")).to_be_visible()
    session_ends(page, "eve", "engineer", touch=_tick_trouble)

    with ExitStack() as held:
        go_on = {job: held.enter_context(lakes.held(cloud, script)) for job, script in HELD.items()}
        page.get_by_role("button", name="Resume").click()
        expect(page.get_by_role("button", name="Stop this run")).to_be_visible()
        seen = graph_watch.record(page)
        page.reload()  # nobody touches the page from here on
        for job, let_go in go_on.items():
            wait_until_drawn(page, seen, job, "Running")
            let_go()
    try:
        ended = watched_to_its_end(page, portal, run_id)
        expect(page.get_by_text("was published at")).to_be_visible(timeout=60_000)
        told = graph_watch.history(portal, run_id, ended.execution_arn)
        settle(page)
        wait_until_drawn(page, seen, "NotifySuccess", "Succeeded")
        assert graph_watch.disagreements(seen, told) == []
        expect(page.get_by_role("button", name="Rerun")).to_be_visible()  # at rest
        settle(page)
        click_on(page, page.locator(".st-key-state-graph text", has_text="dim_time"))
        expect(page.get_by_text("hdp-silver-to-gold-dim-time is done").first).to_be_visible()
        shot(page, "run-1440")
        colleague.reload()
        settle(colleague)
        expect(colleague.get_by_text("tick two to compare")).to_be_visible()
    finally:
        if releases.current(portal).release_id == run_id:
            releases.rollback(portal, reason="the test is over")


_ESTIMATE = re.compile(r"of Release \d+ · max\.")


def _ask(page):
    page.get_by_role("button", name="Run", exact=True).click()


def _first_figure(page):
    return page.get_by_test_id("stMetricValue").first.inner_text()


def test_an_analyst_filters_reads_why_a_run_failed_asks_in_sql_and_takes_the_answer_away(
    person, portal, stuck_run
):
    release_id = releases.current(portal).release_id
    page, colleague = person("ana", "analyst"), person("ben", "analyst")
    for each in (page, colleague):
        visit(each, "Encounters")
    everything = _first_figure(page)
    page.get_by_test_id("stButtonGroup").get_by_text("Cost", exact=True).click()
    settle(page)
    bar_beside(page.get_by_role("figure", name=re.compile("^Cost by encounter class")), "(AMB)").click(
        force=True
    )
    expect(page.get_by_role("button", name="Clear all filters")).to_be_visible()
    settle(page)
    filtered = _first_figure(page)
    assert filtered != everything
    assert "class=AMB" in page.url
    colleague.reload()
    settle(colleague)
    assert _first_figure(colleague) == everything, "a filter is one person's"
    page.reload()
    settle(page)
    assert _first_figure(page) == filtered
    page.get_by_test_id("stCheckbox").filter(has_text="Show records").click()
    taken = downloaded(page, "CSV of these rows")
    assert "Class: " in taken
    assert release_id in taken
    reads_why_it_failed(page, stuck_run)
    assert _first_figure(page) == filtered, "a run that failed changes nothing that is shown"
    page.get_by_role("button", name="Clear all filters").click()
    expect(page.get_by_role("button", name="Clear all filters")).to_have_count(0)

    visit(page, "SQL")
    statement = page.get_by_label("SQL (read-only)")
    statement.fill("SELECT first_name FROM hdp_silver.patients")
    statement.press("Control+Enter")
    expect(page.get_by_text("first_name").first).to_be_visible()
    expect(page.get_by_text(_ESTIMATE)).to_have_count(0)
    statement.fill("SELECT encounter_class, count(*) AS encounters FROM fact_encounter GROUP BY 1")
    statement.press("Control+Enter")
    expect(page.get_by_text(_ESTIMATE)).to_be_visible()
    settle(page)
    _ask(page)
    expect(page.get_by_text(re.compile(r"As of Release \d+: ")).first).to_be_visible()
    session_ends(page, "ana", "analyst", touch=_ask)
    expect(statement).to_have_value(re.compile("GROUP BY 1"))
    page.get_by_text("Chart of this result").click()
    expect(
        page.locator("[data-testid=stPlotlyChart] .bars .point path").filter(visible=True).first
    ).to_be_visible()
    assert serious(page) == []
    shot(page, "sql-answered-1440")
    assert "encounter_class" in downloaded(page, "CSV")

    page.get_by_text("Saved queries", exact=True).click()
    page.get_by_label("Save the statement above as").fill("Encounters by class")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved by ana")).to_be_visible()
    visit(colleague, "SQL")
    colleague.get_by_text("Saved queries", exact=True).click()
    expect(colleague.get_by_text("Encounters by class")).to_be_visible()
    colleague.get_by_role("button", name="Use", exact=True).click()
    expect(colleague.get_by_label("SQL (read-only)")).to_have_value(re.compile("GROUP BY 1"))
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_text("No saved queries yet.")).to_be_visible()

    colleague.goto(page.url)
    settle(colleague)
    expect(colleague.get_by_text("This query belongs to someone else.")).to_be_visible()


def test_a_clinician_reviews_row_by_row_and_signs_and_only_then_is_it_published(
    person, portal, held_run, on_its_base, stuck_run
):
    run_id, former = held_run.run_id, on_its_base
    page = person("kim", "clinician")
    visit(page, "Quality")
    open_finding(page, run_id)
    expect(page.get_by_text(re.compile(r"Held by \d+ blocking finding"))).to_be_visible()
    assert serious(page) == []

    expect(page.get_by_text("Select one row to unmask its record.")).to_be_visible()
    choose_first_row(page)
    page.get_by_role("button", name="Unmask patient identifiers").click()
    expect(page.get_by_text("A reason for access is required")).to_be_visible()
    page.get_by_label("Reason for access (audited)").fill("to call the ward")
    page.get_by_role("button", name="Unmask patient identifiers").click()
    expect(page.get_by_text("Recorded in the audit log.")).to_be_visible()
    assert read_model.log(portal).events[-1].kind == "rows_unmasked"

    settle(page)  # the page is drawn anew after the unmasking: a click during that would be lost
    page.get_by_label("Question").fill("Which ward sent a patient without an identifier?")
    page.get_by_role("button", name="Raise a query").click()
    expect(page.get_by_text("The query was raised.")).to_be_visible()
    expect(page.get_by_text("Which ward sent a patient").first).to_be_visible()
    reads_why_it_failed(page, stuck_run)

    colleague = person("lou", "clinician")
    open_finding(colleague, run_id)
    type_slowly(colleague.get_by_label("Reply").first, "The second reviewer's ")
    page.get_by_label("Reply").first.fill("Ward 4, a power cut.")
    page.get_by_role("button", name="Answer", exact=True).first.click()
    expect(page.get_by_text(re.compile("was answered"))).to_be_visible()
    type_slowly(colleague.get_by_label("Reply").first, "long answer")
    colleague.get_by_role("heading", name="Conversation").click()  # a click elsewhere reruns the page
    expect(colleague.get_by_text("Ward 4, a power cut.").first).to_be_visible()
    settle(colleague)
    colleague.get_by_role("button", name="Answer", exact=True).first.click()
    expect(colleague.get_by_text("made a change at the same time")).to_be_visible()
    expect(colleague.get_by_text("Ward 4, a power cut.").first).to_be_visible()
    expect(colleague.get_by_label("Reply").first).to_have_value("The second reviewer's long answer")

    open_tab(page, "Sign-off")
    comment = page.get_by_label("Comment on the release")
    comment.fill("Looks right.")
    comment.press("Tab")  # the button that would take the focus is disabled
    settle(page)
    expect(page.get_by_text(re.compile("open (query prevents|queries prevent) approval"))).to_be_visible()
    expect(page.get_by_role("button", name="Approve and sign …")).to_be_disabled()
    open_tab(page, "Findings")
    session_ends(
        page, "kim", "clinician", touch=lambda page: page.get_by_role("button", name="Raise a query").click()
    )
    assert releases.current(portal).release_id == former
    open_tab(page, "Sign-off")
    expect(page.get_by_label("Comment on the release")).to_have_value("Looks right.")

    settle_what_bars(portal.on_behalf_of(User("dr.lee", "clinician")), run_id)
    page.reload()
    open_finding(page, run_id)
    shot(page, "quality-held-1440")
    open_tab(page, "Sign-off")
    page.get_by_label("Comment on the release").fill("The ward has confirmed it.")
    approve(page)
    expect(page.get_by_text("dr.lee made a change at the same time")).to_be_visible()
    expect(page.get_by_label("Comment on the release")).to_have_value("The ward has confirmed it.")
    approve(page)
    try:
        expect(page.get_by_text("Signed. The release is approved.")).to_be_visible()
        expect(page.get_by_text("I have reviewed this release and approve it").first).to_be_visible()
        assert releases.current(portal).release_id == run_id
        text = downloaded(page, "Printable report (HTML)")
        assert "The ward has confirmed it." in text
        assert "03/09/1984" not in text, "no row of data is in the report"
    finally:
        if releases.current(portal).release_id != former:
            releases.rollback(portal, reason="the test is over")


def test_who_may_not_review_sees_masked_rows_and_no_form(person, portal, held_run):
    page = person("ana", "analyst")
    open_finding(page, held_run.run_id)
    assert "•••" in downloaded(page, "Export masked rows (CSV)")
    open_tab(page, "Sign-off")
    is_signed = read_model.of_run(portal, held_run.run_id).signature is not None  # by a test before this one
    unsigned = page.get_by_text("A clinician who did not start the run can sign off the release.")
    expect(unsigned).to_have_count(0 if is_signed else 1)
    expect(page.get_by_text("I have reviewed this release and approve it")).to_have_count(int(is_signed))
    for name in ("Approve and sign …", "Raise a query", "Save the decision", "Unmask patient identifiers"):
        assert page.get_by_role("button", name=name).count() == 0
