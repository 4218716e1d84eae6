"""Runs back to back while readers watch: no process, open file or scratch file is left behind."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from pipeline.data_generator import Options
from pipeline.data_generator.writer import generate
from portal.core.context import Context
from portal.core.settings import Settings
from portal.runs import service as runs
from tests.benchmarks.figures import processes_of
from tests.support.own_lake import own_lake

pytestmark = [pytest.mark.slow, pytest.mark.integration]

RUNS, READERS = 4, 5


@pytest.fixture
def watched(tmp_path):
    """A lake of its own, and readers that watch its newest run until the test ends."""
    over, errors = threading.Event(), []
    with own_lake(tmp_path / "state") as lake:

        def read():
            context = Context(Settings.from_environment())
            while not over.wait(0.5):
                try:
                    for run in runs.list_runs(context, 1):
                        runs.get(context, run.run_id)
                except Exception as error:
                    errors.append(error)

        readers = [threading.Thread(target=read) for _ in range(READERS)]
        for reader in readers:
            reader.start()
        yield lake, errors
        over.set()
        for reader in readers:
            reader.join()


def _open_files(state):
    """Open files of the workers by the program that they run, sockets and pipes among them."""
    return {
        Path(f"/proc/{pid}/cmdline").read_bytes(): len(list(Path(f"/proc/{pid}/fd").iterdir()))
        for pid in processes_of(state)
    }


def _scratch(state):
    return sorted(path.name for path in (state / "cloud" / "sail").rglob("*.parquet"))


def test_runs_back_to_back_leave_nothing_behind(watched, tmp_path):
    lake, errors = watched
    state = tmp_path / "state"
    batch = lake.load(generate(Options(patients=40, seed=5), tmp_path / "sample").folder)
    seen = []
    for number in range(RUNS):
        lake.run(f"run-{number}", batch_ids=[batch.batch_id])
        seen.append((_open_files(state), _scratch(state)))
    assert errors == []
    (first, kept), (last, scratch) = seen[1], seen[-1]
    assert last.keys() == first.keys(), "the same processes as after the second run"
    assert {name: last[name] - first[name] for name in last if last[name] > first[name] + 5} == {}
    assert len(scratch) <= len(kept), "a job's scratch files are removed when the next one starts"
