"""Polling interval of a job run by its age."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime, timedelta

import pytest

POLLS = {"first_minute": 5, "later": 30}


@pytest.fixture
def check(monkeypatch):
    """Return the Lambda's module with a fake Glue that has one job run of this state and age."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("HDP_PREFIX", "hdp")
    monkeypatch.setenv("HDP_BUCKETS", "hdp")
    module = importlib.import_module("pipeline.lambdas.check_glue_job_status")

    def checked(state, seconds):
        run = {
            "JobRunState": state,
            "Timeout": 60,
            "StartedOn": datetime.now(UTC) - timedelta(seconds=seconds),
        }
        monkeypatch.setattr(module.glue, "get_job_run", lambda **_: {"JobRun": run})
        return module.handler({"job": "dim_time", "job_run_id": "jr_1", "poll_seconds": POLLS}, None)

    return checked


@pytest.mark.parametrize(
    ("state", "seconds", "done", "wait_seconds"),
    [
        ("RUNNING", 1, False, 5),
        ("RUNNING", 55, False, 5),
        ("RUNNING", 65, False, 30),
        ("SUCCEEDED", 3, True, 5),
    ],
)
def test_a_young_job_run_is_polled_more_often(check, state, seconds, done, wait_seconds):
    answer = check(state, seconds)
    assert (answer["done"], answer["wait_seconds"]) == (done, wait_seconds)
