"""The steps of a run that are no jobs, where something is out of the ordinary."""

from __future__ import annotations

import json

import pytest


def test_a_batch_that_is_named_twice_is_read_once(portal, first_run, monkeypatch):
    monkeypatch.setenv("HDP_TIME_ZONE", "America/Chicago")
    from pipeline.lambdas import prepare_run  # it looks at the environment

    (batch_id,) = first_run.batch_ids
    plan = prepare_run._plan("run-never", [batch_id, batch_id])
    assert (plan["batch_ids"], plan["time_zone"]) == ([batch_id], "America/Chicago")


def test_a_job_that_is_being_stopped_is_waited_for(cloud, monkeypatch):
    from pipeline.lambdas import start_glue_job

    class Stopping:
        """Answers as Glue does for the seconds that a stop takes: no real one can be held there."""

        def get_paginator(self, _):
            return self

        def paginate(self, **_):
            return [{"JobRuns": [{"Id": "jr", "JobRunState": "STOPPING", "Arguments": {"--run_id": "r"}}]}]

    monkeypatch.setattr(start_glue_job, "glue", Stopping())
    with pytest.raises(start_glue_job.JobBusy, match="is being stopped"):
        start_glue_job.handler({"job": "quality_audit", "run_id": "r"}, None)


def test_the_mail_of_a_later_attempt_names_the_run(portal, notifications):
    event = {"run_id": "run-x.2", "execution": "arn", "error": {"Error": "JobFailed", "Cause": "no"}}
    answer = portal.client("lambda").invoke(
        FunctionName=portal.lake.function("sns_notify_failure"), Payload=json.dumps(event).encode()
    )
    assert json.loads(answer["Payload"].read())["run_id"] == "run-x"
