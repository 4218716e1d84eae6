"""Runs of the pipeline: start, resume, stop, list, wait."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from pipeline.run_input import BadRunInput, check
from portal.batches import retirement
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires
from portal.core.vocabulary import STATES
from portal.runs import execution_events, executions, job_runs, without_history
from portal.runs.execution_events import Events
from portal.runs.job_runs import JOB_ENDED, JobRun
from portal.runs.model import Run


def new_run_id() -> str:
    """Return a unique run id that contains the current time (UTC)."""
    return f"run-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


@requires("run_pipeline")
def start(
    context: Context, batch_ids: Sequence[str] = (), *, auto_publish: bool = True, run_id: str | None = None
) -> Run:
    """Start a run and return it; if there is a run with this `run_id`, return that instead.

    Raise `ServiceError` if the input is not valid, a batch cannot be processed or another run is writing.
    """
    wanted = {
        "batch_ids": list(batch_ids),
        "run_id": run_id or new_run_id(),
        "auto_publish": auto_publish,
        "started_by": context.settings.user,
    }
    try:
        checked = check(wanted)
    except BadRunInput as error:
        raise ServiceError(str(error)) from None
    retirement.check_usable(context, checked["batch_ids"])
    _refuse_while_another_writes(context, checked["run_id"])
    return _execute(context, checked["run_id"], checked)


@requires("run_pipeline")
def resume(context: Context, run_id: str) -> Run:
    """Start the next attempt of a run that failed or was stopped; jobs that succeeded are not run again.

    Raise `ServiceError` if it is running, has succeeded or contains a retired batch, or if another run is
    writing.
    """
    last = get(context, run_id, details=False)
    run_id = last.run_id
    if not last.is_over:
        raise ServiceError(f"Run '{run_id}' is still running. Wait for its end, or stop it first.")
    if last.status == "SUCCEEDED":
        raise ServiceError(f"Run '{run_id}' has succeeded. Start a new run instead.")
    covered = (plan(context, run_id) or {}).get("release_batch_ids", last.batch_ids)
    if retired := sorted(set(covered) & set(retirement.retired(context))):
        raise ServiceError(
            f"Run '{run_id}' contains batch {', '.join(retired)}, which is retired. Start a new run instead."
        )
    _refuse_while_another_writes(context, run_id)
    same = {"auto_publish": last.auto_publish, "started_by": last.started_by}
    wanted = {"batch_ids": list(last.batch_ids), "run_id": run_id, **same}
    return _execute(context, executions.attempt_name(run_id, last.attempt + 1), wanted)


@requires("run_pipeline")
def stop(context: Context, run_id: str) -> Run:
    """Stop a run and its Glue jobs, including a job that is being started or that outlives its failed run.

    Raise `ServiceError` if the run and all its jobs have ended.
    """
    run = get(context, run_id)
    if run.is_at_rest:
        raise ServiceError(f"Run '{run.run_id}' has ended already ({STATES[run.status].lower()}).")
    if not run.is_over:
        why = f"Stopped by {context.settings.user} at {datetime.now(UTC):%Y-%m-%d %H:%M} UTC."
        stopped = {"executionArn": run.execution_arn, "error": "StoppedByUser", "cause": why}
        context.client("stepfunctions").stop_execution(**stopped)
    return _stop_jobs(context, run.run_id)


_START_SECONDS = 20.0
"""Maximum seconds to wait until Glue lists a job that was requested just before its execution was stopped."""


def _stop_jobs(context: Context, run_id: str) -> Run:
    """Stop every Glue job of a stopped run, including one that a Lambda function is about to start."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        run = get(context, run_id)
        alive = [job for job in run.jobs if job.state not in JOB_ENDED]
        for job in alive:
            context.client("glue").batch_stop_job_run(
                JobName=context.lake.job(job.job), JobRunIds=[job.job_run_id]
            )
        seen = {j.job for j in run.jobs if j.state == "SUCCEEDED" or j.started_at >= run.started_at}
        starting = execution_events.starting(execution_events.read(context, run.execution_arn))
        if starting <= seen or time.monotonic() > deadline:
            return get(context, run_id) if alive else run
        time.sleep(0.5)


@requires("see_charts")
def list_runs(context: Context, limit: int = 50) -> list[Run]:
    """Return the newest runs, each with its newest attempt."""
    return list(islice(newest_first(context, page_size=min(1000, 2 * limit)), limit))


