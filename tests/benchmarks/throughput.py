"""A run over a large sample, and its import, compared with plain tools on the same files."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from portal.batches import service as batches
from portal.runs import service as runs
from tests.benchmarks import lake, star
from tests.benchmarks.figures import Figure, Size, cpu_seconds, megabytes, processes_of, seconds

PEER = "DuckDB, 2 threads: the same tables, no rules"


def published(size: Size) -> Iterator[Figure]:
    """Compare a run to published, every rule on, with a DuckDB script that makes the same tables."""
    with lake.large(size, workers=None) as sample:
        before = _spent(sample)
        with lake.watched(1, lambda: megabytes(sample.cloud.pid)) as memory:
            took = _run(sample)
        spent = _spent(sample) - before
        rows = f"{batches.list_batches(sample.aws)[0].rows['encounters']:,} encounters"
        peer_took, peer_spent, peer_peak = _duckdb(sample.files)
    yield Figure(f"{rows} to published", took, "s", PEER, peer_took)
    yield Figure(f"{rows} to published, CPU", spent, "s", PEER, peer_spent)
    yield Figure(f"{rows} to published, peak memory", max(memory), "MB", PEER, peer_peak)


def imports(size: Size) -> Iterator[Figure]:
    """Compare an import (inspection, count, hash, copy) with `cp` and `sha256sum` of the same files."""
    with lake.large(size) as sample:
        files = sorted(sample.files.glob("*.csv"))
        with tempfile.TemporaryDirectory() as folder:
            commands = [["cp", *map(str, files), folder], ["sha256sum", *map(str, files)]]
            peer = seconds(lambda: [subprocess.run(c, check=True, capture_output=True) for c in commands], 3)
        with files[0].open("ab") as file:
            file.write(b"\n")  # other content, or the import would return the batch that is there
        took = seconds(lambda: batches.import_folder(sample.aws, sample.files, uploader="bench"))
    yield Figure(f"import of {size.patients:,} patients", took, "s", "cp and sha256sum", peer)


def _run(sample: lake.Lake) -> float:
    began = time.perf_counter()
    run = runs.wait(sample.aws, runs.start(sample.aws, [sample.batch_id]).run_id, poll=0.5)
    if run.status != "SUCCEEDED":
        sys.exit(f"The benchmark's run ended {run.status}: {run.cause}")
    return time.perf_counter() - began


def _spent(sample: lake.Lake) -> float:
    return cpu_seconds(sample.cloud.pid) + sum(map(cpu_seconds, processes_of(sample.cloud.state)))


def _duckdb(files: Path) -> tuple[float, float, float]:
    """Return the seconds, CPU seconds and peak memory (MB) of a process that makes the star by DuckDB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", star.__name__, str(files), out]
        took = seconds(lambda: subprocess.run(command, check=True))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return took, spent, after.ru_maxrss / 1024
