"""Check whether a job run has ended; raise an error if it failed or, after stopping it, if it is overdue."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from pipeline.lake.uris import Lake

glue = boto3.client("glue")
lake = Lake.of(os.environ)

FIRST_MINUTE = timedelta(minutes=1)
"""Age up to which a job run is polled more often, because small jobs end within it."""

GRACE = timedelta(minutes=15)
"""Time in addition to the job's timeout, to start workers and to shut down."""


class GlueJobFailed(Exception):
    """The job run ended in a state other than SUCCEEDED."""


class GlueJobOverdue(Exception):
    """The job run exceeded its timeout and was stopped."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Map ``{"job", "job_run_id", "poll_seconds"}`` to the state of the job run.

    The result is ``{"job", "job_run_id", "state", "done", "wait_seconds"}``. Raise `GlueJobFailed` or
    `GlueJobOverdue`.
    """
    job, job_run_id = event["job"], event["job_run_id"]
    run = glue.get_job_run(JobName=lake.job(job), RunId=job_run_id)["JobRun"]
    state = run["JobRunState"]
    if state in {"FAILED", "ERROR", "TIMEOUT", "STOPPED", "EXPIRED"}:
        raise GlueJobFailed(f"{job} ended {state}: {run.get('ErrorMessage') or 'no message'}")
    if state != "SUCCEEDED" and _overdue(run):
        glue.batch_stop_job_run(JobName=lake.job(job), JobRunIds=[job_run_id])
        raise GlueJobOverdue(f"{job} was stopped: still {state} after {run['Timeout']} minutes.")
    polls = event["poll_seconds"]
    wait_seconds = polls["first_minute" if _age(run) < FIRST_MINUTE else "later"]
    result = {"job": job, "job_run_id": job_run_id, "state": state, "done": state == "SUCCEEDED"}
    return {**result, "wait_seconds": wait_seconds}


def _overdue(run: Mapping[str, Any]) -> bool:
    return _age(run) > timedelta(minutes=run["Timeout"]) + GRACE


def _age(run: Mapping[str, Any]) -> timedelta:
    age: timedelta = datetime.now(UTC) - run["StartedOn"]
    return age
