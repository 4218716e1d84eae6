"""Table lineage, derived from the jobs."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.jobs import jobs


@dataclass(frozen=True)
class Step:
    """A job with the tables it reads and the table it writes, as ``zone.table``."""

    job: str
    reads: tuple[str, ...]
    writes: str


def steps() -> tuple[Step, ...]:
    """Return the jobs of a run, each with the tables it reads and writes."""
    return tuple(Step(job.name, job.reads, f"{job.zone}.{job.table}") for job in jobs())


def upstream(table: str) -> tuple[Step, ...]:
    """Return the jobs that produce `table`, directly or through other tables, nearest first."""
    found: list[Step] = []
    wanted = [table]
    for name in wanted:
        for step in steps():
            if step.writes == name and step not in found:
                found.append(step)
                wanted += step.reads
    return tuple(found)


def downstream(table: str) -> tuple[Step, ...]:
    """Return the jobs that read `table`, directly or through other tables."""
    found: list[Step] = []
    wanted = [table]
    for name in wanted:
        for step in steps():
            if name in step.reads and step not in found:
                found.append(step)
                wanted.append(step.writes)
    return tuple(found)
