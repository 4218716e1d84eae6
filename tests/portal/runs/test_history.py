"""What former runs tell: causes in the list, medians, estimates, two runs side by side."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.jobs import jobs
from portal.quality import results as quality
from portal.runs import executions
from portal.runs import history as run_history
from portal.runs import service as runs
from portal.runs.job_runs import DPU_HOUR_DOLLARS, JobRun
from portal.runs.model import Run

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def _run(number, seconds, status="SUCCEEDED", attempt=1):
    job = JobRun(
        "quality_audit",
        f"jr-{number}",
        status,
        NOW,
        NOW + timedelta(seconds=seconds),
        seconds,
        3600.0,
        None,
        "",
    )
    return Run(
        f"run-{number}", status, NOW, NOW + timedelta(seconds=seconds), "arn", attempt=attempt, jobs=(job,)
    )


def test_the_estimate_is_of_first_attempts_that_succeeded():
    past = [_run(1, 10), _run(2, 30), _run(3, 20), _run(4, 999, "FAILED"), _run(5, 999, attempt=2)]
    found = run_history.estimate(past)
    assert (found.run_count, found.fastest, found.seconds, found.slowest) == (3, 10, 20, 30)
    assert found.dollars == pytest.approx(DPU_HOUR_DOLLARS)
    assert run_history.estimate([_run(4, 999, "FAILED")]) is None


def test_a_median_is_of_the_last_twenty():
    past = [_run(n, 10) for n in range(20)] + [_run(99, 10_000)]
    assert run_history.medians(past) == {"quality_audit": 10}


def test_nothing_is_usual_before_three_former_runs_and_a_run_is_not_compared_with_itself():
    past = [_run(n, 10 * n) for n in (1, 2, 3)]
    assert run_history.medians(past[:2]) == {}
    assert run_history.medians(past) == {"quality_audit": 20}
    assert run_history.medians(past, but="run-3") == {}


def test_the_list_has_each_runs_jobs_and_the_cause_of_a_failure(portal, failed_run, held_run):
    found = {run.run_id: run for run in run_history.recent(portal)}
    run = found[held_run.run_id]
    assert {job.job for job in run.jobs} == {job.name for job in jobs()}
    assert run.dpu_hours > 0
    gone_on = replace(failed_run.run, jobs=())
    told = run_history._with_cause(gone_on, lambda arn: executions.ending(portal, arn))
    assert told.cause == failed_run.run.cause
    assert failed_run.run.cause


def test_a_run_that_was_gone_on_with_is_listed_by_its_newest_attempt(portal, held_run):
    found = run_history.search(portal, statuses=["FAILED", "ABORTED"], text=held_run.run_id)
    assert found.runs == []
    assert [run.attempt for run in run_history.search(portal, text=held_run.run_id).runs] == [2]


def test_a_run_that_was_gone_on_with_is_listed_with_the_jobs_of_its_first_attempt(portal, first_run):
    (found,) = run_history.search(portal, text=first_run.run_id).runs
    assert found.attempt > 1
    assert sorted(job.job_run_id for job in found.jobs) == sorted(job.job_run_id for job in first_run.jobs)
    assert min(job.started_at for job in found.jobs) < found.started_at


def test_gold_rows_are_counted_as_soon_as_their_job_has_ended(portal, held_run):
    run = runs.get(portal, held_run.run_id)
    audit = quality.audit(portal, held_run.run_id)
    assert run_history.gold_rows(portal, run) == audit.tables
    begun = replace(run, jobs=tuple(job for job in run.jobs if job.job == "silver_to_gold_dim_patient"))
    assert run_history.gold_rows(portal, begun) == {"dim_patient": audit.tables["dim_patient"]}


def test_two_runs_side_by_side(portal, first_run, held_run):
    found = {run.run_id: run for run in run_history.recent(portal)}
    made = run_history.compare(portal, found[first_run.run_id], found[held_run.run_id])
    assert list(made.times.columns) == ["job", first_run.run_id, held_run.run_id]
    assert len(made.times) == len(jobs())
    received = sum(line["received"] for line in quality.reconciliation(portal, held_run.run_id))
    assert made.rows[made.rows["rows"] == "received"][held_run.run_id].sum() == received
    assert not made.rules.empty
    back = run_history.compare(portal, found[held_run.run_id], found[first_run.run_id])
    assert set(back.rules["rule_id"]) == set(made.rules["rule_id"])
