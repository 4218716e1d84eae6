"""Edge cases of the run's Lambdas."""

from __future__ import annotations

import json

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
