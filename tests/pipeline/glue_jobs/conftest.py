"""Runs over frames, and the recall of seeded defects."""

from __future__ import annotations

import csv

import pytest

from pipeline.lake.uris import Lake
from pipeline.releases.model import Release
from tests.support.frames_run import AS_OF, FramesRun


@pytest.fixture(scope="session")
def frames_run(spark):
    """Makes a run, and the release that it follows, of silver frames by table and reconciliations by run."""

    def make(silver, reconciliation):
        plan = {
            "run_id": "r1",
            "batch_ids": ["b1"],
            "release_batch_ids": ["b0", "b1"],
            "parent_release_id": "r0",
            "time_zone": "America/New_York",
            "silver": {table: frame.persist() for table, frame in silver.items()},
            "reconciliation": reconciliation,
        }
        former = Release("r0", "r0", ["b0"], "publish", f"{AS_OF}T00:00:00Z")
        return FramesRun(spark, Lake("t"), "quality_audit", plan), former

    return make


RECALL = pytest.StashKey[list]()
COLUMNS = ("kind", "rule", "seeded", "caught")


@pytest.fixture
def recall(pytestconfig):
    """Keeps the table of seeded and caught defects: in build/recall.csv, and at the end of the test run."""

    def keep(rows):
        pytestconfig.stash[RECALL] = rows
        target = pytestconfig.rootpath / "build" / "recall.csv"
        target.parent.mkdir(exist_ok=True)
        with target.open("w", newline="") as file:
            csv.writer(file).writerows([(*COLUMNS, "recall"), *((*row, row[3] / row[2]) for row in rows)])

    return keep


def pytest_terminal_summary(terminalreporter, config):
    rows = config.stash.get(RECALL, [])
    if not rows:
        return
    terminalreporter.section("recall of seeded defects, three seeds (build/recall.csv)")
    terminalreporter.write_line(f"{'kind':28}{'rule':10}{'seeded':>8}{'caught':>8}{'recall':>8}")
    seeded, caught = (sum(row[n] for row in rows) for n in (2, 3))
    for kind, rule, made, found in [*rows, ("all", "", seeded, caught)]:
        terminalreporter.write_line(f"{kind:28}{rule:10}{made:8}{found:8}{found / made:8.3f}")
