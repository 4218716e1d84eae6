"""Shared by all Glue jobs: the run plan, and reading and writing tables of the lake.

Jobs are idempotent: each output folder is replaced as a whole.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from pipeline import frames
from pipeline.contracts.glue import location
from pipeline.contracts.model import Contract, load
from pipeline.contracts.spark import schema
from pipeline.glue_jobs import catalog, fact_months, small_tables, standing
from pipeline.glue_jobs.errors import JobError
from pipeline.lake.store import read_json
from pipeline.lake.uris import Lake, split
from pipeline.releases import files
from pipeline.rules.outcomes import change
from pipeline.rules.row_rules import Result

log = logging.getLogger("pipeline")


SNAPSHOTS = {
    "patients": "patient_id string, birth_date date, death_date date, sex string",
    "encounters": "encounter_id string, patient_id string, admitted_at timestamp, discharged_at timestamp",
}
"""Columns of the newest admitted rows that later jobs of the run need, by table."""


def for_each(call: Callable[[str], None], values: Iterable[str]) -> None:
    """Call a function (an S3 operation) for each value, up to 16 at once; raise the first error."""
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(call, values))


@cache
def aws_client(service: str) -> Any:
    """Return the boto3 client of a service, shared by all jobs in one process."""
    return boto3.client(service)  # type: ignore[call-overload]


@dataclass(frozen=True)
class Run:
    """One job of one run, with its Spark session; `manifests` and `complete` cache what was read from S3."""

    spark: SparkSession
    lake: Lake
    job_name: str
    plan: dict[str, Any]
    manifests: dict[str, dict[str, Any]] = field(default_factory=dict)
    complete: dict[str, frozenset[str]] = field(default_factory=dict)
    notices: dict[str, standing.Changes] = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        return str(self.plan["run_id"])

    @property
    def time_zone(self) -> str:
        """The hospital's IANA time zone, which local dates, hours and months refer to."""
        return str(self.plan["time_zone"])

    @property
    def s3(self) -> Any:
        return aws_client("s3")

    @property
    def glue(self) -> Any:
        return aws_client("glue")

    def manifest(self, batch_id: str) -> dict[str, Any]:
        """Return a batch's manifest; raise `JobError` if the batch has none."""
        return self.manifests_of([batch_id])[0]

    def manifests_of(self, batch_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return the manifests of batches, each read once per job; raise `JobError` if a batch has none."""
        for_each(self._read_manifest, set(batch_ids) - self.manifests.keys())
        return [self.manifests[batch_id] for batch_id in batch_ids]

    def _read_manifest(self, batch_id: str) -> None:
        found = read_json(self.s3, self.lake.manifest(batch_id))
        if found is None:
            raise JobError(f"Batch {batch_id} has no manifest. Import it again, then start a new run.")
        self.manifests[batch_id] = found[0]

    # reading

    def silver(self, table: str, batch_ids: Sequence[str] | None = None) -> DataFrame:
        """Return the silver rows of the given batches (default: those that stand in the release).

        Raise `JobError` if the silver rows of a batch are not complete.
        """
        return standing.rows(self, table) if batch_ids is None else self.every_version(table, batch_ids)

    def ended(self, contract: Contract) -> DataFrame | None:
        """Return the records that are missing from a full extract; None without one."""
        return standing.ended(self, contract)

    def every_version(self, table: str, wanted: Sequence[str]) -> DataFrame:
        """Return the silver rows of batches, whether or not they stand in the release."""
        contract = load("silver", table)
        have = [batch_id for batch_id in wanted if batch_id in self._complete(table)]
        others = [batch_id for batch_id in wanted if batch_id not in self._complete(table)]
        if lacking := [each["batch_id"] for each in self.manifests_of(others) if table in each["tables"]]:
            raise JobError(
                f"Batch {lacking[0]} has no complete silver {table}. Start a run that names this batch."
            )
        if not have:
            return frames.of(self.spark, [], schema(contract))
        everything = self.parquet(schema(contract), self.lake.silver_table(table))
        return everything.where(F.col("batch_id").isin(*have))

    def has_silver(self, table: str) -> bool:
        """Return whether a batch of the release contains a table, which may be optional."""
        batch_ids = self.plan["release_batch_ids"]
        return not self._complete(table).isdisjoint(batch_ids) or any(
            table in each["tables"] for each in self.manifests_of(batch_ids)
        )

    def _complete(self, table: str) -> frozenset[str]:
        """Return the ids of the batches whose silver rows have been written completely."""
        if table not in self.complete:
            bucket, prefix = split(self.lake.silver_complete(table))
            pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
            self.complete[table] = frozenset(key.removeprefix(prefix) for key in keys)
        return self.complete[table]

    def snapshot(self, table: str) -> DataFrame:
        """Return a table's newest admitted rows in the release, as an earlier job of the run wrote them."""
        return self.parquet(SNAPSHOTS[table], self.lake.snapshot(table, self.run_id))

    def gold(self, table: str) -> DataFrame:
        """Return a gold table of this run's release."""
        return self.released(table, self.run_id)

    def released(self, table: str, release_id: str | None) -> DataFrame:
        """Return a gold table of a release, empty if `release_id` is None.

        A fact without rows has no files. A dimension always has its unknown member, so raise `JobError` if it
        has no files.
        """
        contract = load("gold", table)
        if release_id is None:
            return frames.of(self.spark, [], schema(contract))
        uri = self.lake.gold_release(table, release_id)
        if table.startswith("dim_") and not self._has_files(uri):
            raise JobError(
                f"{table} of release {release_id} has no files. Start a new run, which writes it again."
            )
        is_fact = len(contract.partition_columns) > 1
        rows = fact_months.read(self, contract, release_id) if is_fact else self.released_in(contract, uri)
        return rows.withColumn("release_id", F.lit(release_id)).select(*schema(contract).names)

    def released_in(self, contract: Contract, uri: str) -> DataFrame:
        """Return the rows of a gold table in one release folder, without `release_id`."""
        within = StructType([field for field in schema(contract) if field.name != "release_id"])
        return self.parquet(within, uri)

    def refused_in_release(self, table: str) -> DataFrame:
        """Return the rows quarantined by release rules: `source_file`, `source_line`, `rule_ids`."""
        shape = "source_file string, source_line bigint, rule_ids array<string>"
        return self.parquet(shape, f"{self.lake.quarantine(table, self.run_id)}stage=release/")

    def parquet(self, shape: StructType | str, uri: str) -> DataFrame:
        """Return the rows of the Parquet files below `uri`; no rows without files, where Spark would fail."""
        if not self._has_files(uri):
            return frames.of(self.spark, [], shape)
        return self.spark.read.schema(shape).parquet(uri)  # same on both engines: files are there

    def _has_files(self, uri: str) -> bool:
        bucket, prefix = split(uri)
        return bool(self.s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1).get("Contents"))

    def reconciliation(self, run_id: str | None) -> DataFrame:
        """Return a run's rows received, loaded and quarantined by batch; empty if `run_id` is None."""
        columns = schema(load("quality", "reconciliation"), partitions=False)
        if run_id is None:
            return frames.of(self.spark, [], columns)
        written = self.parquet(columns, self.lake.reconciliation(run_id))
        return written.select(*columns.names)  # without the partition column `job`

    # writing

    def write_snapshot(self, table: str, rows: DataFrame) -> None:
        """Write the rows that `snapshot` returns."""
        columns = [each.split()[0] for each in SNAPSHOTS[table].split(", ")]
        self.write(rows.select(*columns), self.lake.snapshot(table, self.run_id))

    def write(self, frame: DataFrame, uri: str, partition_by: str | None = None) -> None:
        """Replace the Parquet files below `uri`."""
        self._write(frame, uri, partition_by, "overwrite")

    def append(self, frame: DataFrame, uri: str, partition_by: str) -> None:
        """Add Parquet files below `uri`; the caller has deleted the previous files of these partitions."""
        self._write(frame, uri, partition_by, "append")

    def _write(self, frame: DataFrame, uri: str, partition_by: str | None, mode: str) -> None:
        writer = frame.write.mode(mode).option("compression", "zstd")
        (writer.partitionBy(partition_by) if partition_by else writer).parquet(uri)

    def count_by(
        self, contract: Contract, uri: str, column: str, values: Sequence[str] = ()
    ) -> dict[str, int]:
        """Return row counts by value of a partition column, counted by reading the files below `uri` back.

        Count only the given `values`, or all if there are none.
        """
        rows = self.parquet(schema(contract), uri)
        if values:
            rows = rows.where(F.col(column).isin(*values))
        return {row[0]: int(row[1]) for row in rows.groupBy(column).count().collect()}

    def prepare_silver(self, table: str, batch_ids: Sequence[str]) -> None:
        """Delete what an earlier run or attempt wrote of the batches: first the markers, then the rows.

        Until all rows are written again, readers refuse the batches instead of reading a part of them.
        """
        bucket, prefix = split(self.lake.silver_complete(table))
        marked = [prefix + batch_id for batch_id in batch_ids if batch_id in self._complete(table)]
        for_each(lambda key: self.s3.delete_object(Bucket=bucket, Key=key), marked)
        self.complete.pop(table, None)
        bucket, prefix = split(self.lake.silver_table(table))
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
        present = {
            f"s3://{bucket}/{each['Prefix']}" for page in pages for each in page.get("CommonPrefixes", [])
        }
        for_each(self.delete, present & {self.lake.silver_batch(table, batch_id) for batch_id in batch_ids})

    def mark_complete(self, table: str, batch_id: str) -> None:
        """Mark a batch's silver rows as complete (the markers that committers leave differ by engine)."""
        bucket, key = split(self.lake.silver_complete(table) + batch_id)
        self.s3.put_object(Bucket=bucket, Key=key, Body=b"")

    def write_gold(self, frame: DataFrame, contract: Contract) -> int:
        """Write, record and register a table of this run's release; return its row count, read back."""
        frame = frame.select(*(column.name for column in contract.columns if column.name != "release_id"))
        if len(contract.partition_columns) > 1:
            return fact_months.write(self, frame, contract)
        uri = self.lake.gold_release(contract.table, self.run_id)
        self.write(frame.coalesce(1), uri)
        files.record_gold(self.s3, self.lake, self.run_id, contract.table)
        self.register(contract, [([self.run_id], uri)])
        return int(self.gold(contract.table).count())

    def register(self, contract: Contract, partitions: Sequence[tuple[list[str], str]]) -> None:
        """Add partitions (values and URI) to the table in the Glue Data Catalog; existing ones are kept."""
        catalog.add(self.glue, self.lake, contract, partitions)

    def write_quality(self, table: str, rows: Iterable[dict[str, Any]]) -> None:
        """Write this job's rows of a quality table to its own folder in the run's partition."""
        contract = load("quality", table)
        uri = f"{location(contract, self.lake)}run_id={self.run_id}/"
        small_tables.write(self.s3, f"{uri}job={self.job_name}/part-0.parquet", contract, rows)
        self.register(contract, [([self.run_id], uri)])

    def write_results(self, results: Iterable[Result]) -> None:
        """Write rule results, each with its change since the parent release."""
        before = self._outcomes(self.plan["parent_release_id"])
        rows = [result.as_row() for result in results]
        for row in rows:
            row["change"] = change(row["status"], before.get((row["table_name"], row["rule_id"])))
        self.write_quality("rule_result", rows)

    def _outcomes(self, run_id: str | None) -> dict[tuple[str, str], str]:
        """Return the rule outcomes of a run by (table, rule id); empty if `run_id` is None."""
        if run_id is None:
            return {}
        columns = ("table_name", "rule_id", "status")
        found = small_tables.read(self.s3, self.lake.results(run_id), columns)
        return {(row["table_name"], row["rule_id"]): row["status"] for row in found}

    def delete(self, uri: str) -> None:
        """Delete every object below `uri`."""
        bucket, prefix = split(uri)
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            if found := [{"Key": item["Key"]} for item in page.get("Contents", [])]:
                self.s3.delete_objects(Bucket=bucket, Delete={"Objects": found})


def describe(document: dict[str, Any]) -> None:
    """Log a JSON line. Pass only counts and names, never row content."""
    log.info(json.dumps(document, sort_keys=True, default=str))
