"""The quality page over a held release, opened by somebody of a role."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from portal.core.auth import User
from portal.reviews import commands as reviews
from portal.reviews import read_model
from portal.ui import session
from tests.support.held import FINDING as MISSING
from tests.support.quality_page import PAGE, forget, state_of


@pytest.fixture
def open_page(held_run, monkeypatch):
    """Opens the page as somebody of a role; every call is a browser session of its own."""
    monkeypatch.setenv("HDP_ROLE_CHOICE", "true")
    monkeypatch.setattr(st, "page_link", lambda page, *, label, **_: st.markdown(f"[{label}]({page})"))
    forget()

    def open_as(role="clinician", run=held_run.run_id, finding=MISSING, tab="Findings"):
        app = AppTest.from_file(PAGE, default_timeout=60)
        app.session_state["role"] = role
        app.query_params["run"] = run
        app.query_params["rule"] = ":".join(finding)
        app.query_params["tab"] = tab
        return app.run()

    yield open_as
    forget()


@pytest.fixture
def as_another(monkeypatch):
    """For as long as it lasts, pages are drawn for another clinician."""

    @contextmanager
    def person():
        with monkeypatch.context() as there:
            there.setattr(session, "user", lambda: User("dr.lee", "clinician"))
            yield

    return person


@pytest.fixture
def query(acting, held_run):
    """An open query on the finding, closed when the test is over."""
    lee = acting("dr.lee", "clinician")
    opened = reviews.open_query(lee, held_run.run_id, *MISSING, "Which ward was it?", assignee="clinician")
    query_id = opened.subject["query_id"]
    yield query_id
    if state_of(lee, query_id) != "closed":
        reviews.close(lee, query_id, "other", "The test is over.")


@pytest.fixture
def none_left_open(acting, held_run):
    """Closes what a test has asked, also where the test ended early."""
    lee = acting("dr.lee", "clinician")
    before = {query.query_id for query in read_model.of_run(lee, held_run.run_id).open_queries}
    yield
    for query in read_model.of_run(lee, held_run.run_id).open_queries:
        if query.query_id not in before:
            reviews.close(lee, query.query_id, "other", "The test is over.")
