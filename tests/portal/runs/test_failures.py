"""A failed run in plain words: the cause, what it touched, what comes next."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline.releases.model import Published
from portal.runs import failures, job_runs
from portal.runs.failures import CAUSES, UNKNOWN
from portal.runs.job_runs import JobRun
from portal.runs.model import Run

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def _job(name, state, error=None):
    return JobRun(name, f"jr-{name}", state, NOW, NOW, 4, 8.0, error, "/aws-glue/jobs")


def _failed(error=None, cause=None, jobs=()):
    return Run("run-1", "FAILED", NOW, NOW, "arn", error=error, cause=cause, jobs=tuple(jobs))


SAID = {
    "A job was stopped": _failed(jobs=[_job("quality_audit", "STOPPED")]),
    "A batch is retired": _failed("RetiredBatch", "Batch b1 is retired"),
    "The lake was busy": _failed("LakeBusy", "Run 'x' has been writing since 10:00"),
    "Nothing to load": _failed("NoBatches", "There is no batch to process"),
    "A batch does not exist": _failed("UnknownBatch", "There is no batch b1"),
    "Bad input": _failed("BadRunInput", "run_id: 'x y' does not fit"),
    "A batch was never loaded": _failed("GlueJobFailed", "Batch b has no complete silver patients: start …"),
    "Row counts do not reconcile": _failed(
        jobs=[
            _job(
                "bronze_to_silver_patients",
                "FAILED",
                "JobError: Row counts of patients in batch b do not reconcile: received 2, loaded 2, "
                "quarantined 1.",
            )
        ]
    ),
    "Out of time": _failed(jobs=[_job("quality_audit", "TIMEOUT")]),
    "Worker lost": _failed(
        jobs=[_job("quality_audit", "FAILED", "The worker died while the job ran (signal 9)")]
    ),
    "Disk full": _failed(
        jobs=[_job("quality_audit", "FAILED", "Py4JJavaError from IOException: No space left on device")]
    ),
    "Missing permission": _failed(
        jobs=[_job("quality_audit", "FAILED", "AccessDeniedException: not authorized to perform")]
    ),
    "AWS was busy": _failed("Lambda.TooManyRequestsException", "Rate exceeded"),
    "AWS could not be reached": _failed("EndpointConnectionError", "Could not connect"),
    "A table does not match its contract": _failed(
        jobs=[_job("quality_audit", "FAILED", "AnalysisException at audit.py:61: UNRESOLVED_COLUMN")]
    ),
    "A file could not be read": _failed(
        jobs=[_job("quality_audit", "FAILED", "SparkException from FileNotFoundException at audit.py:61")]
    ),
    "Error in the script": _failed(
        jobs=[_job("silver_to_gold_dim_time", "FAILED", "ValueError at dim_time.py:12")]
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_every_known_cause_is_found_by_what_it_says(name):
    assert failures.explain(SAID[name]).cause.name == name


def test_every_cause_of_the_table_has_an_example():
    assert set(SAID) == {cause.name for cause in CAUSES}


def test_an_unknown_cause_shows_its_message_and_is_looked_for_in_the_log():
    run = _failed(jobs=[_job("quality_audit", "FAILED", "something else")])
    assert failures.explain(run).cause is UNKNOWN
    assert failures.explain(run).message == "something else"
    assert failures.explain(run, "java.io.IOException: No space left on device").cause.name == "Disk full"


def test_a_run_that_left_no_message_says_so():
    assert failures.explain(_failed()).message == "no error message"


def test_a_real_failure_names_the_line_the_tables_and_that_it_is_safe(portal, failed_run):
    run = failed_run.run
    log = "\n".join(
        line for _, line in job_runs.log_lines(portal, run.failed_job.job_run_id, run.failed_job.log_group)
    )
    found = failures.explain(run, log, failed_run.published_after)
    assert found.job == "silver_to_gold_dim_time"
    assert found.cause.name == "Disk full"
    assert "silver.patients" in found.tables_written
    assert "gold.dim_patient" in found.tables_written
    assert "gold.fact_encounter" not in found.tables_written
    assert "gold.dim_time, which may be partially written" in found.safety
    assert f"did not change: it is still {failed_run.published_after.release_id}" in found.safety
    assert found.source_tables == ("encounters", "medications")


def test_a_run_that_failed_after_it_had_published_does_not_say_that_nothing_was_touched():
    run = _failed("ReleaseError", "The views could not be pointed at the release")
    found = failures.explain(run, published=Published("run-1", "", "", ""))
    assert "did not change" not in found.safety
    assert "The release of this run is already published" in found.safety
    assert "Nothing has been published yet" in failures.explain(run).safety


def test_a_killed_worker_is_recognized(killed_run):
    found = failures.explain(killed_run)
    assert found.cause.name == "Worker lost"
    assert found.cause.next == "resume"


def test_a_lambdas_stack_does_not_reach_a_person():
    cause = '{"errorMessage": "dim_time ended STOPPED: no message", "stackTrace": ["File x.py, line 1"]}'
    assert failures.explain(_failed("GlueJobFailed", cause)).message == "dim_time ended STOPPED: no message"


def test_a_stopped_run_says_who_stopped_it_whatever_its_jobs_say():
    jobs = [
        _job("silver_to_gold_dim_time", "SUCCEEDED"),
        _job("quality_audit", "STOPPED", "killed: Error: no"),
    ]
    run = Run(
        "r",
        "ABORTED",
        NOW,
        NOW,
        "arn",
        error="StoppedByUser",
        cause="Stopped by ann at 10:00 UTC.",
        jobs=tuple(jobs),
    )
    found = failures.explain(run, "Traceback", None)
    assert (found.cause.name, found.message, found.job) == ("Stopped", "Stopped by ann at 10:00 UTC.", None)
    assert found.tables_written == ("gold.dim_time",)


BATCH = "20261127T194008-0a1b2c3d"


@pytest.mark.parametrize(
    ("batch_ids", "job", "error", "named"),
    [
        (
            ("a", "b"),
            "bronze_to_silver_patients",
            f"Rows of patients in batch {BATCH} do not reconcile",
            BATCH,
        ),
        (("a", "b"), "silver_to_gold_dim_time", f"Batch {BATCH} has no manifest", BATCH),
        ((BATCH,), "bronze_to_silver_patients", "FileNotFoundException", BATCH),
        (
            ("a", "b"),
            "bronze_to_silver_patients",
            f"patients/batch_id={BATCH}/p.csv cannot be read (EOFError).",
            BATCH,
        ),
        (
            ("a", "b"),
            "bronze_to_silver_patients",
            f"patients/batch_id={BATCH}/p.csv is not the file that was imported: its SHA-256 differs",
            BATCH,
        ),
        (("a", "b"), "bronze_to_silver_patients", "FileNotFoundException", None),
        ((BATCH,), "silver_to_gold_dim_time", "disk is full", None),
    ],
)
def test_a_batch_that_cannot_be_processed_is_named_with_the_commands_for_it(batch_ids, job, error, named):
    run = Run("run-1", "FAILED", NOW, NOW, "arn", batch_ids=batch_ids, jobs=(_job(job, "FAILED", error),))
    found = failures.explain(run)
    assert found.batch_id == named
    said = found.advice("run-1")
    assert "hdp runs resume run-1" in said
    assert found.cause.name != "Error in the script"
    for verb in ("show", "retire", "reprocess"):
        assert (f"hdp batches {verb} {named}" in said) is bool(named)
