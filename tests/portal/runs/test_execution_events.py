"""Looks at a run read on from the last one: what is asked of AWS for each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.jobs import jobs
from portal.core.context import Context
from portal.core.settings import Settings
from portal.runs import execution_events, job_runs

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIRST = jobs()[0]


class FakeAws:
    """Fake Glue with the runs of one job, and Step Functions with the events of one execution."""

    def __init__(self):
        self.runs, self.events, self.asked = [], [], []

    def get_paginator(self, name):
        self.asked.append(name)
        return self

    def paginate(self, PaginationConfig, JobName=None, reverseOrder=False, **_):
        key, found = ("JobRuns", self.runs) if JobName else ("events", self.events[::-1])
        size = PaginationConfig["PageSize"]
        for start in range(0, len(found), size):
            self.asked.append(size)
            yield {key: found[start : start + size]}


@pytest.fixture
def fake(monkeypatch):
    made = FakeAws()
    monkeypatch.setattr(Context, "client", lambda aws, service: made)
    return made


@pytest.fixture
def aws():
    return Context(Settings("hdp", "hdp", "arn:aws:states:us-east-1:1:stateMachine:m", "eve", "engineer"))


def job_run(number, state, minutes):
    started = NOON + timedelta(minutes=minutes)
    return {"Id": f"jr{number}", "JobRunState": state, "StartedOn": started, "Arguments": {"--run_id": "r"}}


def states(found):
    return [(run.job_run_id, run.state) for _, run in found]


def test_a_running_job_run_is_read_again_and_an_ended_one_is_not(aws, fake):
    fake.runs = [
        job_run(2, "RUNNING", 2),
        job_run(1, "SUCCEEDED", 1),
        job_run(0, "FAILED", -9),
    ]
    assert states(job_runs.since(aws, FIRST, NOON)) == [("jr2", "RUNNING"), ("jr1", "SUCCEEDED")]
    fake.runs[0] = job_run(2, "SUCCEEDED", 2)
    fake.runs[1] = job_run(1, "never read again", 1)
    assert states(job_runs.since(aws, FIRST, NOON)) == [("jr2", "SUCCEEDED"), ("jr1", "SUCCEEDED")]
    fake.runs.insert(0, job_run(3, "STARTING", 3))
    assert [each[0] for each in states(job_runs.since(aws, FIRST, NOON))] == ["jr3", "jr2", "jr1"]


def test_an_earlier_start_reads_further_back(aws, fake):
    fake.runs = [job_run(1, "SUCCEEDED", 1), job_run(0, "FAILED", -9)]
    job_runs.since(aws, FIRST, NOON)
    assert [each[0] for each in states(job_runs.since(aws, FIRST, NOON - timedelta(hours=1)))] == [
        "jr1",
        "jr0",
    ]


def test_a_quiet_job_is_not_asked_about_unless_it_runs(aws, fake):
    fake.runs = [job_run(1, "RUNNING", 1)]
    job_runs.since(aws, FIRST, NOON)
    fake.runs[0] = job_run(1, "SUCCEEDED", 1)
    assert states(job_runs.since(aws, FIRST, NOON, is_quiet=True)) == [("jr1", "SUCCEEDED")]
    fake.asked.clear()
    assert states(job_runs.since(aws, FIRST, NOON, is_quiet=True)) == [("jr1", "SUCCEEDED")]
    assert fake.asked == []


def event(number, kind, name):
    details = {"name": name}
    key = "stateEnteredEventDetails" if kind == "TaskStateEntered" else "stateExitedEventDetails"
    return {"id": number, "type": kind, "timestamp": NOON + timedelta(seconds=number), key: details}


def test_events_are_read_on_from_the_newest_one_known(aws, fake):
    for number in range(1, 601, 2):
        fake.events += [
            event(number, "TaskStateEntered", f"s{number}"),
            event(number + 1, "TaskStateExited", f"s{number}"),
        ]
    read = execution_events.read(aws, "arn")
    assert (read.last_id, len(read.entered), len(read.left)) == (600, 300, 300)
    read.changed_states.clear()
    fake.events.append(event(601, "TaskStateEntered", "late"))
    fake.asked.clear()
    assert execution_events.read(aws, "arn").changed_states == {"late"}
    assert fake.asked == ["get_execution_history", 100]
