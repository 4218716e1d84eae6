"""Runs of Glue jobs: every attempt with its times, its cost and its log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.jobs import Job, jobs
from portal.services.aws import Aws

JOB_ENDED = frozenset({"SUCCEEDED", "FAILED", "ERROR", "TIMEOUT", "STOPPED", "EXPIRED"})
DPU_HOUR_DOLLARS = 0.44
"""AWS Glue, us-east-1, a DPU hour of Spark jobs (aws.amazon.com/glue/pricing)."""


@dataclass(frozen=True)
class JobRun:
    """One attempt of one Glue job; times in UTC, `dpu_seconds` as Glue bills them."""

    job: str
    job_run_id: str
    state: str
    started_at: datetime
    ended_at: datetime | None
    execution_seconds: int
    dpu_seconds: float
    error: str | None
    log_group: str

    @property
    def seconds(self) -> float:
        """From start to end, waiting for a worker among it."""
        return ((self.ended_at or datetime.now(UTC)) - self.started_at).total_seconds()


def of_run(aws: Aws, run_id: str, start: datetime) -> tuple[JobRun, ...]:
    earliest = start - timedelta(minutes=1)
    found = [attempt for job in jobs() for of_run, attempt in since(aws, job, earliest) if of_run == run_id]
    return tuple(sorted(found, key=lambda run: run.started_at))


def since(aws: Aws, job: Job, start: datetime) -> Iterator[tuple[str, JobRun]]:
    """The attempts of a job from `start` on, newest first, each with the id of its run."""
    pages = aws.client("glue").get_paginator("get_job_runs").paginate(JobName=aws.lake.job(job.name))
    for page in pages:
        for run in page["JobRuns"]:
            if run["StartedOn"] < start:
                return
            yield run.get("Arguments", {}).get("--run_id", ""), _job_run(job, run)


def _job_run(job: Job, run: dict[str, Any]) -> JobRun:
    seconds = run.get("ExecutionTime", 0)
    return JobRun(
        job=job.name,
        job_run_id=run["Id"],
        state=run["JobRunState"],
        started_at=run["StartedOn"],
        ended_at=run.get("CompletedOn"),
        execution_seconds=seconds,
        dpu_seconds=run.get("DPUSeconds") or seconds * (run.get("MaxCapacity") or 0),
        error=run.get("ErrorMessage"),
        log_group=run.get("LogGroupName", "/aws-glue/jobs").rstrip("/"),
    )


def log_lines(aws: Aws, job_run_id: str, log_group: str, limit: int = 1000) -> list[tuple[datetime, str]]:
    """The last lines of an attempt's log, oldest first."""
    logs = aws.client("logs")
    lines: list[tuple[datetime, str]] = []
    for group in (f"{log_group}/output", f"{log_group}/error"):
        try:
            answer = logs.get_log_events(
                logGroupName=group, logStreamName=job_run_id, limit=limit, startFromHead=False
            )
        except logs.exceptions.ResourceNotFoundException:
            continue
        lines += [
            (datetime.fromtimestamp(event["timestamp"] / 1000, UTC), event["message"])
            for event in answer["events"]
        ]
    return sorted(lines, key=lambda line: line[0])[-limit:]
