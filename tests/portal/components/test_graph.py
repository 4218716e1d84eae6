"""The graph has every step once, in its state, whatever the run has reached."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from pipeline.jobs import jobs
from portal.components import graph
from portal.components.palette import words
from portal.services.runs import JobRun, Run, StepState

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def _job_run(job, state, number=1):
    return JobRun(job, f"jr_{number}", state, NOW, NOW, 4, 8.0, None, "/aws-glue/jobs")


def _run(job_runs=(), steps=()):
    return Run("run-1", "RUNNING", NOW, None, "arn", jobs=tuple(job_runs), steps=tuple(steps))


def _labels(text):
    return dict(re.findall(r'^"([^"]+)" \[label="([^"]+)"', text.replace("{", ";\n"), re.MULTILINE))


def test_without_a_run_every_step_is_not_started():
    labels = _labels(graph.dot(None))
    assert len(labels) == len(jobs()) + 3
    assert all(label.endswith(words("NOT_STARTED")) for label in labels.values())


@pytest.mark.parametrize("state", ["RUNNING", "SUCCEEDED", "FAILED", "STOPPED"])
def test_a_step_shows_the_state_of_its_latest_attempt(state):
    name = jobs()[0].name
    run = _run([_job_run(name, state, 2), _job_run(name, "FAILED", 1)])
    latest = run.latest(name)
    assert _labels(graph.dot(run))[name].endswith(words(latest.state))


def test_steps_without_a_job_follow_the_history():
    run = _run(steps=[StepState("PrepareRun", "SUCCEEDED", NOW, NOW)])
    labels = _labels(graph.dot(run))
    assert labels["PrepareRun"].endswith(words("SUCCEEDED"))
    assert labels["PublishRelease"].endswith(words("NOT_STARTED"))


def test_every_step_is_connected():
    text = graph.dot(None)
    ends = set(re.findall(r'"([^"]+)" -> "([^"]+)"', text))
    assert {name for pair in ends for name in pair} == set(_labels(text))
