"""The Glue jobs of the pipeline, as declared in `jobs.yaml`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from pipeline import compiled

Stage = Literal["generate", "silver", "dimensions", "facts", "quality"]


@dataclass(frozen=True)
class Job:
    """One Glue job.

    `script` is a path below `glue_jobs`; `reads` lists the tables that the job reads, as ``zone.table``.
    """

    name: str
    stage: Stage
    zone: str
    table: str
    script: str
    reads: tuple[str, ...]
    worker_type: str
    workers: int
    timeout_minutes: int


@cache
def jobs() -> tuple[Job, ...]:
    """Return the jobs of a run in execution order, without the sample generator."""
    return tuple(job for job in declared() if job.stage != "generate")


@cache
def declared() -> tuple[Job, ...]:
    """Return every job in `jobs.yaml`."""
    entries = compiled.documents()["jobs"]
    return tuple(Job(**{**job, "reads": tuple(job["reads"])}) for job in entries)


def stage(name: Stage) -> tuple[Job, ...]:
    """Return the jobs of one stage of a run in execution order; none for "generate"."""
    return tuple(job for job in jobs() if job.stage == name)
