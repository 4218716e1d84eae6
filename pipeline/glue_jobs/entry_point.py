"""Entry point of Glue jobs: parse arguments, load the run plan, report errors without data values."""

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
from pipeline.glue_jobs.errors import JobError
from pipeline.glue_jobs.runtime import Run, aws_client
from pipeline.lake.store import read_json
from pipeline.lake.uris import Lake
from pipeline.sources.batch_files import fault_in

log = logging.getLogger("pipeline")


SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # write timestamps before 1900 unchanged: Spark's default fails the job at the first one
    "spark.sql.parquet.int96RebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    # the JVM never compiles larger methods (HotSpot's HugeMethodLimit), so none are generated
    "spark.sql.codegen.hugeMethodLimit": "8000",
    # Spark infers constraints for every alias of a column: with many rules, that takes minutes and gigabytes
    "spark.sql.constraintPropagation.enabled": "false",
    # broadcast the smaller side of a join up to this size, so that the larger one is not shuffled …
    "spark.sql.adaptive.autoBroadcastJoinThreshold": "64MB",
    # … and use a hash join without sorting where the partitions of one side fit in memory
    "spark.sql.adaptive.maxShuffledHashJoinLocalMapThreshold": "64MB",
}


def log_to_output() -> None:
    """Write log lines of level INFO and above to standard output.

    Glue's root logger has a level but no handler. CloudWatch adds the time to each line.
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, force=True, format="%(levelname)s %(message)s")
    for name in ("botocore", "py4j"):
        logging.getLogger(name).setLevel(logging.WARNING)


def main(work: Callable[[Run], None]) -> None:
    """Run a job with the arguments that Glue passes: ``--JOB_NAME … --prefix … --buckets … --run_id …``.

    Raise `JobError` or `ContractError`, without data values, if it fails.
    """
    log_to_output()
    parser = argparse.ArgumentParser()
    for name in ("--JOB_NAME", "--prefix", "--buckets", "--run_id"):
        parser.add_argument(name, required=True)
    options, _ = parser.parse_known_args(sys.argv[1:])
    lake = Lake(options.prefix, options.buckets)
    found = read_json(aws_client("s3"), lake.run_plan(options.run_id))
    if found is None:
        raise JobError(f"Run {options.run_id} has no run plan. Start jobs through the state machine.")
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
    """Return an error's class and line of code without its message, which may quote values.

    The first line of the message of an AnalysisException names only columns and types, so it is kept.
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
