"""The graph has every step once, in its state, whatever the run has reached."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline.jobs import jobs
from portal.components import graph
from portal.components.palette import words
from portal.services import runs
from portal.services.job_runs import JobRun
from portal.services.runs import Run, StepState

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def _job_run(job, state, number=1):
    return JobRun(job, f"jr_{number}", state, NOW, NOW, 4, 8.0, None, "/aws-glue/jobs")


def _run(job_runs=(), steps=()):
    return Run("run-1", "RUNNING", NOW, None, "arn", jobs=tuple(job_runs), steps=tuple(steps))


def test_without_a_run_every_step_is_there_and_not_started():
    found = graph.states(None)
    assert set(found.values()) == {"NOT_STARTED"}
    assert set(found) == {job.name for job in jobs()} | {"PrepareRun", "PublishRelease", "NotifySuccess"}
    assert all(words("NOT_STARTED") in graph.label(name, None, {}) for name in found)


@pytest.mark.parametrize("state", ["RUNNING", "SUCCEEDED", "FAILED", "STOPPED"])
def test_a_step_shows_the_state_of_its_latest_attempt(state):
    name = jobs()[0].name
    run = _run([_job_run(name, state, 2), _job_run(name, "FAILED", 1)])
    assert words(run.latest(name).state) in graph.label(name, run, {})


def test_a_step_that_has_not_begun_says_how_long_it_usually_takes():
    name = jobs()[0].name
    assert "usually 1,234 s" in graph.label(name, None, {name: 1234.0})


def test_steps_without_a_job_follow_the_history():
    run = _run(steps=[StepState("PrepareRun", "SUCCEEDED", NOW, NOW)])
    found = graph.states(run)
    assert found["PrepareRun"] == "SUCCEEDED"
    assert found["PublishRelease"] == "NOT_STARTED"


def test_the_graph_of_a_run_agrees_with_the_executions_history(portal, first_run):
    events = portal.client("stepfunctions").get_execution_history(
        executionArn=first_run.execution_arn, maxResults=1000
    )["events"]
    left = {
        event["stateExitedEventDetails"]["name"] for event in events if "stateExitedEventDetails" in event
    }
    shown = graph.states(runs.get(portal, first_run.run_id))
    assert {name for name in shown if name in left} == {
        n for n, state in shown.items() if state == "SUCCEEDED"
    }
