"""A run cold and warm against a bare DuckDB script over the same files, and the server's part in it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from statistics import median

import duckdb

from infra.local.cloud import Cloud
from pipeline.data_generator import Options
from pipeline.data_generator.writer import generate
from portal.batches import service as batches
from portal.core.context import Context
from portal.core.settings import Settings
from portal.runs import service as runs
from tests.benchmarks.figures import Figure, Size, cpu_seconds, processes_of, scratch_folder, seconds
from tests.benchmarks.first_start import HDP

PAGES = 3
DUCKDB = "DuckDB: the same files to Parquet"
BOTO3 = "import boto3; boto3.client('s3', region_name='us-east-1')"


def laptop(size: Size) -> Iterator[Figure]:
    with _lake(size) as (cloud, aws, batch_id, files):
        cold = _run(aws, batch_id)
        measured = [_watched(cloud, aws, batch_id) for _ in range(size.times)]
        peer = seconds(lambda: _duckdb(files), size.times)
    warm, server, engine = (median(values) for values in zip(*measured, strict=True))
    rows = f"{size.patients:,} patients"
    yield Figure(f"cold run, {rows}", cold, "s", DUCKDB, peer)
    yield Figure(f"warm run, {rows}", warm, "s", DUCKDB, peer)
    yield Figure(
        f"CPU of the server in a warm run, {PAGES} pages open", server, "s", "CPU of the jobs", engine
    )


def engines(size: Size) -> Iterator[Figure]:
    took = {}
    for engine in ("sail", "spark"):
        with _lake(size, engine) as (_, aws, batch_id, _files):
            took[engine] = _run(aws, batch_id), median(_run(aws, batch_id) for _ in range(size.times))
    for number, name in enumerate(("cold", "warm")):
        label = f"{name} run, {size.patients:,} patients, Sail"
        yield Figure(label, took["sail"][number], "s", "Spark", took["spark"][number])


def commands(size: Size) -> Iterator[Figure]:
    """Yield the duration of read commands while a cloud is running, including Python's start."""
    peer = seconds(lambda: subprocess.run([sys.executable, "-c", BOTO3], check=True), size.times)
    with _lake(size) as (cloud, *_):
        for words in (["runs", "list"], ["batches", "list"]):
            command = [str(HDP), "--state", str(cloud.state), *words, "--json"]
            took = seconds(
                lambda words=command: subprocess.run(words, check=True, capture_output=True), size.times
            )
            yield Figure(f"hdp {' '.join(words)}", took, "s", "Python making a boto3 client", peer)


@contextmanager
def _lake(size: Size, engine: str = "sail") -> Iterator[tuple[Cloud, Context, str, Path]]:
    before = dict(os.environ)
    options = Options(patients=size.patients, start=date(2025, 1, 1), end=date(2025, 12, 31))
    with scratch_folder() as folder, Cloud(folder / "state", engine=engine) as cloud:
        os.environ.update(cloud.environment())
        aws = Context(Settings.from_environment())
        sample = generate(options, folder / "sample")
        batch = batches.import_folder(aws, sample.folder, uploader="bench")
        yield cloud, aws, batch.batch_id, sample.folder
        os.environ.clear()
        os.environ.update(before)


def _run(aws: Context, batch_id: str) -> float:
    began = time.perf_counter()
    run = runs.wait(aws, runs.start(aws, [batch_id]).run_id, poll=0.2)
    if run.status != "SUCCEEDED":
        sys.exit(f"The benchmark's run ended {run.status}: {run.cause}")
    return time.perf_counter() - began


def _watched(cloud: Cloud, aws: Context, batch_id: str) -> tuple[float, float, float]:
    """Seconds of a run that pages watch, and the processor seconds of the server and of its workers."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(1):
            newest = runs.list_runs(aws, 1)[0]
            runs.get(aws, newest.run_id)

    pages = [threading.Thread(target=watch) for _ in range(PAGES)]
    for page in pages:
        page.start()
    before = cpu_seconds(cloud.pid), _workers(cloud)
    try:
        took = _run(aws, batch_id)
    finally:
        over.set()
        for page in pages:
            page.join()
    return took, cpu_seconds(cloud.pid) - before[0], _workers(cloud) - before[1]


def _workers(cloud: Cloud) -> float:
    return sum(cpu_seconds(pid) for pid in processes_of(cloud.state))


def _duckdb(files: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(config={"threads": 2}) as con:
        for file in files.glob("*.csv"):
            source = f"read_csv('{file}', all_varchar = true, ignore_errors = true)"
            con.execute(f"COPY (FROM {source}) TO '{folder}/{file.stem}.parquet'")
