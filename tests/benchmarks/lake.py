"""A laptop cloud with one large sample imported."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar

from infra.local.cloud import Cloud
from pipeline.data_generator import Options
from pipeline.data_generator.writer import generate
from portal.batches import service as batches
from portal.core.context import Context
from portal.core.settings import Settings
from portal.runs import service as runs
from tests.benchmarks.figures import Size, cpu_seconds, processes_of, scratch_folder

T = TypeVar("T")


@dataclass(frozen=True)
class Lake:
    cloud: Cloud
    aws: Context
    batch_id: str
    files: Path

    def run(self) -> dict[str, float]:
        """Processor seconds that the engine spent on each job of one run over the sample.

        Processor time, because a machine that is shared makes the time on the clock that of its other guests.
        """
        with watched(0.2, lambda: (time.time(), _processor_seconds(self.cloud.state))) as spent:
            run = runs.wait(self.aws, runs.start(self.aws, [self.batch_id]).run_id, poll=1)
        if run.status != "SUCCEEDED":
            sys.exit(f"The benchmark's run ended {run.status}: {run.cause}")
        ends = sorted((job.ended_at.timestamp(), job.job) for job in run.jobs if job.ended_at)
        until = [spent[0][1], *(_at(spent, end) for end, _ in ends)]
        return {job: after - before for (_, job), before, after in zip(ends, until, until[1:], strict=False)}


@contextmanager
def watched(seconds: float, look: Callable[[], T]) -> Iterator[list[T]]:
    """Yield a list to which `look` adds a value every so many seconds, and once at the end."""
    seen: list[T] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(seconds):
            seen.append(look())

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield seen
    finally:
        over.set()
        watching.join()
        seen.append(look())


def _processor_seconds(state: Path) -> float:
    used = 0.0
    for pid in processes_of(state):
        with suppress(OSError):
            used += cpu_seconds(pid)
    return used


def _at(spent: list[tuple[float, float]], moment: float) -> float:
    return next((seconds for at, seconds in spent if at >= moment), spent[-1][1])


@contextmanager
def large(size: Size, workers: int | None = 1, engine: str | None = None) -> Iterator[Lake]:
    """Yield a lake of so many patients; with one worker, jobs run one at a time, so each has its time."""
    sample = Options(patients=size.patients, start=date(2024, 1, 1), end=date(2025, 12, 31))
    before = dict(os.environ)
    with scratch_folder() as folder, Cloud(folder / "state", workers=workers, engine=engine) as cloud:
        os.environ.update(cloud.environment())
        aws = Context(Settings.from_environment())
        made = generate(sample, folder / "sample")
        batch = batches.import_folder(aws, made.folder, uploader="bench")
        yield Lake(cloud, aws, batch.batch_id, made.folder)
        os.environ.clear()
        os.environ.update(before)
