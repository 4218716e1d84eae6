"""Nights in sequence: after each, every gold table equals a full rebuild, and unchanged months are shared."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from pipeline.contracts.model import load, tables
from pipeline.data_generator import Options
from pipeline.data_generator.writer import generate
from pipeline.lake.uris import split
from pipeline.releases import model as release_model
from pipeline.releases import retention
from portal.athena import client as athena_client
from portal.batches import retirement
from portal.releases import service as releases
from tests.support.own_lake import OwnLake, own_lake

pytestmark = pytest.mark.slow

FACTS = [table for table in tables("gold") if len(load("gold", table).partition_columns) > 1]
HALF_A_YEAR = Options(patients=150, seed=5, start=date(2025, 1, 1), end=date(2025, 6, 30))


class Nights:
    """A lake with batches of hand-written changes to a sample."""

    def __init__(self, lake: OwnLake, folder: Path) -> None:
        self.lake, self.folder = lake, folder
        self.sample = generate(HALF_A_YEAR, folder / "sample").folder
        self.published = ""

    def rows(self, table: str, sql: str = "true") -> list[dict[str, str]]:
        """Return rows of the sample as text, empty if a value is missing."""
        with duckdb.connect() as db:
            found = db.execute(f"FROM read_csv('{self.sample}/{table}.csv', all_varchar = true) WHERE {sql}")
            names = [column[0] for column in found.description]
            return [dict(zip(names, (v or "" for v in row), strict=True)) for row in found.fetchall()]

    def batch(self, name: str, **changed: list[dict[str, str]]) -> str:
        """Import a batch of changed rows by table; return its id."""
        folder = self.folder / name
        folder.mkdir()
        for table, rows in changed.items():
            with (folder / f"{table}.csv").open("w", newline="") as file:
                writer = csv.DictWriter(file, rows[0].keys())
                writer.writeheader()
                writer.writerows(rows)
        return self.lake.load(folder).batch_id

    def run(self, name: str) -> set[tuple[str, str]]:
        """Run and publish a night, compare it with a full rebuild; return the months that it wrote."""
        ended = self.lake.run(name)
        assert ended.is_published, releases.get(self.lake.aws, name).reasons
        self.published = name
        self.rebuild(f"{name}-full")
        self.assert_equal(name, f"{name}-full")
        return {
            (table, Path(file).parent.name.partition("=")[2])
            for table in FACTS
            for file in self.lake.gold_files(name, table)
            if f"release_id={name}/" in file
        }

    def rebuild(self, name: str) -> None:
        """Write a release of the same batches as a whole, as without records of the parent's months."""
        aws, quality = self.lake.aws, self.lake.buckets / "hdp-quality"
        hidden = [quality / split(aws.lake.gold_months(self.published, table))[1] for table in FACTS]
        kept = [file.read_bytes() for file in hidden]
        for file in hidden:
            file.unlink()
        batch_ids = releases.get(aws, self.published).batch_ids
        self.lake.run(name, batch_ids=batch_ids, auto_publish=False)
        for file, content in zip(hidden, kept, strict=True):
            file.write_bytes(content)
        assert all(f"release_id={name}/" in f for t in FACTS for f in self.lake.gold_files(name, t))

    def assert_equal(self, one: str, two: str) -> None:
        with self.lake.sql(one) as a, self.lake.sql(two) as b:
            for table in tables("gold"):
                here, there = _without_release(a, table), _without_release(b, table)
                with duckdb.connect() as both:
                    for rows in ("FROM here EXCEPT ALL FROM there", "FROM there EXCEPT ALL FROM here"):
                        found = both.register("here", here).register("there", there).execute(rows)
                        assert found.fetchall() == [], (one, table)
                assert here.num_rows == self.count(one, table), table

    def count(self, release_id: str, table: str) -> int:
        """Return the number of rows that Athena finds through the catalog."""
        sql = f"SELECT count(*) FROM gold_releases.{table} WHERE release_id = '{release_id}'"
        database = self.lake.aws.lake.database("gold_releases")
        found = athena_client.run_query(self.lake.aws, sql.replace("gold_releases", f'"{database}"'))
        return int(found.frame.iloc[0, 0])

    def months(self) -> set[tuple[str, str]]:
        return {
            (table, Path(file).parent.name.partition("=")[2])
            for table in FACTS
            for file in self.lake.gold_files(self.published, table)
        }


def _without_release(db, table):
    return db.execute(f"SELECT * EXCLUDE (release_id) FROM gold.{table}").arrow().read_all()


def _diagnosis(stay):
    """Return the diagnosis of a stay as a row of its own, as the generator writes no diagnoses."""
    copied = ("encounter_id", "patient_id", "diagnosis_code", "diagnosis_code_system", "updated_at")
    row = {column: stay[column] for column in copied}
    return {"diagnosis_id": f"d-{stay['encounter_id']}", "diagnosed_at": stay["admitted_at"], **row}


@pytest.fixture(scope="module")
def nights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nights")
    with own_lake(folder / "state") as lake:
        yield Nights(lake, folder)


