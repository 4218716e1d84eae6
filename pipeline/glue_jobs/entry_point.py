"""Run a Glue job's work: parse its arguments, load its run plan, report errors without data."""

from __future__ import annotations

import argparse
import logging
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

from pipeline.contracts.model import ContractError
from pipeline.glue_jobs.runtime import JobError, Run, aws_client
from pipeline.lake.store import read_json
from pipeline.lake.uris import Lake
from pipeline.sources.batch_files import fault_in

log = logging.getLogger("pipeline")


SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # a moment before 1900 is written as it is: one such row would end the job
    "spark.sql.parquet.int96RebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    # a generated method of more bytes is one that the JVM runs without ever compiling it (HotSpot,
    # HugeMethodLimit)
    "spark.sql.codegen.hugeMethodLimit": "8000",
    # what follows from a filter is worked out for every alias of a column: with many rules, for minutes and
    # gigabytes
    "spark.sql.constraintPropagation.enabled": "false",
    # the wide side of a join stays where it is where the narrow one can be sent to every worker …
    "spark.sql.adaptive.autoBroadcastJoinThreshold": "64MB",
    # … and neither side is sorted where one fits in memory, part by part
    "spark.sql.adaptive.maxShuffledHashJoinLocalMapThreshold": "64MB",
}


def log_to_output() -> None:
    """Write log lines from INFO up to standard output: Glue's root logger has a level and no handler.

    CloudWatch adds the time to each line.
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, force=True, format="%(levelname)s %(message)s")
    for name in ("botocore", "py4j"):
        logging.getLogger(name).setLevel(logging.WARNING)


def main(work: Callable[[Run], None]) -> None:
    """Run a job as Glue calls it: ``--JOB_NAME … --prefix … --run_id …``."""
    log_to_output()
    parser = argparse.ArgumentParser()
    for name in ("--JOB_NAME", "--prefix", "--buckets", "--run_id"):
        parser.add_argument(name, required=True)
    options, _ = parser.parse_known_args(sys.argv[1:])
    lake = Lake(options.prefix, options.buckets)
    found = read_json(aws_client("s3"), lake.run_plan(options.run_id))
    if found is None:
        raise JobError(f"Run {options.run_id} has no plan: jobs are started by the state machine.")
    spark = SparkSession.builder.appName(options.JOB_NAME).getOrCreate()
    for name, value in SETTINGS.items():
        spark.conf.set(name, value)
    run = Run(spark, lake, options.JOB_NAME, found[0])
    log.info("%s starts for run %s on %d batches", run.job_name, run.run_id, len(run.plan["batch_ids"]))
    try:
        work(run)
    except (JobError, ContractError):
        raise
    except Exception as error:
        raise JobError(fault_in(error) or _without_data(error)) from None
    log.info("%s is done", run.job_name)


def _without_data(error: Exception) -> str:
    """Return an error's class and line of code, without its message, which may quote values.

    Messages of an AnalysisException name only columns and types: they are kept.
    """
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "pipeline" in frame.filename]
    where = f" at {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
    if isinstance(error, AnalysisException):
        return f"{type(error).__name__}{where}: {str(error).splitlines()[0] if str(error) else 'no message'}"
    return f"{_kind(error)}{where}"


def _kind(error: Exception) -> str:
    """Return the error's class and, if it comes from the JVM, the classes of its causes."""
    cause = getattr(error, "java_exception", None)
    kinds = [type(error).__name__]
    while cause is not None and len(kinds) < 6:
        kinds.append(str(cause.getClass().getSimpleName()))
        cause = cause.getCause()
    return " from ".join(kinds)
