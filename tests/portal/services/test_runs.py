"""Runs: which job a run ended with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from portal.services.job_runs import JobRun
from portal.services.runs import Run

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
