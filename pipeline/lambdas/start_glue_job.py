"""Start a Glue job for a run, unless the job is active for that run or has succeeded for it."""

from __future__ import annotations

import os
from typing import Any

import boto3

from pipeline.lake.uris import Lake

glue = boto3.client("glue")
lake = Lake.of(os.environ)

ACTIVE = {"STARTING", "RUNNING", "WAITING"}


class JobBusy(Exception):
    """The job is used by another run or is being stopped; Step Functions retries."""


def handler(event: dict[str, Any], context: object) -> dict[str, str]:  # noqa: ARG001
    """Map ``{"job": name, "run_id": id}`` to ``{"job", "job_run_id"}``.

    If a job run for the same run is active or has succeeded, it is returned and none is started: a resumed
    run skips finished jobs. Raise `JobBusy` if the job cannot be started now.
    """
    job, run_id = event["job"], event["run_id"]
    name = lake.job(job)
    job_run_id = _existing(name, run_id) or _start(name, run_id)
    return {"job": job, "job_run_id": job_run_id}


def _start(name: str, run_id: str) -> str:
    try:
        response = glue.start_job_run(JobName=name, Arguments={"--run_id": run_id})
    except glue.exceptions.ConcurrentRunsExceededException:
        mine = _existing(name, run_id)
        if mine:
            return mine
        raise JobBusy(f"Glue job {name} is used by another run.") from None
    return str(response["JobRunId"])


def _existing(name: str, run_id: str) -> str | None:
    for page in glue.get_paginator("get_job_runs").paginate(JobName=name):
        for run in page["JobRuns"]:
            if run.get("Arguments", {}).get("--run_id") != run_id:
                continue
            if run["JobRunState"] == "STOPPING":
                raise JobBusy(f"Glue job {name} is being stopped.")
            if run["JobRunState"] in ACTIVE | {"SUCCEEDED"}:
                return str(run["Id"])
    return None