@requires("see_charts")
def newest_first(context: Context, page_size: int = 1000) -> Iterator[Run]:
    """Yield all runs, each with its newest attempt; fetch pages while the caller iterates.

    `statusFilter` is not used, because it would list the failed attempt of a resumed run.
    """
    pages = (
        context.client("stepfunctions")
        .get_paginator("list_executions")
        .paginate(
            stateMachineArn=context.settings.state_machine_arn, PaginationConfig={"PageSize": page_size}
        )
    )
    seen: set[str] = set()
    for page in pages:
        for execution in page["executions"]:
            run_id, attempt = executions.split_name(execution["name"])
            if run_id not in seen:
                seen.add(run_id)
                yield _brief(execution, run_id, attempt)


@requires("see_charts")
def running(context: Context) -> Run | None:
    """Return the running run that began first, because the others wait; None if no run is running."""
    answer = context.client("stepfunctions").list_executions(
        stateMachineArn=context.settings.state_machine_arn, statusFilter="RUNNING", maxResults=100
    )
    alive = sorted(answer["executions"], key=lambda execution: execution["startDate"])
    return _brief(alive[0], *executions.split_name(alive[0]["name"])) if alive else None


@requires("watch_runs")
def get(context: Context, run_id: str, *, details: bool = True) -> Run:
    """Return a run by its id or the name of an execution, with job runs and steps if `details`.

    Raise `ServiceError` if there is no such run.
    """
    run_id, _ = executions.split_name(run_id)
    execution = executions.newest(context, run_id)
    if execution is None:
        return without_history.of_plan(context, run_id)
    events = execution_events.read(context, execution["executionArn"]) if details else Events()
    document = json.loads(execution["input"])
    output = json.loads(execution["output"]) if execution.get("output") else {}
    _, attempt = executions.split_name(execution["name"])
    started = (executions.first_start(context, run_id) if attempt > 1 else None) or execution["startDate"]
    return Run(
        run_id=run_id,
        status=execution["status"],
        started_at=execution["startDate"],
        stopped_at=execution.get("stopDate"),
        execution_arn=execution["executionArn"],
        attempt=attempt,
        error=execution.get("error"),
        cause=execution.get("cause") or output.get("why") or None,
        batch_ids=tuple(document.get("batch_ids", ())),
        auto_publish=document.get("auto_publish", True),
        started_by=document.get("started_by", "the schedule"),
        decision=output.get("decision"),
        is_published=output.get("published"),
        jobs=_jobs(context, run_id, started, events) if details else (),
        steps=execution_events.steps(events) if details else (),
    )


def _jobs(context: Context, run_id: str, started: datetime, events: Events) -> tuple[JobRun, ...]:
    """Return the job runs of a run; fetch only jobs that are starting, have changed or are unfinished."""
    with events.lock:
        changed = set(events.changed_states)
    found = job_runs.of_run(context, run_id, started, changed | execution_events.starting(events))
    with events.lock:
        events.changed_states -= changed
    return found


@requires("watch_runs")
def wait(
    context: Context,
    run_id: str,
    *,
    seconds: float = 6 * 3600,
    watch: Callable[[Run], None] | None = None,
    poll: float = 1.0,
) -> Run:
    """Wait until a run ends, and return it; call `watch` at every poll.

    Raise `ServiceError` if it is still running after `seconds`; `poll` is in seconds, too.
    """
    deadline = time.monotonic() + seconds
    while True:
        run = get(context, run_id)
        if watch:
            watch(run)
        if run.is_over:
            return run
        if time.monotonic() > deadline:
            raise ServiceError(
                f"Run '{run_id}' is still {run.status} after {seconds:.0f} s, and keeps running."
            )
        time.sleep(poll)


@requires("watch_runs")
def plan(context: Context, run_id: str) -> dict[str, Any] | None:
    """Return the plan of a run, or None if it is not written yet."""
    return without_history.plan(context, run_id)


def _execute(context: Context, name: str, document: dict[str, Any]) -> Run:
    executions.start(context, name, document)
    return get(context, document["run_id"], details=False)


def _refuse_while_another_writes(context: Context, run_id: str) -> None:
    other = running(context)
    if other and other.run_id != run_id:
        raise ServiceError(
            f"Run '{other.run_id}' has been writing since {other.started_at:%H:%M} UTC. "
            "Wait for its end or stop it, then start again."
        )


def _brief(execution: dict[str, Any], run_id: str, attempt: int) -> Run:
    return Run(
        run_id=run_id,
        status=execution["status"],
        started_at=execution["startDate"],
        stopped_at=execution.get("stopDate"),
        execution_arn=execution["executionArn"],
        attempt=attempt,
    )
