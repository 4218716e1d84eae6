"""Glue job generate_sample: generate blocks in Spark partitions, one object per block and table.

``--options`` is `pipeline.data_generator.Options` as JSON, ``--uploader`` the user who started the job. The
rows are the same as those that one process generates with these options. The manifest is written last, so a
job that fails leaves no batch.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pandas as pd
from pyspark.sql import SparkSession

from pipeline.data_generator import BadOptions, Options
from pipeline.data_generator.blocks import TABLES, make
from pipeline.data_generator.defects.seeding import TRUTH_COLUMNS
from pipeline.data_generator.pools import Names, set_names
from pipeline.data_generator.writer import GROUND_TRUTH, piece
from pipeline.glue_jobs.entry_point import log_to_output
from pipeline.lake.store import read_json, write_json
from pipeline.lake.uris import Lake, split

log = logging.getLogger("pipeline")

_SUMMARY = "block long, table_name string, key string, rows long, bytes long, sha256 string, defects string"


def transform(
    blocks: Iterator[pd.DataFrame], options: Options, lake: Lake, batch_id: str, names: Names
) -> Iterator[pd.DataFrame]:
    """Write the blocks numbered in column `id` to bronze; yield a summary row per block and table."""
    set_names(options.locale, names)
    s3 = boto3.client("s3")
    header = {
        table: generated.column_names for table, generated in make(replace(options, patients=1), 0).items()
    }
    for frame in blocks:
        for block in frame["id"]:
            yield pd.DataFrame(_write(s3, lake, batch_id, options, int(block), header))


def _write(
    s3: Any, lake: Lake, batch_id: str, options: Options, block: int, header: dict[str, list[str]]
) -> list[dict[str, Any]]:
    generated, lines = piece(options, block), []
    for table in TABLES:
        body = (",".join(header[table]) + "\n").encode() + generated.text[table]
        bucket, key = split(f"{lake.bronze_batch(table, batch_id)}{table}-{block:05d}.csv")
        s3.put_object(Bucket=bucket, Key=key, Body=body)
        defects = io.StringIO()
        csv.writer(defects, lineterminator="\n").writerows(
            defect for defect in generated.truth if defect.table == table
        )
        lines.append(
            {
                "block": block,
                "table_name": table,
                "key": key,
                "rows": generated.rows[table],
                "bytes": len(body),
                "sha256": hashlib.sha256(body).hexdigest(),
                "defects": defects.getvalue(),
            }
        )
    return lines


def manifest(summary: list[Any], options: Options, batch_id: str, uploader: str) -> dict[str, Any]:
    """Return the manifest of the batch from the summary rows."""
    header = {
        table: generated.column_names for table, generated in make(replace(options, patients=1), 0).items()
    }
    ordered = sorted(summary, key=lambda row: (row["table_name"], row["block"]))
    tables: dict[str, Any] = {table: {"files": [], "ignored_columns": []} for table in TABLES}
    for row in ordered:
        file = {name: row[name] for name in ("key", "rows", "bytes", "sha256")}
        tables[row["table_name"]]["files"].append(
            {
                **file,
                "header": header[row["table_name"]],
                "header_lines": 1,
                "encoding": "utf-8",
                "delimiter": ",",
                "not_data": {},
            }
        )
    content = "\n".join(f"{row['table_name']} {row['sha256']}" for row in ordered)
    return {
        "batch_id": batch_id,
        "source": "native",
        "received_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "uploader": uploader,
        "seed": options.seed,
        "content_sha256": hashlib.sha256(content.encode()).hexdigest(),
        "tables": tables,
    }


def ground_truth(summary: list[Any]) -> str:
    """Return the defects of all blocks as CSV, with row numbers relative to the whole table."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(TRUTH_COLUMNS)
    before = dict.fromkeys(TABLES, 0)
    for row in sorted(summary, key=lambda row: (row["block"], TABLES.index(row["table_name"]))):
        table = row["table_name"]
        for name, number, *rest in csv.reader(io.StringIO(row["defects"])):
            writer.writerow([name, int(number) + before[table], *rest])
        before[table] += row["rows"]
    return out.getvalue()


_MAX_TASKS = 64
"""Maximum number of Spark tasks that the blocks are distributed over."""


def _names(lake: Lake, locale: str) -> Names:
    """Return the names that the portal drew when it started the job; raise `BadOptions` if there are none."""
    found = read_json(boto3.client("s3"), lake.sample_names(locale))
    if found is None:
        raise BadOptions(
            f"The lake has no names for locale '{locale}'. Start the generation from the portal."
        )
    set_names(locale, found[0])
    return found[0]


def main() -> None:
    log_to_output()
    parser = argparse.ArgumentParser()
    for name in ("--prefix", "--buckets", "--batch_id", "--options", "--uploader"):
        parser.add_argument(name, required=True)
    given, _ = parser.parse_known_args(sys.argv[1:])
    options, lake = Options.from_json(given.options).checked(), Lake(given.prefix, given.buckets)
    names = _names(lake, options.locale)
    spark = SparkSession.builder.getOrCreate()
    blocks = spark.range(0, options.blocks, 1, min(options.blocks, _MAX_TASKS))
    batch_id = given.batch_id
    summary = blocks.mapInPandas(
        lambda frames: transform(iter(frames), options, lake, batch_id, names), _SUMMARY
    ).collect()
    s3 = boto3.client("s3")
    if options.defect_rate:
        bucket, key = split(lake.manifests() + f"{batch_id}{GROUND_TRUTH}")
        s3.put_object(Bucket=bucket, Key=key, Body=ground_truth(summary).encode())
    write_json(s3, lake.manifest(batch_id), manifest(summary, options, batch_id, given.uploader))
    log.info("batch %s: %d rows", batch_id, sum(row["rows"] for row in summary))


if __name__ == "__main__":
    main()
