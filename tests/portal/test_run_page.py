"""The page of one run by AppTest: what went wrong, its log, its release, and who may do what."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from portal.components import at_hand, state
from portal.services import releases, runs
from tests.portal.test_pages import PAGES

BEGAN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LOG = [(BEGAN + timedelta(seconds=n), f"line {n}") for n in range(2500)]
LOG[3] = (BEGAN, "ValueError: the disk is full")


@pytest.fixture
def run_page(portal, monkeypatch):
    """Opens the page of a run, for a role."""
    monkeypatch.setenv("HDP_ROLE_CHOICE", "true")
    monkeypatch.setattr("streamlit.page_link", lambda *_, **__: None)  # its pages are known to app.py alone
    state.clients.clear()
    st.cache_data.clear()

    def opened(run_id, role="engineer"):
        app = AppTest.from_file(str(PAGES / "run.py"), default_timeout=120)
        app.query_params["run"] = run_id
        app.session_state["role"] = role
        app.run()
        assert not app.exception
        return app

    yield opened
    state.clients.clear()
    st.cache_data.clear()


def _press(app, label):
    return next(b for b in app.button if b.label == label).click().run()


def test_a_viewer_is_told_that_runs_are_not_theirs_to_watch(run_page, first_run):
    app = run_page(first_run.run_id, role="viewer")
    assert app.error[0].value.startswith("Your role (viewer) may not watch runs and read their logs")
    assert not app.dataframe


def test_an_analyst_watches_and_changes_nothing(run_page, held_run):
    app = run_page(held_run.run_id, role="analyst")
    assert not app.error
    labels = {button.label for button in app.button}
    assert not labels & {"Publish this release", "Run again with these settings", "Go on from here"}


def test_a_run_that_failed_is_watched_while_a_job_beside_the_failed_one_goes_on(
    run_page, failed_run, monkeypatch
):
    run = failed_run.run
    going_on = replace(run.jobs[0], state="RUNNING", ended_at=None)
    shown = replace(run, jobs=(going_on, *run.jobs[1:]))
    assert (shown.is_over, shown.is_at_rest, run.is_at_rest) == (True, False, True)
    monkeypatch.setattr(at_hand, "run", lambda _: shown)
    app = run_page(run.run_id)
    assert [error.value for error in app.error if "could not be drawn" in error.value] == []
    assert any(heading.value == "#### Log" for heading in app.markdown), "what is below the bars is drawn"
    assert "Stop this run" not in {button.label for button in app.button}


def test_look_at_the_data_opens_the_rows_that_the_run_refused(run_page, failed_run, monkeypatch):
    monkeypatch.setattr(at_hand, "run", lambda _: failed_run.run)  # others of the tests have gone on with it
    app = _press(run_page(failed_run.run.run_id), "Look at the data")
    assert not app.error[1:]
    shown = next(frame.value for frame in app.dataframe if "refused by" in frame.value)
    assert len(shown)
    assert set(shown["patient_id"].dropna()) == {"•••"}


def test_the_log_is_searched_from_its_first_line_and_read_back_to_it(run_page, first_run, monkeypatch):
    monkeypatch.setattr(at_hand, "whole_log", lambda *_: LOG)
    app = run_page(first_run.run_id)

    def shown():
        return next(code.value for code in app.code if "line" in code.value).split("\n")

    assert len(shown()) == 1000
    _press(app, "Load earlier lines")
    assert len(shown()) == 2000
    _press(app, "Load earlier lines")
    assert len(shown()) == 2500
    app.checkbox[0].check().run()
    assert [c.value for c in app.code] == ["09:00:00 ValueError: the disk is full"]


def test_an_engineer_publishes_with_a_reason(run_page, held_run, monkeypatch):
    asked = []
    monkeypatch.setattr(
        releases, "publish", lambda aws, name, **said: asked.append((aws.person.role, name, said))
    )
    seen = st.cache_data(lambda: releases.Published("run-before", "", "", ""))
    monkeypatch.setattr(at_hand, "published", seen)
    # AppTest draws the whole page at each press, where a browser draws the dialog alone: it is kept open here
    pressed = st.button
    monkeypatch.setattr("streamlit.dialog", lambda _: lambda body: body)
    monkeypatch.setattr(
        "streamlit.button", lambda label, **how: pressed(label, **how) or label == "Publish this release"
    )
    app = _press(run_page(held_run.run_id), "Publish")
    assert [e.value for e in app.error] == ["A reason is required for the audit trail."]
    assert not asked
    next(t for t in app.text_input if t.label == "Reason").set_value("looked through by hand")
    _press(app, "Publish")
    assert asked[0][:2] == ("engineer", held_run.run_id)
    assert asked[0][2] == {"reason": "looked through by hand"}


def test_rows_and_rules_show_while_the_run_still_goes_on(run_page, held_run, monkeypatch):
    whole = runs.get(state.clients(), held_run.run_id)
    silver = tuple(job for job in whole.jobs if job.job.startswith("bronze_to_silver"))
    going = runs.Run(whole.run_id, "RUNNING", whole.started_at, None, whole.execution_arn, jobs=silver)
    monkeypatch.setattr(at_hand, "run", lambda _: going)
    monkeypatch.setattr(at_hand.quality, "audit", lambda *_: None)
    app = run_page(held_run.run_id)
    assert {"#### Rows", "#### Quality so far"} <= {m.value for m in app.markdown}
    assert any("Received (bronze)" in frame.value for frame in app.dataframe)
    assert any(button.label == "Stop this run" for button in app.button)
