"""Edge cases of the run's Lambdas."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest


def test_a_batch_named_twice_is_processed_once(portal, first_run, monkeypatch):
    monkeypatch.setenv("HDP_TIME_ZONE", "America/Chicago")
    from pipeline.lambdas import prepare_run  # reads environment variables on import

    (batch_id,) = first_run.batch_ids
    plan = prepare_run._plan("run-never", [batch_id, batch_id])
    assert (plan["batch_ids"], plan["time_zone"]) == ([batch_id], "America/Chicago")


def test_start_waits_for_a_job_run_that_is_stopping(cloud, monkeypatch):
    from pipeline.lambdas import start_glue_job

    class Stopping:
        """Fake Glue whose job run is STOPPING, a state that lasts only seconds in reality."""

        def get_paginator(self, _):
            return self

        def paginate(self, **_):
            return [{"JobRuns": [{"Id": "jr", "JobRunState": "STOPPING", "Arguments": {"--run_id": "r"}}]}]

    monkeypatch.setattr(start_glue_job, "glue", Stopping())
    with pytest.raises(start_glue_job.JobBusy, match="is being stopped"):
        start_glue_job.handler({"job": "quality_audit", "run_id": "r"}, None)


def test_the_mail_of_a_later_attempt_contains_the_run_id(portal, notifications):
    event = {"run_id": "run-x.2", "execution": "arn", "error": {"Error": "JobFailed", "Cause": "no"}}
    answer = portal.client("lambda").invoke(
        FunctionName=portal.lake.function("sns_notify_failure"), Payload=json.dumps(event).encode()
    )
    assert json.loads(answer["Payload"].read())["run_id"] == "run-x"


@pytest.fixture
def taken_lake(cloud, monkeypatch):
    """The first step of a run while another one holds the lake."""
    monkeypatch.setenv("HDP_TIME_ZONE", "UTC")
    from pipeline.lambdas import prepare_run, run_lock

    def busy(*_):
        raise run_lock.LakeBusy("Run 'run-first' has been writing since 02:00: wait for its end or stop it.")

    monkeypatch.setattr(run_lock, "take", busy)

    def prepare(started_by, minutes_ago):
        given = {"batch_ids": []} if started_by is None else {"batch_ids": [], "started_by": started_by}
        since = (datetime.now(UTC) - timedelta(minutes=minutes_ago)).isoformat().replace("+00:00", "Z")
        return prepare_run.handler(
            {"input": given, "execution": "arn", "name": "run-second", "since": since}, None
        )

    return prepare


@pytest.mark.parametrize("started_by", [None, "the schedule", "the arrival of a batch"])
def test_a_run_that_nobody_waits_for_waits_an_hour_for_the_lake_then_is_skipped(taken_lake, started_by):
    assert taken_lake(started_by, 0)["outcome"] == "busy"
    assert taken_lake(started_by, 59)["outcome"] == "busy"
    skipped = taken_lake(started_by, 61)
    assert skipped["outcome"] == "skipped"
    assert "run-first" in skipped["why"]


def test_a_person_is_refused_by_name_of_the_run_that_holds_the_lake(taken_lake):
    with pytest.raises(Exception, match="Run 'run-first' has been writing since 02:00"):
        taken_lake("eve", 0)


def test_an_error_names_a_few_of_many_unknown_batches(portal, first_run, monkeypatch):
    monkeypatch.setenv("HDP_TIME_ZONE", "UTC")
    from pipeline.lambdas import prepare_run

    with pytest.raises(prepare_run.UnknownBatch, match=r"b-0000, .*b-0004 and 4,995 more") as raised:
        prepare_run._plan("run-never", [f"b-{number:04}" for number in range(5000)])
    assert len(str(raised.value)) < 300
