"""Whether a run's cost per row grows with the rows: samples of several sizes, the smallest is the peer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from portal.batches import service as batches
from tests.benchmarks import lake
from tests.benchmarks.figures import Figure, Size, megabytes

TIMES = (1, 3, 10)
"""Sizes, as multiples of the first."""


@dataclass(frozen=True)
class _Run:
    encounters: int
    cpu_seconds: float
    peak_megabytes: float


def growth(size: Size) -> Iterator[Figure]:
    """Compare CPU seconds per encounter and peak memory of larger runs with those of the first."""
    first, *larger = (_run(replace(size, patients=size.patients * times)) for times in TIMES)
    peer = f"{first.encounters:,} encounters"
    for run in larger:
        what = f"{run.encounters:,} encounters"
        per_thousand = [1000 * each.cpu_seconds / each.encounters for each in (run, first)]
        yield Figure(f"{what}, CPU per 1,000", per_thousand[0], "s", peer, per_thousand[1])
        yield Figure(f"{what}, peak memory", run.peak_megabytes, "MB", peer, first.peak_megabytes)


def _run(size: Size) -> _Run:
    with lake.large(size) as sample:
        with lake.watched(1, lambda: megabytes(sample.cloud.pid)) as memory:
            spent = sum(sample.run().values())
        [batch] = batches.list_batches(sample.aws)
        return _Run(batch.rows["encounters"], spent, max(memory))
