"""Runs of Glue jobs: every attempt with its times, its cost and its log."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.jobs import Job, jobs
from portal.core.context import Context

JOB_ENDED = frozenset({"SUCCEEDED", "FAILED", "ERROR", "TIMEOUT", "STOPPED", "EXPIRED"})
DPU_HOUR_DOLLARS = 0.44
"""AWS Glue, us-east-1, a DPU hour of Spark jobs (aws.amazon.com/glue/pricing)."""

MOST = 1000
"""Job runs of one job that are looked at: older ones are not asked for."""

_LOG_PAGE = 10_000
"""Lines that CloudWatch Logs gives at once, at most."""


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


@dataclass
class _Read:
    """The job runs of one job that have been read, newest first, and how far back they reach."""

    runs: list[tuple[str, JobRun]] = field(default_factory=list)
    back_to: datetime | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def settled(self) -> list[tuple[str, JobRun]]:
        """Return the oldest of them, up to the first that had not ended: they change no more."""
        alive = [index for index, (_, run) in enumerate(self.runs) if run.state not in JOB_ENDED]
        return self.runs[alive[-1] + 1 :] if alive else self.runs

    def reaches(self, start: datetime) -> bool:
        return self.back_to is not None and (self.back_to <= start or len(self.runs) == MOST)


def of_run(
    context: Context, run_id: str, start: datetime, news: set[str] | None = None
) -> tuple[JobRun, ...]:
    """Return the job runs of a run. Where `news` names states of it, jobs without news are not asked about."""
    earliest = start - timedelta(minutes=1)
    found: list[JobRun] = []
    for job in jobs():
        is_quiet = news is not None and not any(name.split(" ")[0] == job.name for name in news)
        found += [attempt for of_run, attempt in since(context, job, earliest, is_quiet) if of_run == run_id]
    return tuple(sorted(found, key=lambda run: run.started_at))


def since(context: Context, job: Job, start: datetime, is_quiet: bool = False) -> list[tuple[str, JobRun]]:
    """Return the attempts of a job from `start` on, newest first, each with the id of its run.

    There are at most `MOST`. What has been read before and has ended is not asked for again; of a job that
    `is_quiet`, nothing is.
    """
    read = context.cursor(_Read, job.name)
    with read.lock:
        is_known = read.reaches(start)
        settled = read.settled() if is_known else []
        if not (is_quiet and is_known and len(settled) == len(read.runs)):
            fresh, is_met = _newer(context, job, start, settled[0][1].job_run_id if settled else None)
            read.runs = [*fresh, *(settled if is_met else [])][:MOST]
            if not is_met:
                read.back_to = start
        return [(run_id, run) for run_id, run in read.runs if run.started_at >= start]


def _newer(
    context: Context, job: Job, start: datetime, newest: str | None
) -> tuple[list[tuple[str, JobRun]], bool]:
    """Return the attempts since the job run `newest`, and whether that was met; without it, those from `start` on."""
    found: list[tuple[str, JobRun]] = []
    pages = (
        context.client("glue")
        .get_paginator("get_job_runs")
        .paginate(JobName=context.lake.job(job.name), PaginationConfig={"PageSize": 10 if newest else 200})
    )
    for page in pages:
        for run in page["JobRuns"]:
            if run["Id"] == newest:
                return found, True
            if (newest is None and run["StartedOn"] < start) or len(found) == MOST:
                return found, False
            found.append((run.get("Arguments", {}).get("--run_id", ""), _job_run(job, run)))
    return found, False


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


Line = tuple[datetime, str]


def log_lines(context: Context, job_run_id: str, log_group: str, limit: int | None = 1000) -> list[Line]:
    """The last lines of an attempt's log, oldest first; all of them where `limit` is None."""
    context.require("watch_runs")
    lines: list[Line] = []
    for group in (f"{log_group}/output", f"{log_group}/error"):
        lines += _stream(context.client("logs"), group, job_run_id, limit)
    lines.sort(key=lambda line: line[0])
    return lines if limit is None else lines[-limit:]


def _stream(logs: Any, group: str, stream: str, limit: int | None) -> list[Line]:
    """A stream's lines, read from its end backwards until there are `limit` of them."""
    pages: list[list[Line]] = []
    options: dict[str, Any] = {"limit": min(limit or _LOG_PAGE, _LOG_PAGE), "startFromHead": False}
    token = None
    while limit is None or sum(map(len, pages)) < limit:
        try:
            answer = logs.get_log_events(logGroupName=group, logStreamName=stream, **options)
        except logs.exceptions.ResourceNotFoundException:
            break
        pages.insert(0, [(datetime.fromtimestamp(e["timestamp"] / 1000, UTC), e["message"]) for e in answer["events"]])  # fmt: skip
        if answer["nextBackwardToken"] == token:  # how CloudWatch says that there is nothing before
            break
        token = options["nextToken"] = answer["nextBackwardToken"]
    return [line for page in pages for line in page]
