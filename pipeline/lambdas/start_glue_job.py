"""Starts a Glue job for a run, once: a second call finds the job run that the first one started."""

from __future__ import annotations

import os
from typing import Any

import boto3

from pipeline.lake.uris import Lake

glue = boto3.client("glue")
lake = Lake.of(os.environ)

ALIVE = {"STARTING", "RUNNING", "WAITING"}


class JobBusy(Exception):
    """The job is taken by another run, or is being stopped; Step Functions tries again."""


def handler(event: dict[str, Any], context: object) -> dict[str, str]:  # noqa: ARG001
    """``{"job": name, "run_id": id}`` to ``{"job", "job_run_id"}``.

    Of one run and one job there is never more than one job run alive and never more than one that
    succeeded; a resumed run thereby skips the jobs that are done.
    """
    job, run_id = event["job"], event["run_id"]
    name = lake.job(job)
    job_run_id = _existing(name, run_id) or _start(name, run_id)
    return {"job": job, "job_run_id": job_run_id}


def _start(name: str, run_id: str) -> str:
    try:
        answer = glue.start_job_run(JobName=name, Arguments={"--run_id": run_id})
    except glue.exceptions.ConcurrentRunsExceededException:
        mine = _existing(name, run_id)
        if mine:
            return mine
        raise JobBusy(f"Glue job {name} is busy with another run.") from None
    return str(answer["JobRunId"])


def _existing(name: str, run_id: str) -> str | None:
    for page in glue.get_paginator("get_job_runs").paginate(JobName=name):
        for run in page["JobRuns"]:
            if run.get("Arguments", {}).get("--run_id") != run_id:
                continue
            if run["JobRunState"] == "STOPPING":
                raise JobBusy(f"Glue job {name} is being stopped.")
            if run["JobRunState"] in ALIVE | {"SUCCEEDED"}:
                return str(run["Id"])
    return None
