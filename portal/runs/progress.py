"""How far a run is: the jobs done, what runs now, and the time left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.jobs import jobs
from portal.runs.job_runs import JOB_ENDED
from portal.runs.model import Run


@dataclass(frozen=True)
class Progress:
    """Jobs done of all jobs, the tables that are written now, and the seconds left, None if unknown."""

    done: int
    total: int
    current: tuple[str, ...]
    seconds_left: float | None


def of(run: Run, medians: Mapping[str, float]) -> Progress:
    """Return the progress of a run.

    With the median of each job, the time left is that of the jobs to come. Else it follows from the rate of
    the jobs that are done.
    """
    done = {job.job for job in run.jobs if job.state == "SUCCEEDED"}
    alive = {job.job: job for job in run.jobs if job.state not in JOB_ENDED}
    ahead = [job for job in jobs() if job.name not in done]
    tables = tuple(job.table for job in jobs() if job.name in alive)
    left: float | None
    if ahead and all(job.name in medians for job in ahead):
        left = sum(
            max(0.0, medians[job.name] - (alive[job.name].seconds if job.name in alive else 0.0))
            for job in ahead
        )
    else:
        left = run.seconds / len(done) * len(ahead) if done else None
    return Progress(len(done), len(jobs()), tables, left)
