"""Many at the same page, and many runs in the list."""

from __future__ import annotations

import math
import os

import pytest
import streamlit as st
from streamlit.runtime.caching import cache_utils
from streamlit.testing.v1 import AppTest

from infra.local.cloud import Cloud
from portal.batches import service as batches
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.sign_in import SignInError
from portal.people import service as people
from portal.ui import cache, names, session
from tests.support.long_history import RUNS, remember_runs
from tests.support.page_drivers import PAGES

# twenty watchers


@pytest.fixture
def counted(monkeypatch):
    """Every API call that is made, with time standing still for what is kept.

    All looks are in the same window.
    """
    calls = []
    make = Context.client

    def client(aws, service):
        made = make(aws, service)
        made.meta.events.unregister("before-send", unique_id="count")
        made.meta.events.register("before-send", lambda **_: calls.append(service), unique_id="count")
        return made

    monkeypatch.setattr(Context, "client", client)
    monkeypatch.setattr(cache_utils, "TTLCACHE_TIMER", lambda: 1.0)
    monkeypatch.setattr(people, "CACHE_SECONDS", math.inf)
    monkeypatch.setattr("streamlit.page_link", lambda *_, **__: None)  # its pages are known to app.py alone
    monkeypatch.setattr("streamlit.delta_generator.DeltaGenerator.page_link", lambda *_, **__: None)
    monkeypatch.setenv("HDP_ROLE_CHOICE", "true")
    _forget()
    yield calls
    _forget()


def _forget():
    st.cache_data.clear()
    session.process_context.clear()
    batches._manifests.clear()
    people._files.clear()


def _calls(calls, page, watchers, **query):
    """How many API calls it costs when so many look at a page.

    One opens it, all look again as its fragment does.
    """
    _forget()
    calls.clear()
    for _ in range(1 + watchers):
        app = AppTest.from_file(str(PAGES / f"{page}.py"), default_timeout=120)
        for name, value in query.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception
        assert not app.error
    return len(calls)


@pytest.mark.parametrize("page", ["overview", "run"])
def test_twenty_watchers_cost_as_many_api_calls_as_one(first_run, counted, page):
    query = {"run": first_run.run_id} if page == "run" else {}
    _calls(counted, page, 0, **query)  # gives numbers to runs and releases, once for all
    alone = _calls(counted, page, 1, **query)
    assert alone > 2
    assert _calls(counted, page, 20, **query) == alone


# a session that ends


def test_a_live_part_shows_nothing_more_once_the_session_has_ended(monkeypatch):
    drawn, said = [], []

    def ended():
        raise SignInError("Your session has ended: reload this page to sign in again.")

    monkeypatch.setattr("streamlit.error", said.append)
    monkeypatch.setattr(st, "fragment", lambda part, run_every: part)
    part = session.live(2)(drawn.append)
    monkeypatch.setattr(session, "user", lambda: None)
    part("while signed in")
    monkeypatch.setattr(session, "user", ended)
    part("after the end")
    assert drawn == ["while signed in"]
    assert said == ["Your session has ended: reload this page to sign in again."]


# what is kept is kept from those without the right


def test_a_kept_answer_is_refused_to_those_who_may_not_have_it(first_run, counted, monkeypatch):
    engineer, viewer = (session.auth.User("x", role) for role in ("engineer", "viewer"))
    monkeypatch.setattr(session, "user", lambda: engineer)
    assert cache.run(first_run.run_id).run_id == first_run.run_id
    monkeypatch.setattr(session, "user", lambda: viewer)
    with pytest.raises(ServiceError, match="Viewers cannot view runs"):
        cache.run(first_run.run_id)


# many runs


@pytest.fixture(scope="module")
def long_history(tmp_path_factory):
    """A cloud of its own with 10,000 runs; gives its environment."""
    before = dict(os.environ)
    with Cloud(remember_runs(tmp_path_factory.mktemp("long") / "state"), workers=1) as cloud:
        os.environ.clear()
        os.environ.update(before)
        yield {**cloud.environment(), "HDP_ROLE_CHOICE": "true"}


@pytest.fixture
def runs_page(long_history, monkeypatch):
    """Opens the list of runs, with a query."""
    for name, value in long_history.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("streamlit.page_link", lambda *_, **__: None)
    _forget()

    def opened(**query):
        app = AppTest.from_file(str(PAGES / "runs.py"), default_timeout=120)
        for name, value in query.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception
        assert not app.error
        return app

    yield opened
    _forget()


def _listed(app):
    """The ids of the listed runs: Run 1 is run-00000."""
    return [f"run-{int(name.split()[1]) - 1:05d}" for name in app.dataframe[0].value["Run"]]


def _press(app, label):
    return next(b for b in app.button if b.label == label).click().run()


def test_ten_thousand_runs_in_the_list(runs_page):
    app = runs_page()
    assert len(_listed(app)) == 50
    assert _listed(app)[0] == f"run-{RUNS - 1:05d}"
    assert "the disk is full" in " ".join(app.dataframe[0].value["Error"])
    _press(app, "Show older runs")
    assert len(_listed(app)) == 250
    assert app.query_params["shown"] == "250"


def test_rare_failures_are_looked_for_until_a_page_of_them_is_found(runs_page):
    failed = [f"run-{number:05d}" for number in range(RUNS - 10, RUNS - 510, -10)]
    assert _listed(runs_page(text="disk is full")) == failed
    app = runs_page(state="FAILED")
    assert _listed(app) == failed
    _press(app, "Show older runs")
    assert len(_listed(app)) == 250


def test_the_one_stopped_run_among_ten_thousand_is_found_and_so_is_that_there_is_no_other(runs_page):
    app = runs_page(state="ABORTED")
    assert _listed(app) == ["run-00000"]
    assert any("1 of all 10,000 runs" in c.value for c in app.caption)
    assert not any("tick two to compare" in c.value for c in app.caption), "there is one"


def test_without_a_hit_it_is_said_how_far_was_looked_and_one_can_look_further(runs_page, monkeypatch):
    monkeypatch.setattr(cache.run_history, "SEARCH_RUNS", 2000)
    app = runs_page(state="ABORTED")
    assert [i.value for i in app.info] == ["None of the 2,000 runs searched match these filters."]
    _press(app, "Search older runs")
    assert [i.value for i in app.info] == ["None of the 4,000 runs searched match these filters."]
    assert app.query_params["depth"] == "2"


def test_two_runs_are_compared_swapped_closed_and_stay_closed(runs_page, monkeypatch):
    empty = session.pd.DataFrame(columns=["table", f"run-{RUNS - 1:05d}", "run-00007"])
    monkeypatch.setattr(
        cache.run_history, "compare", lambda *_: cache.run_history.Comparison(empty, empty, empty)
    )
    app = runs_page()
    app.session_state["runs-table-0"] = {"selection": {"rows": [0, 1], "columns": [], "cells": []}}
    app.query_params["compare"] = [f"run-{RUNS - 1:05d}", "run-00007"]  # one of them far out of the list
    app.run()
    newest, older = names.run(f"run-{RUNS - 1:05d}"), names.run("run-00007")
    assert any(m.value == f"#### {newest} (A) against {older} (B)" for m in app.markdown)
    _press(app, "Swap")
    assert any(m.value == f"#### {older} (A) against {newest} (B)" for m in app.markdown)
    _press(app, "Close the comparison")
    app.run()
    assert "compare" not in app.query_params
    assert not any("against" in m.value for m in app.markdown)
