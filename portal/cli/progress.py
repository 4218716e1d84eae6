"""Progress of a run on the terminal, with one line per ended job."""

from __future__ import annotations

import click

from portal.core.context import Context
from portal.runs import job_runs
from portal.runs import service as runs
from portal.runs.model import Run


def watch_run(context: Context, run_id: str) -> Run:
    """Wait until a run ends and return it; write a line to standard error for each job that ends."""
    seen: dict[str, str] = {}

    def report(run: Run) -> None:
        for job in run.jobs:
            if seen.get(job.job_run_id) == job.state:
                continue
            seen[job.job_run_id] = job.state
            if job.state in job_runs.JOB_ENDED:
                why = f": {job.error}" if job.error else ""
                click.echo(f"  {job.state.lower():<10} {job.job} ({job.seconds:.0f} s){why}", err=True)

    return runs.wait(context, run_id, watch=report)
