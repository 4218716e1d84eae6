"""Which tables a table is made of, and by which job: from `jobs.yaml`."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.jobs import jobs


@dataclass(frozen=True)
class Step:
    """One job's way from what it reads to what it writes; tables as ``zone.table``."""

    job: str
    reads: tuple[str, ...]
    writes: str


def steps() -> tuple[Step, ...]:
    """Every job of a run that makes a table."""
    return tuple(Step(job.name, job.reads, f"{job.zone}.{job.table}") for job in jobs())


def upstream(table: str) -> tuple[Step, ...]:
    """The jobs that `table` comes by, the nearest first."""
    found: list[Step] = []
    wanted = [table]
    for name in wanted:
        for step in steps():
            if step.writes == name and step not in found:
                found.append(step)
                wanted += step.reads
    return tuple(found)


def downstream(table: str) -> tuple[Step, ...]:
    """The jobs that read `table`, and those that read what they write."""
    found: list[Step] = []
    wanted = [table]
    for name in wanted:
        for step in steps():
            if name in step.reads and step not in found:
                found.append(step)
                wanted.append(step.writes)
    return tuple(found)
