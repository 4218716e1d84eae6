"""What every Glue job shares: its arguments, its run plan, where it reads and writes.

A job that is run again writes the same files again: each output folder is replaced as a whole.
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
from pipeline.contracts.glue import database, location
from pipeline.contracts.model import Contract, load
from pipeline.contracts.spark import schema
from pipeline.glue_jobs import small_tables
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
"""What later jobs of a run need of the newest rows that the release accepts."""


class JobError(Exception):
    """Why a job cannot continue, in a sentence that names no person's data."""


def for_each(call: Callable[[str], None], values: Iterable[str]) -> None:
    """Call an S3 operation for each value, up to 16 at once; the first error is raised."""
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(call, values))


@cache
def aws_client(service: str) -> Any:
    """Return the boto3 client of a service, shared by all jobs in one process."""
    return boto3.client(service)  # type: ignore[call-overload]


@dataclass(frozen=True)
class Run:
    """One job of one run."""

    spark: SparkSession
    lake: Lake
    job_name: str
    plan: dict[str, Any]
    manifests: dict[str, dict[str, Any]] = field(default_factory=dict)
    complete: dict[str, frozenset[str]] = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        return str(self.plan["run_id"])

    @property
    def time_zone(self) -> str:
        """The hospital's IANA time zone: local dates, hours and months are of it."""
        return str(self.plan["time_zone"])

    @property
    def s3(self) -> Any:
        return aws_client("s3")

    def manifest(self, batch_id: str) -> dict[str, Any]:
        """Return a batch's manifest."""
        return self.manifests_of([batch_id])[0]

    def manifests_of(self, batch_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return the manifests of batches; those not yet read are read concurrently, each once a job."""
        for_each(self._read_manifest, set(batch_ids) - self.manifests.keys())
        return [self.manifests[batch_id] for batch_id in batch_ids]

    def _read_manifest(self, batch_id: str) -> None:
        found = read_json(self.s3, self.lake.manifest(batch_id))
        if found is None:
            raise JobError(f"Batch {batch_id} has no manifest: import it again, then start a new run.")
        self.manifests[batch_id] = found[0]

    # reading

    def silver(self, table: str, batch_ids: Sequence[str] | None = None) -> DataFrame:
        """Silver rows of the release's batches (or those named), with `batch_id`."""
        contract = load("silver", table)
        wanted = self.plan["release_batch_ids"] if batch_ids is None else batch_ids
        have = [each["batch_id"] for each in self.manifests_of(wanted) if table in each["tables"]]
        if lacking := [batch_id for batch_id in have if batch_id not in self._complete(table)]:
            raise JobError(
                f"Batch {lacking[0]} has no complete silver {table}: start a run that names this batch."
            )
        if not have:
            return frames.of(self.spark, [], schema(contract))
        everything = self.parquet(schema(contract), self.lake.silver_table(table))
        return everything.where(F.col("batch_id").isin(*have))

    def _complete(self, table: str) -> frozenset[str]:
        """The batches whose silver rows are all written."""
        if table not in self.complete:
            bucket, prefix = split(self.lake.silver_complete(table))
            pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
            self.complete[table] = frozenset(key.removeprefix(prefix) for key in keys)
        return self.complete[table]

    def snapshot(self, table: str) -> DataFrame:
        """The newest accepted rows of this release, written by the job of the table's dimension or fact."""
        return self.parquet(SNAPSHOTS[table], self.lake.snapshot(table, self.run_id))

    def gold(self, table: str) -> DataFrame:
        """A gold table of this run's release."""
        return self.released(table, self.run_id)

    def released(self, table: str, release_id: str | None) -> DataFrame:
        """A gold table of a release; empty where `release_id` is None.

        A fact may have no rows, and then no files. A dimension always has its unknown member: JobError
        without files.
        """
        contract = load("gold", table)
        if release_id is None:
            return frames.of(self.spark, [], schema(contract))
        address = self.lake.gold_release(table, release_id)
        if table.startswith("dim_") and not self._has_files(address):
            raise JobError(
                f"{table} of release {release_id} has no files: start a new run, which writes it again."
            )
        within = StructType([field for field in schema(contract) if field.name != "release_id"])
        rows = self.parquet(within, address)
        return rows.withColumn("release_id", F.lit(release_id)).select(*schema(contract).names)

    def refused_in_release(self, table: str) -> DataFrame:
        """Quarantined rows that rules of this release refuse: `source_file`, `source_line`, `rule_ids`."""
        shape = "source_file string, source_line bigint, rule_ids array<string>"
        return self.parquet(shape, f"{self.lake.quarantine(table, self.run_id)}stage=release/")

    def parquet(self, shape: StructType | str, address: str) -> DataFrame:
        """Read the Parquet files below `address`; Spark, unlike Sail, fails where there are none."""
        if not self._has_files(address):
            return frames.of(self.spark, [], shape)
        return self.spark.read.schema(shape).parquet(address)  # same on both engines: files are there

    def _has_files(self, address: str) -> bool:
        bucket, prefix = split(address)
        return bool(self.s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1).get("Contents"))

    def reconciliation(self, run_id: str | None) -> DataFrame:
        """What a run received, loaded and refused; empty where `run_id` is None."""
        columns = schema(load("quality", "reconciliation"), partitions=False)
        if run_id is None:
            return frames.of(self.spark, [], columns)
        written = self.parquet(columns, self.lake.reconciliation(run_id))
        return written.select(*columns.names)  # without the folders' job

    # writing

    def write_snapshot(self, table: str, rows: DataFrame) -> None:
        """Write what `snapshot` reads."""
        columns = [each.split()[0] for each in SNAPSHOTS[table].split(", ")]
        self.write(rows.select(*columns), self.lake.snapshot(table, self.run_id))

    def write(self, frame: DataFrame, address: str, partition_by: str | None = None) -> None:
        """Replace the Parquet files below `address`."""
        self._write(frame, address, partition_by, "overwrite")

    def append(self, frame: DataFrame, address: str, partition_by: str) -> None:
        """Add Parquet files below `address`; those of the partitions written were deleted before."""
        self._write(frame, address, partition_by, "append")

    def _write(self, frame: DataFrame, address: str, partition_by: str | None, mode: str) -> None:
        writer = frame.write.mode(mode).option("compression", "zstd")
        (writer.partitionBy(partition_by) if partition_by else writer).parquet(address)

    def count_by(
        self, contract: Contract, address: str, column: str, values: Sequence[str] = ()
    ) -> dict[str, int]:
        """Count the rows of the files below `address` by a partition column, read back."""
        there = self.parquet(schema(contract), address)
        if values:
            there = there.where(F.col(column).isin(*values))
        return {row[0]: int(row[1]) for row in there.groupBy(column).count().collect()}

    def mark_complete(self, table: str, batch_id: str) -> None:
        """Say that a batch's silver rows are all written; committers differ in what they leave behind."""
        bucket, key = split(self.lake.silver_complete(table) + batch_id)
        self.s3.put_object(Bucket=bucket, Key=key, Body=b"")

    def write_gold(self, frame: DataFrame, contract: Contract) -> int:
        """Write, record and register one table of this run's release; return its rows, read back."""
        address = self.lake.gold_release(contract.table, self.run_id)
        month = [column.name for column in contract.partition_columns if column.name != "release_id"]
        columns = [column.name for column in contract.columns if column.name != "release_id"]
        frame = frame.select(*columns)
        if not month:
            self.write(frame.coalesce(1), address)
            files.record_gold(self.s3, self.lake, self.run_id, contract.table)
            self.register(contract, [([self.run_id], address)])
            return int(self.gold(contract.table).count())
        self.write(frame.repartition(month[0]), address, month[0])
        files.record_gold(self.s3, self.lake, self.run_id, contract.table)
        written = {
            row[0]: int(row[1]) for row in self.gold(contract.table).groupBy(month[0]).count().collect()
        }
        places = [([self.run_id, value], f"{address}{month[0]}={value}/") for value in sorted(written)]
        self.register(contract, places)
        log.info("%s: release %s written", contract.table, self.run_id)
        return sum(written.values())

    def register(self, contract: Contract, partitions: Sequence[tuple[list[str], str]]) -> None:
        """Make partitions known to the Glue catalog; those known already stay."""
        glue = aws_client("glue")
        where = database(contract, self.lake)
        table = glue.get_table(DatabaseName=where, Name=contract.table)["Table"]
        storage = table["StorageDescriptor"]
        for start in range(0, len(partitions), 100):
            inputs: list[Any] = [
                {"Values": values, "StorageDescriptor": {**storage, "Location": address}}
                for values, address in partitions[start : start + 100]
            ]
            answer = glue.batch_create_partition(
                DatabaseName=where, TableName=contract.table, PartitionInputList=inputs
            )
            unknown = [
                error["ErrorDetail"]["ErrorCode"]
                for error in answer.get("Errors", [])
                if error["ErrorDetail"]["ErrorCode"] != "AlreadyExistsException"
            ]
            if unknown:
                raise JobError(f"The catalog refused a partition of {contract.table}: {unknown[0]}.")

    def write_quality(self, table: str, rows: Iterable[dict[str, Any]]) -> None:
        """Write this job's rows of a quality table to its own folder in the run's partition."""
        contract = load("quality", table)
        address = f"{location(contract, self.lake)}run_id={self.run_id}/"
        small_tables.write(self.s3, f"{address}job={self.job_name}/part-0.parquet", contract, rows)
        self.register(contract, [([self.run_id], address)])

    def write_results(self, results: Iterable[Result]) -> None:
        """Write rule results, each with its change since the release that this run's would follow."""
        before = self._outcomes(self.plan["parent_release_id"])
        rows = [result.as_row() for result in results]
        for row in rows:
            row["change"] = change(row["status"], before.get((row["table_name"], row["rule_id"])))
        self.write_quality("rule_result", rows)

    def _outcomes(self, run_id: str | None) -> dict[tuple[str, str], str]:
        """By table and rule the outcomes of a run; none where `run_id` is None."""
        if run_id is None:
            return {}
        columns = ("table_name", "rule_id", "status")
        found = small_tables.read(self.s3, self.lake.results(run_id), columns)
        return {(row["table_name"], row["rule_id"]): row["status"] for row in found}

    def delete(self, address: str) -> None:
        """Delete every object below `address`."""
        bucket, prefix = split(address)
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            if found := [{"Key": item["Key"]} for item in page.get("Contents", [])]:
                self.s3.delete_objects(Bucket=bucket, Delete={"Objects": found})

    def _folders(self, address: str, column: str) -> list[str]:
        bucket, prefix = split(address)
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
        found = [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])]
        marker = f"{column}="
        return sorted(p.rstrip("/").rpartition("/")[2].removeprefix(marker) for p in found if marker in p)


def describe(document: dict[str, Any]) -> None:
    """One structured log line; counts and names only, never a row's content."""
    log.info(json.dumps(document, sort_keys=True, default=str))
