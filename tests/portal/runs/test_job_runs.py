"""Job runs: the log of an attempt, from its last line to its first."""

from __future__ import annotations

import time

import pytest

from portal.core.errors import ServiceError
from portal.runs import job_runs

LINES = 12_000


@pytest.fixture(scope="module")
def long_log(portal):
    """A log of 12,000 lines, more than CloudWatch gives at once; gives its job run's id."""
    logs, stream, began = portal.client("logs"), "jr_long-driver", int(time.time() * 1000) - LINES
    logs.create_log_group(logGroupName="/test/jobs/output")
    logs.create_log_stream(logGroupName="/test/jobs/output", logStreamName=stream)
    events = [{"timestamp": began + n, "message": f"line {n}"} for n in range(LINES)]
    for start in range(0, LINES, 4000):
        logs.put_log_events(
            logGroupName="/test/jobs/output", logStreamName=stream, logEvents=events[start : start + 4000]
        )
    return "jr_long"


def test_the_last_lines_are_the_newest_oldest_first(portal, long_log):
    lines = [line for _, line in job_runs.log_lines(portal, long_log, "/test/jobs")]
    assert lines == [f"line {n}" for n in range(LINES - 1000, LINES)]


def test_the_whole_log_has_every_line_once(portal, long_log):
    lines = [line for _, line in job_runs.log_lines(portal, long_log, "/test/jobs", limit=None)]
    assert lines == [f"line {n}" for n in range(LINES)]


def test_the_lines_of_executors_stand_between_those_of_the_driver(portal):
    logs, began = portal.client("logs"), int(time.time() * 1000)
    logs.create_log_group(logGroupName="/test/workers/output")
    for stream, lines in {"jr_two-driver": (0, 2), "jr_two-1": (1,), "jr_twenty-driver": (3,)}.items():
        logs.create_log_stream(logGroupName="/test/workers/output", logStreamName=stream)
        events = [{"timestamp": began + n, "message": f"line {n}"} for n in lines]
        logs.put_log_events(logGroupName="/test/workers/output", logStreamName=stream, logEvents=events)
    assert [line for _, line in job_runs.log_lines(portal, "jr_two", "/test/workers")] == [
        "line 0",
        "line 1",
        "line 2",
    ]


def test_a_viewer_reads_no_log(acting):
    with pytest.raises(ServiceError, match="Viewers cannot view runs"):
        job_runs.log_lines(acting("v", "viewer"), "jr_long", "/test/jobs")
