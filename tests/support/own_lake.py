"""A lake used by a single test: import batches, run them, and query the written tables."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import duckdb
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from infra.local.cloud import Cloud
from pipeline.contracts.model import load, tables
from pipeline.contracts.spark import schema as schema_of
from pipeline.frames import union
from portal.batches import service as batches
from portal.core.context import Context
from portal.core.settings import Settings
from portal.quality import results as quality
from portal.runs import service as runs
from portal.runs.model import Run

PARQUET_OPTIONS = "hive_partitioning = true, union_by_name = true, hive_types_autocast = false"


@dataclass(frozen=True)
class OwnLake:
    """The services of a cloud that nothing else uses, and the directory of its buckets."""

    aws: Context
    buckets: Path

    def load(self, folder: Path, **options: str) -> batches.Batch:
        return batches.import_folder(self.aws, folder, uploader="tester", **options)

    def run(self, run_id: str, **options: object) -> Run:
        """Start a run, wait until it ends, and assert that it succeeded."""
        runs.start(self.aws, run_id=run_id, **options)
        ended = runs.wait(self.aws, run_id, seconds=1200)
        assert ended.status == "SUCCEEDED", ended.cause
        return ended

    def account(self, run_id: str) -> dict[tuple[str, str], tuple[int, int, int, int]]:
        """Return rows received, loaded and quarantined, and the duplicates of these, by batch and table."""
        names = ("received", "loaded", "quarantined", "duplicates")
        lines = quality.reconciliation(self.aws, run_id)
        return {(x["batch_id"], x["table_name"]): tuple(x[name] for name in names) for x in lines}

    def gold_files(self, run_id: str, table: str) -> list[str]:
        """Return the paths of a gold table's files in a release, some of which earlier releases wrote."""
        release = json.loads((self.buckets / "hdp-quality" / "releases" / f"{run_id}.json").read_text())
        names = [name.partition("/")[2] for name in release["files"] if name.startswith(f"gold/{table}/")]
        return [str(self.buckets / "hdp-gold" / name) for name in names]

    def frames(self, spark: SparkSession, run_id: str) -> tuple[SimpleNamespace, dict]:
        """Return a run's release and all silver tables as DataFrames, for `gold_by_key.found`."""
        gold = {}
        for table in tables("gold"):
            folders = sorted({Path(file).parent for file in self.gold_files(run_id, table)})
            read = [_with_month(spark.read.parquet(str(each)), each) for each in folders]
            gold[table] = union(read) if read else spark.createDataFrame([], schema_of(load("gold", table)))
        silver = {
            table: spark.read.parquet(str(self.buckets / "hdp-silver" / table)) for table in tables("silver")
        }
        return SimpleNamespace(gold=gold), silver

    def sql(self, run_id: str) -> duckdb.DuckDBPyConnection:
        """Return DuckDB with views of the lake: `gold.*` of the run's release, `silver.*`, `quality.*`."""
        db = duckdb.connect()
        db.execute("SET TimeZone = 'UTC'")
        db.execute("CREATE SCHEMA gold")
        for table in tables("gold"):
            if files := self.gold_files(run_id, table):
                scan = f"read_parquet({files}, {PARQUET_OPTIONS})"
                db.execute(
                    f"CREATE VIEW gold.{table} AS SELECT * REPLACE ('{run_id}' AS release_id) FROM {scan}"
                )
        folders = {
            "silver": {t: f"hdp-silver/{t}" for t in tables("silver")},
            "quality": {
                **{t: f"hdp-quality/quarantine/{t}/run_id={run_id}" for t in tables("silver")},
                "results": f"hdp-quality/results/run_id={run_id}",
            },
        }
        for schema, named in folders.items():
            db.execute(f"CREATE SCHEMA {schema}")
            for table, folder in named.items():
                if any((self.buckets / folder).rglob("*.parquet")):
                    files = f"'{self.buckets / folder}/**/*.parquet'"
                    scan = f"read_parquet({files}, {PARQUET_OPTIONS})"
                    db.execute(f"CREATE VIEW {schema}.{table} AS FROM {scan}")
        return db


def _with_month(frame: DataFrame, folder: Path) -> DataFrame:
    """Return `frame` with the partition column of the folder of a month."""
    column, _, value = folder.name.partition("=")
    return frame if column == "release_id" else frame.withColumn(column, F.lit(value))


@contextmanager
def own_lake(state: Path, engine: str | None = None) -> Iterator[OwnLake]:
    """Start a laptop cloud and use it as this process's AWS within the block."""
    before = dict(os.environ)
    with Cloud(state, workers=1, engine=engine) as cloud:
        os.environ.update(cloud.environment(), HDP_USER="tester")
        try:
            yield OwnLake(Context(Settings.from_environment()), state / "s3")
        finally:
            os.environ.clear()
            os.environ.update(before)


def sorted_rows(db: duckdb.DuckDBPyConnection, query: str) -> list[tuple]:
    return sorted(db.execute(query).fetchall(), key=str)


def rows_of_both(setup: str, lake: OwnLake, run_id: str, queries: tuple[str, str]) -> tuple[list, list]:
    """Return the rows of the first query over the received files, and of the second over the lake.

    `setup` is SQL that prepares the files for the first query.
    """
    with duckdb.connect() as files, lake.sql(run_id) as published:
        files.execute(setup)
        return sorted_rows(files, queries[0]), sorted_rows(published, queries[1])
