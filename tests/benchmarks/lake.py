"""A laptop cloud with one large sample imported."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from infra.local.cloud import Cloud
from pipeline.generator import Options
from pipeline.generator.write import generate
from portal.services import batches, runs
from portal.services.aws import Aws
from portal.settings import Settings

ENCOUNTERS = 1_000_000
_PER_PATIENT = 2.7


@dataclass(frozen=True)
class Lake:
    cloud: Cloud
    aws: Aws
    batch_id: str
    rows: dict[str, int]

    def run(self) -> dict[str, float]:
        """Spark seconds of each job of one run over the sample."""
        run = runs.wait(self.aws, runs.start(self.aws, [self.batch_id]).run_id, poll=1)
        if run.status != "SUCCEEDED":
            sys.exit(f"The benchmark's run ended {run.status}: {run.cause}")
        return {job.job: float(job.execution_seconds) for job in run.jobs}

    @property
    def size(self) -> str:
        return ", ".join(f"{number:,} {table}" for table, number in self.rows.items())


@contextmanager
def large() -> Iterator[Lake]:
    """HDP_BENCH_ENCOUNTERS sets another size than one million; jobs run one at a time, so that their times add up."""
    wanted = int(os.environ.get("HDP_BENCH_ENCOUNTERS", ENCOUNTERS))
    sample = Options(patients=int(wanted / _PER_PATIENT), start=date(2024, 1, 1), end=date(2025, 12, 31))
    with tempfile.TemporaryDirectory() as folder, Cloud(Path(folder) / "state", workers=1) as cloud:
        os.environ.update(cloud.environment())
        aws = Aws(Settings.from_environment())
        made = generate(sample, Path(folder) / "sample")
        batch = batches.import_folder(aws, made.folder, uploader="bench")
        yield Lake(cloud, aws, batch.batch_id, dict(made.rows))
