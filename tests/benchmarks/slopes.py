"""The cost of each job at several sizes, on one engine, from which the cost on larger machines is derived.

`python -m tests.benchmarks.slopes ENGINE PATIENTS... > infra/costs/slopes.json` measures Spark for
`infra.costs.scale`; the benchmark `slopes` measures whether Sail's cost per row grows with the rows.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from portal.batches import service as batches
from tests.benchmarks import lake
from tests.benchmarks.figures import USUAL, Figure, Size, megabytes

GROWTH = (1, 3, 10)
"""Sizes of the benchmark, as multiples of the smallest."""


def growth(size: Size) -> Iterator[Figure]:
    """Compare the CPU seconds per encounter of runs over 3 and 10 times the rows with those of the first."""
    first, *larger = (measured("sail", size.patients * times) for times in GROWTH)
    for each in larger:
        yield Figure(
            f"{each['encounters']:,} encounters, CPU per 1,000",
            _per_thousand(each),
            "s",
            f"{first['encounters']:,} encounters",
            _per_thousand(first),
        )
        yield Figure(
            f"{each['encounters']:,} encounters, peak memory",
            each["peak_mb"],
            "MB",
            f"{first['encounters']:,} encounters",
            first["peak_mb"],
        )


def measured(engine: str, patients: int) -> dict[str, Any]:
    """Run one sample on an engine; return its rows, CPU seconds per job, peak memory and bytes written.

    `scratch_mb` is the peak size of the engine's temporary files, which on Spark are its shuffles and spills.
    """
    with lake.large(replace(USUAL, patients=patients), engine=engine) as sample:
        with _peaks(sample) as peaks:
            jobs = sample.run()
        [batch] = batches.list_batches(sample.aws)
        buckets = sample.cloud.state / "s3"
        return {
            "patients": patients,
            "encounters": batch.rows["encounters"],
            "administrations": batch.rows["medications"],
            "cpu_seconds": {job: round(spent, 2) for job, spent in sorted(jobs.items())},
            "peak_mb": round(peaks["memory"]),
            "scratch_mb": round(peaks["scratch"]),
            "mb": {zone.name: round(_bytes(zone) / 1e6, 1) for zone in sorted(buckets.iterdir())},
            "files": {zone.name: sum(1 for _ in _files(zone)) for zone in sorted(buckets.iterdir())},
        }


def _per_thousand(each: dict[str, Any]) -> float:
    return sum(each["cpu_seconds"].values()) / each["encounters"] * 1000


@contextmanager
def _peaks(sample: lake.Lake) -> Iterator[dict[str, float]]:
    """Yield the peaks so far, in MB, of the memory (PSS) and of the engine's temporary files."""
    peaks, over = {"memory": 0.0, "scratch": 0.0}, threading.Event()

    def watch() -> None:
        while not over.wait(1):
            peaks["memory"] = max(peaks["memory"], megabytes(sample.cloud.pid))
            scratch = sum(_bytes(folder) for folder in sample.cloud.state.rglob("scratch"))
            peaks["scratch"] = max(peaks["scratch"], scratch / 1e6)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield peaks
    finally:
        over.set()
        watching.join()


def _bytes(folder: Path) -> int:
    total = 0
    for file in _files(folder):
        with suppress(OSError):  # the engine deletes its temporary files
            total += file.stat().st_size
    return total


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.is_file())


if __name__ == "__main__":
    engine, *sizes = sys.argv[1:]
    found = {
        "date": datetime.now(UTC).date().isoformat(),
        "engine": engine,
        "runs": [measured(engine, int(patients)) for patients in sizes],
    }
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
