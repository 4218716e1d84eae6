"""Runs over frames instead of files: what the audit reads, without a cloud."""

from __future__ import annotations

import csv
from functools import cached_property

import pytest
from pyspark.sql import functions as F

from pipeline.contracts import tables
from pipeline.glue_jobs.job import Run
from pipeline.glue_jobs.silver_to_gold import (
    dim_diagnosis,
    dim_medication,
    dim_patient,
    dim_provider,
    dim_time,
    fact_encounter,
    fact_medication_admin,
)
from pipeline.lake import Lake
from pipeline.release import Release

AS_OF = "2025-04-01"


class FramesRun(Run):
    """A run of the batch b1 on a published release of the batch b0; its gold comes of the jobs' own transforms."""

    def silver(self, table, batch_ids=None):
        wanted = self.plan["release_batch_ids"] if batch_ids is None else batch_ids
        return self.plan["silver"][table].where(F.col("batch_id").isin(*wanted))

    def gold(self, table):
        return self.made[table]

    def released(self, table, release_id):
        return super().released(table, None) if release_id is None else self.made_before[table]

    def reconciliation(self, run_id):
        return super().reconciliation(None) if run_id is None else self.plan["reconciliation"][run_id]

    @cached_property
    def made(self):
        return star_of(*(self.silver(table) for table in tables("silver")))

    @cached_property
    def made_before(self):
        return star_of(*(self.silver(table, ["b0"]) for table in tables("silver")))


def star_of(encounters, medications, patients):
    """Gold by table, of silver frames."""
    made = {
        "dim_patient": dim_patient.select(dim_patient.transform(patients, AS_OF), "r"),
        "dim_provider": dim_provider.select(dim_provider.transform(encounters, medications), "r"),
        "dim_time": dim_time.select(dim_time.transform(encounters, medications), "r"),
        "dim_diagnosis": dim_diagnosis.select(dim_diagnosis.transform(encounters), "r"),
        "dim_medication": dim_medication.select(dim_medication.transform(medications), "r"),
    }
    made = {table: frame.persist() for table, frame in made.items()}  # short plans for what follows
    patient, time, provider = (made[f"dim_{name}"] for name in ("patient", "time", "provider"))
    of_stays = fact_encounter.Dimensions(patient, time, provider, made["dim_diagnosis"])
    of_doses = fact_medication_admin.Dimensions(patient, time, made["dim_medication"], provider)
    stays = fact_encounter.select(fact_encounter.transform(encounters, patients, of_stays), "r")
    doses = fact_medication_admin.select(fact_medication_admin.transform(medications, of_doses), "r")
    return {
        **made,
        "fact_encounter": stays.persist(),
        "fact_medication_admin": doses.persist(),
    }


@pytest.fixture(scope="session")
def frames_run(spark):
    """Makes a run, and the release that it follows, of silver frames by table and reconciliations by run."""

    def make(silver, reconciliation):
        plan = {
            "run_id": "r1",
            "batch_ids": ["b1"],
            "release_batch_ids": ["b0", "b1"],
            "base_release_id": "r0",
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
