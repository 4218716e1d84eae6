"""Many at the same page, and many runs in the list."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from infra.local.cloud import Cloud
from infra.local.history import HistoryStore
from portal.components import state
from tests.portal.test_pages import PAGES

RUNS = 10_000


def _calls(times, run_id):
    """How many API calls it costs when so many look at a run's page at the same time."""
    state.clients.clear()
    state.run.clear()
    aws = state.clients()
    counted = []
    for service in ("stepfunctions", "glue"):
        aws.client(service).meta.events.register("before-send.*", lambda **_: counted.append(1))
    state.run(run_id)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: state.run(run_id), range(times - 1)))
    return len(counted)


def test_twenty_watchers_cost_as_many_api_calls_as_one(first_run, monkeypatch):
    monkeypatch.setattr(state, "clients", state.clients)
    alone = _calls(1, first_run.run_id)
    assert alone > 2
    assert _calls(20, first_run.run_id) == alone


def remember_runs(folder):
    """The state folder of a laptop cloud that remembers 10,000 runs, every tenth of them failed."""
    newest = datetime.now(UTC)
    store = HistoryStore(folder / "cloud" / "history.sqlite")
    arn = "arn:aws:states:us-east-1:123456789012:{}:hdp-pipeline"
    for number in range(RUNS):
        started = newest - timedelta(hours=RUNS - number)
        failed = number % 10 == 0
        name = f"run-{number:05d}"
        document = {
            "execution_arn": f"{arn.format('execution')}:{name}",
            "state_machine_arn": arn.format("stateMachine"),
            "name": name,
            "status": "FAILED" if failed else "SUCCEEDED",
            "start_date": started.isoformat(),
            "stop_date": (started + timedelta(minutes=4)).isoformat(),
            "input": "{}",
            "output": None,
            "error": "JobFailed" if failed else None,
            "cause": f"the disk is full ({number})" if failed else None,
            "events": [],
        }
        store.put("execution", document["execution_arn"], document)
    store.close()
    return folder


@pytest.fixture
def long_history(tmp_path, monkeypatch):
    before = dict(os.environ)
    with Cloud(remember_runs(tmp_path / "state"), workers=1) as cloud:
        os.environ.update(cloud.environment())
        monkeypatch.setenv("HDP_ROLE_CHOICE", "true")
        state.clients.clear()
        yield cloud
    os.environ.clear()
    os.environ.update(before)
    state.clients.clear()
    state.forget_runs()


def test_ten_thousand_runs_in_the_list(long_history):
    state.forget_runs()
    app = AppTest.from_file(str(PAGES / "runs.py"), default_timeout=120).run()
    assert not app.exception
    assert not app.error
    shown = app.dataframe[0].value
    assert len(shown) == 50
    assert shown["Run"].iloc[0] == f"run-{RUNS - 1:05d}"
    assert "the disk is full" in " ".join(shown["Error"])
    began = time.monotonic()
    app.text_input(key="runs-text").set_value("disk is full").run()
    assert len(app.dataframe[0].value) == 5
    assert time.monotonic() - began < 20, "what is at hand is filtered, not asked for again"
    next(b for b in app.button if b.label == "Show older runs").click().run()
    assert len(app.dataframe[0].value) == 25
