"""How far a run is, and the seconds left by medians or by the rate of the jobs that are done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.jobs import jobs
from portal.runs import progress
from portal.runs.job_runs import JobRun
from portal.runs.model import Run

NAMES = [job.name for job in jobs()]


def run(done, alive=(), seconds=60):
    began = datetime.now(UTC) - timedelta(seconds=seconds)
    ended = [JobRun(name, name, "SUCCEEDED", began, began, 1, 1.0, None, "") for name in done]
    going = [JobRun(name, name, "RUNNING", began, None, 1, 1.0, None, "") for name in alive]
    return Run("run-1", "RUNNING", began, None, "arn", jobs=(*ended, *going))


def test_before_the_first_job_has_ended_the_time_left_is_unknown():
    found = progress.of(run([], NAMES[:3]), {})
    assert (found.done, found.total, found.seconds_left) == (0, len(NAMES), None)
    assert found.current == tuple(job.table for job in jobs()[:3])


def test_without_medians_the_time_left_follows_from_the_rate():
    found = progress.of(run(NAMES[:3], seconds=30), {})
    assert found.seconds_left == pytest.approx(10 * (len(NAMES) - 3), rel=0.05)


def test_with_medians_the_time_left_is_that_of_the_jobs_to_come():
    medians = dict.fromkeys(NAMES, 20.0)
    found = progress.of(run(NAMES[:-2], NAMES[-2:-1], seconds=15), medians)
    assert found.seconds_left == pytest.approx(5 + 20, abs=1)
    assert progress.of(run(NAMES), medians).seconds_left == 0
