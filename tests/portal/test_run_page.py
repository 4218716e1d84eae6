"""The page of one run by AppTest: what went wrong, its log, its release, and who may do what."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from portal.releases import service as releases
from portal.runs import service as runs
from portal.runs.model import Run
from portal.ui import cache, names, session
from tests.support.page_drivers import PAGES

BEGAN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LOG = [(BEGAN + timedelta(seconds=n), f"line {n}") for n in range(2500)]
LOG[3] = (BEGAN, "ValueError: the disk is full")


@pytest.fixture
def run_page(portal, monkeypatch):
    """Opens the page of a run, for a role; the pages that it links to are its `links`."""
    links = []
    monkeypatch.setenv("HDP_ROLE_CHOICE", "true")
    monkeypatch.setattr(
        "streamlit.page_link", lambda page, **_: links.append(page)
    )  # app.py alone knows pages
    session.process_context.clear()
    st.cache_data.clear()

    def opened(run_id, role="engineer"):
        app = AppTest.from_file(str(PAGES / "run.py"), default_timeout=120)
        app.query_params["run"] = run_id
        app.session_state["role"] = role
        app.run()
        assert not app.exception
        return app

    opened.links = links
    yield opened
    session.process_context.clear()
    st.cache_data.clear()


def _press(app, label):
    return next(b for b in app.button if b.label == label).click().run()


def test_a_viewer_is_told_that_runs_are_not_theirs_to_watch(run_page, first_run):
    app = run_page(first_run.run_id, role="viewer")
    assert app.error[0].value.startswith("Viewers cannot view runs")
    assert not app.dataframe


def test_an_analyst_watches_and_changes_nothing(run_page, held_run):
    app = run_page(held_run.run_id, role="analyst")
    assert not app.error
    labels = {button.label for button in app.button}
    assert not labels & {"Publish this release …", "Rerun", "Resume"}


def test_a_run_that_failed_is_watched_while_a_job_beside_the_failed_one_goes_on(
    run_page, failed_run, monkeypatch
):
    run = failed_run.run
    going_on = replace(run.jobs[0], state="RUNNING", ended_at=None)
    shown = replace(run, jobs=(going_on, *run.jobs[1:]))
    assert (shown.is_over, shown.is_at_rest, run.is_at_rest) == (True, False, True)
    monkeypatch.setattr(cache, "run", lambda _: shown)
    app = run_page(run.run_id)
    assert [error.value for error in app.error if "could not be drawn" in error.value] == []
    assert any(heading.value == "#### Log" for heading in app.markdown), "what is below the bars is drawn"
    assert "Stop this run" not in {button.label for button in app.button}


@pytest.mark.parametrize("role", ["analyst", "clinician", "engineer"])
def test_the_batch_that_failed_a_run_is_named_to_all_and_linked_for_who_has_its_page(
    run_page, failed_run, monkeypatch, role
):
    batch_id = failed_run.batch_id
    loading = replace(failed_run.run.jobs[0], state="FAILED", error=f"Batch '{batch_id}' cannot be read.")
    failed = replace(failed_run.run, status="FAILED", error=None, cause=None, jobs=(loading,))
    monkeypatch.setattr(cache, "run", lambda _: failed)
    app = run_page(failed.run_id, role=role)
    assert any(f"{names.batch(batch_id)} could not be processed." in each.value for each in app.markdown)
    assert not [error.value for error in app.error if "could not be drawn" in error.value]
    is_engineer = role == "engineer"
    assert ("app_pages/data.py" in run_page.links) is is_engineer
    assert any("hdp batches retire" in each.value for each in app.code) is is_engineer


def test_a_stopped_run_says_who_stopped_it_and_whether_it_is_safe_to_go_on(run_page, failed_run, monkeypatch):
    cause = "Stopped by eve at 2026-11-28 10:00 UTC."
    stopped = replace(failed_run.run, status="ABORTED", error="StoppedByUser", cause=cause)
    monkeypatch.setattr(cache, "run", lambda _: stopped)
    app = run_page(stopped.run_id)
    assert app.warning[0].value == f"**{cause}**"
    (safety,) = [each.value for each in app.markdown if "Is it safe to run again?" in each.value]
    assert "Each job replaces its table as a whole" in safety
    assert {"Resume", "Rerun"} <= {button.label for button in app.button}


def test_the_log_turns_to_the_job_that_the_next_attempt_fails_with_and_lets_another_be_chosen(
    run_page, failed_run, monkeypatch
):
    """It stayed with the job that had been stopped before the run was resumed."""
    run = failed_run.run
    first, second = (
        replace(
            run, jobs=(*run.jobs, replace(run.jobs[0], job_run_id=name, state="FAILED", started_at=later))
        )
        for name, later in [("jr-1", run.started_at), ("jr-2", run.started_at + timedelta(minutes=1))]
    )
    second = replace(second, started_at=run.started_at + timedelta(seconds=30))
    monkeypatch.setattr(cache, "run", lambda _: first)
    monkeypatch.setattr(cache, "log_tail", lambda *_: LOG)
    monkeypatch.setattr(cache, "whole_log", lambda *_: LOG)
    app = run_page(run.run_id)
    (picked,) = [each for each in app.selectbox if each.label == "Job run"]
    picked.set_value("jr-1").run()
    monkeypatch.setattr(cache, "run", lambda _: second)
    app.run()
    assert app.selectbox(key=picked.key).value == "jr-2"
    app.selectbox(key=picked.key).set_value(run.jobs[1].job_run_id).run()
    assert app.run().selectbox(key=picked.key).value == run.jobs[1].job_run_id


def test_look_at_the_data_opens_the_rows_that_the_run_refused(run_page, failed_run, monkeypatch):
    monkeypatch.setattr(cache, "run", lambda _: failed_run.run)  # others of the tests have gone on with it
    app = _press(run_page(failed_run.run.run_id), "Check the data")
    assert not app.error[1:]
    shown = next(frame.value for frame in app.dataframe if "refused by" in frame.value)
    assert len(shown)
    assert set(shown["patient_id"].dropna()) == {"•••"}


def test_the_log_is_searched_from_its_first_line_and_read_back_to_it(run_page, first_run, monkeypatch):
    monkeypatch.setattr(cache, "whole_log", lambda *_: LOG)
    app = run_page(first_run.run_id)

    def shown():
        return next(code.value for code in app.code if "line" in code.value).split("\n")

    assert len(shown()) == 1000
    _press(app, "Load earlier lines")
    assert len(shown()) == 2000
    _press(app, "Load earlier lines")
    assert len(shown()) == 2500
    app.checkbox[0].check().run()
    assert app.code[-1].value == "09:00:00 ValueError: the disk is full"


def test_an_engineer_publishes_with_a_reason(run_page, held_run, monkeypatch):
    asked = []
    monkeypatch.setattr(
        releases, "publish", lambda context, name, **said: asked.append((context.user.role, name, said))
    )
    seen = st.cache_data(lambda: releases.Published("run-before", "", "", ""))
    monkeypatch.setattr(cache, "published", seen)
    # AppTest draws the whole page at each press, where a browser draws the dialog alone: it is kept open here
    pressed = st.button
    monkeypatch.setattr("streamlit.dialog", lambda _: lambda body: body)
    monkeypatch.setattr(
        "streamlit.button", lambda label, **how: pressed(label, **how) or label == "Publish this release …"
    )
    app = _press(run_page(held_run.run_id), "Publish")
    assert [e.value for e in app.error] == ["A reason is required for the audit log."]
    assert not asked
    next(t for t in app.text_input if t.label == "Reason").set_value("looked through by hand")
    _press(app, "Publish")
    assert asked[0][:2] == ("engineer", held_run.run_id)
    assert asked[0][2] == {"reason": "looked through by hand"}


def test_rows_and_rules_show_while_the_run_still_goes_on(run_page, held_run, monkeypatch):
    whole = runs.get(session.process_context(), held_run.run_id)
    silver = tuple(job for job in whole.jobs if job.job.startswith("bronze_to_silver"))
    going = Run(whole.run_id, "RUNNING", whole.started_at, None, whole.execution_arn, jobs=silver)
    monkeypatch.setattr(cache, "run", lambda _: going)
    monkeypatch.setattr(cache.quality, "audit", lambda *_: None)
    app = run_page(held_run.run_id)
    assert {"#### Rows", "#### Quality so far"} <= {m.value for m in app.markdown}
    assert any("Received (bronze)" in frame.value for frame in app.dataframe)
    assert any(button.label == "Stop this run" for button in app.button)
