"""A figure with its reference, the sizes of benchmarks, and resource usage of processes."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A measured value and the value of a peer that was measured in the same run."""

    what: str
    value: float
    unit: str
    peer: str
    peer_value: float

    @property
    def ratio(self) -> float:
        return self.value / self.peer_value

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": round(self.ratio, 3)}


@dataclass(frozen=True)
class Size:
    """Size of the data, and number of repetitions of a benchmark."""

    patients: int
    times: int
    rest: float
    first_sample: bool = True


USUAL = Size(patients=300, times=3, rest=60)
SCALE = Size(patients=370_000, times=3, rest=60)
TINY = Size(patients=5, times=1, rest=0, first_sample=False)


def seconds(call: Callable[[], object], times: int = 1) -> float:
    """Median duration of a call."""
    measured = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        measured.append(time.perf_counter() - began)
    return median(measured)


def cpu_seconds(pid: int) -> float:
    """Processor seconds that a process has used (proc(5), stat)."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def scratch_folder(wait_seconds: float = 60) -> Iterator[Path]:
    """Yield a temporary folder; remove it when the laptop cloud in it, which ends by itself, has ended."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            yield Path(folder)
        finally:
            deadline = time.monotonic() + wait_seconds
            while _commands_with(folder) and time.monotonic() < deadline:
                time.sleep(0.05)


def processes_of(state: Path) -> list[int]:
    """Return the worker processes of a laptop cloud: those with its state directory in their command."""
    found = _commands_with(str(state))
    return [pid for pid, command in found.items() if b"infra.local.server" not in command]


def _commands_with(text: str) -> dict[int, bytes]:
    """Return the command of each process that has the text in it, by process id."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (process / "cmdline").read_bytes()
            if text.encode() in command:
                found[int(process.name)] = command
    return found


def megabytes(pid: int) -> float:
    """Proportional memory (PSS) of a process and all below it."""
    return sum(_pss(each) for each in tree(pid)) / 1024


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += [below for child in task.read_text().split() for below in tree(int(child))]
    return found


def _pss(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
