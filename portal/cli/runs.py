"""hdp runs start, list, show, stop, resume."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from portal.cli.output import emit_json, emit_table, json_option
from portal.cli.progress import watch_run
from portal.cli.session import Session
from portal.core.context import Context
from portal.quality import results as quality
from portal.runs import failures, job_runs
from portal.runs import history as run_history
from portal.runs import service as runs
from portal.runs.job_runs import JobRun
from portal.runs.model import Run

_STATUSES = {
    "running": "RUNNING",
    "succeeded": "SUCCEEDED",
    "failed": "FAILED",
    "timed-out": "TIMED_OUT",
    "stopped": "ABORTED",
}
"""Statuses of Step Functions by their names on the command line."""


@click.group("runs")
def runs_group() -> None:
    """Start, follow and stop runs of the pipeline."""


@runs_group.command("start")
@click.option(
    "--batch",
    "batch_ids",
    multiple=True,
    help="Batch to process (repeatable; default: all new batches).",
)
@click.option("--run-id", help="Id of the run; a run with this id is started only once.")
@click.option("--no-publish", is_flag=True, help="Do not publish the release, whatever the audit decides.")
@click.option("--wait", is_flag=True, help="Wait until the run ends (always on a laptop).")
@json_option
@click.pass_obj
def start_command(
    session: Session,
    batch_ids: tuple[str, ...],
    run_id: str | None,
    no_publish: bool,
    wait: bool,
    as_json: bool,
) -> None:
    """Start a run; on a laptop, wait until it ends.

    Exit code 1 if the run ended without success.
    """
    context = session.context
    run = runs.start(context, batch_ids, auto_publish=not no_publish, run_id=run_id)
    follow(context, run, wait or session.target == "laptop", as_json)


@runs_group.command("resume")
@click.argument("run_id")
@click.option("--wait", is_flag=True, help="Wait until the run ends (always on a laptop).")
@json_option
@click.pass_obj
def resume_command(session: Session, run_id: str, wait: bool, as_json: bool) -> None:
    """Resume a failed or stopped run; jobs that succeeded are not repeated."""
    context = session.context
    follow(context, runs.resume(context, run_id), wait or session.target == "laptop", as_json)


@runs_group.command("list")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="Number of runs.")
@click.option("--status", type=click.Choice(list(_STATUSES)), help="Only runs with this status.")
@json_option
@click.pass_obj
def list_command(session: Session, limit: int, status: str | None, as_json: bool) -> None:
    """List the newest runs, with the cause of each run that did not succeed."""
    wanted = [_STATUSES[status]] if status else []
    found = [_listed(run) for run in run_history.search(session.context, statuses=wanted, limit=limit).runs]
    if as_json:
        emit_json(found)
    else:
        emit_table(
            found,
            empty="No run has this status." if status else "No runs yet. Start one with 'hdp runs start'.",
        )


@runs_group.command("show")
@click.argument("run_id")
@click.option(
    "--log-lines",
    default=15,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="Number of lines to show from the end of the failed job's log.",
)
@json_option
@click.pass_obj
def show_command(session: Session, run_id: str, log_lines: int, as_json: bool) -> None:
    """Show a run: its job runs, its row counts and, if it failed, the error and the end of the log."""
    context = session.context
    run = runs.get(context, run_id)
    if as_json:
        emit_json({"run": _document(run), "rows": quality.reconciliation(context, run.run_id)})
        return
    emit_table([_brief(run)])
    click.echo()
    emit_table([_job(job) for job in run.jobs], empty="No job has been started.")
    if counts := quality.reconciliation(context, run.run_id):
        click.echo()
        emit_table(counts)
    _show_failure(context, run, log_lines)


@runs_group.command("stop")
@click.argument("run_id")
@click.pass_obj
def stop_command(session: Session, run_id: str) -> None:
    """Stop a run and its Glue jobs."""
    run = runs.stop(session.context, run_id)
    click.echo(f"{run.run_id}: {run.cause or _status(run)}")


def follow(context: Context, run: Run, wait: bool, as_json: bool) -> None:
    """Print a run; with `wait`, first wait until it ends. Exit with code 1 if it ended without success."""
    if wait:
        run = watch_run(context, run.run_id)
    if as_json:
        emit_json(_document(run))
    else:
        emit_table([_brief(run)])
        _show_failure(context, run, 15)
    if run.is_over and run.status != "SUCCEEDED":
        raise click.exceptions.Exit(1)


def _show_failure(context: Context, run: Run, log_lines: int) -> None:
    if not run.is_over or run.status == "SUCCEEDED":
        return
    if run.status == "ABORTED":
        click.echo(f"\n{run.cause or 'Stopped.'} Resume with: hdp runs resume {run.run_id}", err=True)
        return
    found = failures.explain(run)
    click.echo(f"\n{run.run_id} {_status(run).lower()}: {found.cause.name}. {found.message}", err=True)
    if failed := run.failed_job:
        click.echo(f"{failed.job} ({failed.state}): {failed.error or 'no message'}", err=True)
        for at, line in job_runs.log_lines(context, failed.job_run_id, failed.log_group)[-log_lines:]:
            click.echo(f"  {at:%H:%M:%S} {line}", err=True)
    click.echo(found.advice(run.run_id), err=True)


def _document(run: Run) -> dict[str, Any]:
    return {**asdict(run), "status": _status(run)}


def _status(run: Run) -> str:
    """Return the status of a run; ABORTED of Step Functions is shown as STOPPED."""
    return "STOPPED" if run.status == "ABORTED" else run.status


def _brief(run: Run) -> dict[str, Any]:
    return {
        **_listed(run),
        "decision": run.decision,
        "published": run.is_published,
    }


def _listed(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "status": _status(run),
        "attempt": run.attempt,
        "started_at": run.started_at,
        "seconds": round(run.seconds),
        "cause": failures.error_message(run),
    }


def _job(job: JobRun) -> dict[str, Any]:
    return {
        "job": job.job,
        "state": job.state,
        "started_at": job.started_at,
        "seconds": round(job.seconds),
        "error": job.error,
    }


COMMANDS = (runs_group,)