def test_each_night_equals_a_full_rebuild_and_writes_only_the_months_that_change(nights):
    stays = nights.rows("encounters", "admitted_at BETWEEN '2025-01-05' AND '2025-01-25'")
    first = stays[0]
    later = {"updated_at": "2025-12-01T00:00:00Z"}

    # the whole sample, with an encounter whose patient has not arrived
    orphan = {**first, "encounter_id": "late-1", "patient_id": "late"}
    everything = {table: nights.rows(table) for table in ("patients", "encounters", "medications")}
    coded = [_diagnosis(stay) for stay in everything["encounters"]]
    nights.batch("one", **{**everything, "encounters": [*everything["encounters"], orphan]}, diagnoses=coded)
    wrote = nights.run("night-1")
    assert wrote == nights.months()
    facts = {table for table, _ in wrote}
    assert facts == set(FACTS)

    # the patient arrives: the month of that encounter alone changes
    person = everything["patients"][0]
    late = nights.batch("two", patients=[{**person, "patient_id": "late", "mrn": "late"}])
    assert nights.run("night-2") == {("fact_encounter", "2025-01")}

    # an encounter moves from January to March
    moved = {**first, "admitted_at": "2025-03-10T15:00:00Z", "discharged_at": "2025-03-10T16:00:00Z", **later}
    nights.batch("three", encounters=[moved])
    wrote = nights.run("night-3")
    assert {("fact_encounter", "2025-01"), ("fact_encounter", "2025-03")} <= wrote < nights.months()

    # Type 2: a patient changes the payer in June, so only rows since then refer to the new version
    seen = nights.rows("encounters", "admitted_at BETWEEN '2025-06-10' AND '2025-06-28'")[0]["patient_id"]
    patient = nights.rows("patients", f"patient_id = '{seen}'")[0]
    changed = {**patient, "payer": "Another payer", "updated_at": "2025-06-05T00:00:00Z"}
    nights.batch("four", patients=[changed])
    wrote = nights.run("night-4")
    assert ("fact_encounter", "2025-06") in wrote
    assert ("fact_encounter", "2025-01") not in wrote

    # a stay in February makes the one of January a readmission
    stay = {**first, "patient_id": "late", "encounter_class": "IMP", **later}
    index = {**stay, "encounter_id": "index", "admitted_at": "2025-01-20T10:00:00Z",
             "discharged_at": "2025-01-28T10:00:00Z"}  # fmt: skip
    nights.batch("five", encounters=[index])
    nights.run("night-5")
    again = {**stay, "encounter_id": "again", "admitted_at": "2025-02-10T10:00:00Z",
             "discharged_at": "2025-02-12T10:00:00Z"}  # fmt: skip
    nights.batch("six", encounters=[again])
    assert nights.run("night-6") == {("fact_encounter", "2025-01"), ("fact_encounter", "2025-02")}
    with nights.lake.sql("night-6") as db:
        times = "admitted_at = '2025-01-20 10:00' AND discharged_at = '2025-01-28 10:00'"
        index_status = db.execute(
            f"SELECT readmission_status FROM gold.fact_encounter WHERE {times}"
        ).fetchall()
    assert index_status == [("readmitted",)]

    # without the patient's batch, the three encounters refer to the unknown patient again
    retirement.retire(nights.lake.aws, late, reason="It was of another hospital.")
    assert nights.run("night-7") == {("fact_encounter", "2025-01"), ("fact_encounter", "2025-02")}

    # back to an earlier release; the next run starts from there
    releases.rollback(nights.lake.aws, reason="to try")
    nights.published = releases.current(nights.lake.aws).release_id
    assert nights.published == "night-6"
    assert nights.run("night-8") == {("fact_encounter", "2025-01"), ("fact_encounter", "2025-02")}
    _assert_retention_keeps_the_files_that_a_remaining_release_uses(nights)


def _assert_retention_keeps_the_files_that_a_remaining_release_uses(nights):
    aws = nights.lake.aws
    s3, lake = aws.client("s3"), aws.lake
    remaining = release_model.all_releases(s3, lake)
    published = release_model.current(s3, lake)
    now = datetime.now(UTC) + timedelta(days=400)
    expired = retention.superseded(remaining, published, timedelta(days=90), now)
    assert "night-1" in {each.release_id for each in expired}
    for release in expired:
        remaining.remove(release)
        retention.remove(s3, aws.client("glue"), lake, release, remaining)
    assert nights.count("night-1", "fact_encounter") == 0
    kept = releases.get(aws, nights.published)
    assert any("release_id=night-1/" in name for name in kept.files)
    assert releases.file_problems(aws, [kept]) == []
    used = {name.partition("/")[2] for each in remaining for name in each.files}
    gold = nights.lake.buckets / "hdp-gold"
    assert {str(file.relative_to(gold)) for file in gold.rglob("*.parquet")} <= used
    assert nights.count(nights.published, "fact_encounter") == kept.tables["fact_encounter"]
