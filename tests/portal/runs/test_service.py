"""Runs: which job a run ended with; a run that is stopped while a job of it is being started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from portal.runs import execution_events
from portal.runs import service as runs
from portal.runs.job_runs import JobRun
from portal.runs.model import Run

BEGAN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def _job(name, state, minutes):
    started = BEGAN + timedelta(minutes=minutes)
    return JobRun(name, f"jr-{minutes}", state, started, started, 0, 0.0, None, "")


@pytest.mark.parametrize(
    ("jobs", "failed"),
    [
        ([_job("audit", "FAILED", -5)], None),
        ([_job("audit", "FAILED", -5), _job("audit", "SUCCEEDED", 1)], None),
        ([_job("audit", "FAILED", -5), _job("audit", "TIMEOUT", 1)], "jr-1"),
        ([_job("audit", "FAILED", -5), _job("load", "STOPPED", 2)], "jr-2"),
        ([_job("audit", "FAILED", 0), _job("load", "FAILED", 2)], "jr-0"),
        ([_job("audit", "SUCCEEDED", -5), _job("load", "RUNNING", 2)], None),
    ],
)
def test_the_failed_job_is_one_of_this_attempt(jobs, failed):
    run = Run("r", "FAILED", BEGAN, BEGAN + timedelta(minutes=9), "arn", attempt=2, jobs=tuple(jobs))
    assert (run.failed_job and run.failed_job.job_run_id) == failed


@pytest.fixture
def start_halts(portal, cloud, first_run):
    """Suspend the Lambda function that starts jobs; yield a callable that resumes it."""
    name = portal.lake.function("start_glue_job")
    known = json.dumps({"job": first_run.jobs[0].job, "run_id": first_run.run_id})
    portal.client("lambda").invoke(FunctionName=name, Payload=known)  # its process is there from here on
    wanted = ["pgrep", "-f", f"infra/local/lambda_worker.py .*{cloud.state}.*{name}-"]
    (pid,) = subprocess.run(wanted, capture_output=True, text=True, check=True).stdout.split()
    os.kill(int(pid), signal.SIGSTOP)
    yield lambda: os.kill(int(pid), signal.SIGCONT)
    os.kill(int(pid), signal.SIGCONT)


def test_jobs_whose_start_was_under_way_when_a_run_was_stopped_are_stopped_too(
    portal, first_run, start_halts
):
    run = runs.start(portal, list(first_run.batch_ids))
    tables = ("patients", "encounters", "medications", "diagnoses")
    first = {f"bronze_to_silver_{table}" for table in tables}
    while not first <= execution_events.read(portal, run.execution_arn).entered.keys():
        time.sleep(0.05)
    assert runs.get(portal, run.run_id).jobs == (), "none is there yet"
    threading.Timer(2, start_halts).start()
    stopped = runs.stop(portal, run.run_id)
    assert stopped.status == "ABORTED"
    assert {(job.job, job.state) for job in stopped.jobs} == {(job, "STOPPED") for job in first}
    assert stopped.is_at_rest
