"""Job runs: all attempts of the Glue jobs with their times, cost and logs."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.jobs import Job, jobs
from portal.core.context import Context
from portal.core.rights import requires

JOB_ENDED = frozenset({"SUCCEEDED", "FAILED", "ERROR", "TIMEOUT", "STOPPED", "EXPIRED"})
DPU_HOUR_DOLLARS = 0.44
"""Price of a DPU hour of AWS Glue for Spark jobs in us-east-1 (aws.amazon.com/glue/pricing)."""

MOST = 1000
"""Maximum number of job runs per job; older ones are not fetched."""

_LOG_PAGE = 10_000
"""Maximum lines per page of CloudWatch Logs."""


@dataclass(frozen=True)
class JobRun:
    """One attempt of a Glue job; times in UTC, `dpu_seconds` as billed."""

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
        """Return the duration, including the wait for a worker."""
        return ((self.ended_at or datetime.now(UTC)) - self.started_at).total_seconds()


@dataclass
class _Read:
    """The cached job runs of one job, newest first, and how far back they reach."""

    runs: list[tuple[str, JobRun]] = field(default_factory=list)
    back_to: datetime | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def settled(self) -> list[tuple[str, JobRun]]:
        """Return the job runs that are older than every unfinished one: these no longer change."""
        alive = [index for index, (_, run) in enumerate(self.runs) if run.state not in JOB_ENDED]
        return self.runs[alive[-1] + 1 :] if alive else self.runs

    def reaches(self, start: datetime) -> bool:
        return self.back_to is not None and (self.back_to <= start or len(self.runs) == MOST)


@requires("watch_runs")
def of_run(
    context: Context, run_id: str, start: datetime, changed_states: set[str] | None = None
) -> tuple[JobRun, ...]:
    """Return the job runs of a run, oldest first.

    With `changed_states`, fetch only the jobs of these states, and those that have unfinished job runs or
    were never fetched.
    """
    earliest = start - timedelta(minutes=1)
    found: list[JobRun] = []
    changed = None if changed_states is None else {name.split(" ")[0] for name in changed_states}
    for job in jobs():
        is_quiet = changed is not None and job.name not in changed
        found += [attempt for of_run, attempt in since(context, job, earliest, is_quiet) if of_run == run_id]
    return tuple(sorted(found, key=lambda run: run.started_at))


@requires("watch_runs")
def since(context: Context, job: Job, start: datetime, is_quiet: bool = False) -> list[tuple[str, JobRun]]:
    """Return at most `MOST` attempts of a job since `start`, newest first, each with the id of its run.

    Cached attempts that have ended are not fetched again. Nothing is fetched if `is_quiet` is true and all
    cached attempts have ended.
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
    """Return at most `MOST` attempts after the job run `newest`, newest first, and whether it was found.

    Without `newest`, return the attempts since `start`, and False.
    """
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
            found.append((run.get("Arguments", {}).get("--run_id", ""), _job_run(context, job, run)))
    return found, False


def _job_run(context: Context, job: Job, run: dict[str, Any]) -> JobRun:
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
        log_group=context.lake.job_logs,
    )


Line = tuple[datetime, str]


@requires("watch_runs")
def log_lines(context: Context, job_run_id: str, log_group: str, limit: int | None = 1000) -> list[Line]:
    """Return the last `limit` lines of a job run's log, oldest first; all lines if `limit` is None."""
    lines: list[Line] = []
    logs = context.client("logs")
    for group in (f"{log_group}/output", f"{log_group}/error"):
        for stream in _streams(logs, group, job_run_id):
            lines += _stream(logs, group, stream, limit)
    lines.sort(key=lambda line: line[0])
    return lines if limit is None else lines[-limit:]


def _streams(logs: Any, group: str, job_run_id: str) -> list[str]:
    """Return the names of a job run's log streams: its id, then `-driver` or `-` and an executor number."""
    pages = logs.get_paginator("describe_log_streams").paginate(
        logGroupName=group, logStreamNamePrefix=f"{job_run_id}-"
    )
    try:
        return [stream["logStreamName"] for page in pages for stream in page["logStreams"]]
    except logs.exceptions.ResourceNotFoundException:
        return []  # on a laptop, the group does not exist before the first line


def _stream(logs: Any, group: str, stream: str, limit: int | None) -> list[Line]:
    """Return at least the last `limit` lines of a log stream; all if it has fewer, or if `limit` is None."""
    pages: list[list[Line]] = []
    options: dict[str, Any] = {"limit": min(limit or _LOG_PAGE, _LOG_PAGE), "startFromHead": False}
    token = None
    while limit is None or sum(map(len, pages)) < limit:
        try:
            answer = logs.get_log_events(logGroupName=group, logStreamName=stream, **options)
        except logs.exceptions.ResourceNotFoundException:
            break
        pages.insert(0, [_log_line(event) for event in answer["events"]])
        if answer["nextBackwardToken"] == token:  # the same token again marks the start of the stream
            break
        token = options["nextToken"] = answer["nextBackwardToken"]
    return [line for page in pages for line in page]


def _log_line(event: dict[str, Any]) -> Line:
    return datetime.fromtimestamp(event["timestamp"] / 1000, UTC), event["message"]
