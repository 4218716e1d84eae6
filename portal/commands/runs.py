"""hdp run, runs, show, stop, redrive."""

from __future__ import annotations

from typing import Any

import click

from portal.commands.output import emit_json, emit_table, json_option
from portal.commands.progress import watch_run
from portal.commands.session import Session
from portal.services import job_runs, runs
from portal.services.aws import Aws
from portal.services.job_runs import JobRun
from portal.services.runs import Run


@click.command("run")
@click.option(
    "--batch",
    "batch_ids",
    multiple=True,
    help="Batch to process (repeat for several; default: all new ones).",
)
@click.option("--run-id", help="Name the run; the same name again is the same run.")
@click.option("--no-publish", is_flag=True, help="Leave the release unpublished, whatever the audit says.")
@click.option("--wait", is_flag=True, help="Wait for the end.")
@json_option
@click.pass_obj
def run_command(
    session: Session,
    batch_ids: tuple[str, ...],
    run_id: str | None,
    no_publish: bool,
    wait: bool,
    as_json: bool,
) -> None:
    """Start the pipeline."""
    aws = session.aws
    run = runs.start(aws, batch_ids, auto_publish=not no_publish, run_id=run_id)
    _follow(aws, run, wait or session.target == "laptop", as_json)


@click.command("redrive")
@click.argument("run_id")
@click.option("--wait", is_flag=True, help="Wait for the end.")
@json_option
@click.pass_obj
def redrive_command(session: Session, run_id: str, wait: bool, as_json: bool) -> None:
    """Go on with a run that failed, from the job that failed."""
    aws = session.aws
    _follow(aws, runs.redrive(aws, run_id), wait or session.target == "laptop", as_json)


@click.command("runs")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1))
@json_option
@click.pass_obj
def runs_command(session: Session, limit: int, as_json: bool) -> None:
    """The newest runs."""
    found = [_listed(run) for run in runs.list_runs(session.aws, limit)]
    if as_json:
        emit_json(found)
    else:
        emit_table(found, empty="No run yet: 'hdp run' starts one.")


@click.command("show")
@click.argument("run_id")
@click.option(
    "--log-lines", default=15, show_default=True, type=click.IntRange(min=1), help="Of the job that failed."
)
@json_option
@click.pass_obj
def show_command(session: Session, run_id: str, log_lines: int, as_json: bool) -> None:
    """One run: its jobs, its rows, and of a failed one the error and its log."""
    from portal.services import quality  # noqa: PLC0415  (pandas takes a second to import)

    aws = session.aws
    run = runs.get(aws, run_id)
    if as_json:
        emit_json({"run": run, "rows": quality.reconciliation(aws, run_id)})
        return
    emit_table([_brief(run)])
    click.echo()
    emit_table([_job(job) for job in run.jobs], empty="No job has been started.")
    if lines := quality.reconciliation(aws, run_id):
        click.echo()
        emit_table(lines)
    _failure(aws, run, log_lines)


@click.command("stop")
@click.argument("run_id")
@click.pass_obj
def stop_command(session: Session, run_id: str) -> None:
    """Stop a run and its Glue jobs."""
    run = runs.stop(session.aws, run_id)
    click.echo(f"{run.run_id}: {run.status}")


def _follow(aws: Aws, run: Run, wait: bool, as_json: bool) -> None:
    if wait:
        run = watch_run(aws, run.run_id)
    if as_json:
        emit_json(run)
    else:
        emit_table([_brief(run)])
        _failure(aws, run, 15)
    if run.is_over and run.status != "SUCCEEDED":
        raise click.exceptions.Exit(1)


def _failure(aws: Aws, run: Run, log_lines: int) -> None:
    if not run.is_over or run.status == "SUCCEEDED":
        return
    click.echo(f"\n{run.run_id} ended {run.status}: {run.cause or run.error or 'no cause given'}", err=True)
    if failed := run.failed_job:
        click.echo(f"{failed.job} ({failed.state}): {failed.error or 'no message'}", err=True)
        for moment, line in job_runs.log_lines(aws, failed.job_run_id, failed.log_group)[-log_lines:]:
            click.echo(f"  {moment:%H:%M:%S} {line}", err=True)
    click.echo(f"Put the cause right, then go on from there: hdp redrive {run.run_id}", err=True)


def _brief(run: Run) -> dict[str, Any]:
    return {
        **_listed(run),
        "decision": run.decision,
        "published": run.is_published,
        "cause": run.cause,
    }


def _listed(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "status": run.status,
        "attempt": run.attempt,
        "started_at": run.started_at,
        "seconds": round(run.seconds),
    }


def _job(job: JobRun) -> dict[str, Any]:
    return {
        "job": job.job,
        "state": job.state,
        "started_at": job.started_at,
        "seconds": round(job.seconds),
        "error": job.error,
    }


COMMANDS = (run_command, redrive_command, runs_command, show_command, stop_command)
