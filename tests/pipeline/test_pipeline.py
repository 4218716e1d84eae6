"""Whole runs on the laptop cloud: real Step Functions template, real Spark, real Athena."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from pipeline.contracts.model import tables
from portal.athena import client as athena_client
from portal.batches import service as batches
from portal.quality import results as quality
from portal.releases import service as releases
from portal.runs import job_runs
from portal.runs import service as runs
from tests.support import quarantine


def number(portal, sql):
    return int(athena_client.run_query(portal, sql).frame.iloc[0, 0])


def test_a_sample_run_is_published_and_every_row_is_accounted_for(portal, first_run, sample):
    assert (first_run.status, first_run.is_published) == ("SUCCEEDED", True)
    lines = quality.reconciliation(portal, first_run.run_id)
    assert {line["table_name"]: line["received"] for line in lines} == sample.rows
    assert all(line["received"] == line["loaded"] and line["quarantined"] == 0 for line in lines)
    assert number(portal, "SELECT count(*) FROM fact_encounter") == sample.rows["encounters"]


@pytest.mark.parametrize(
    ("fact", "key", "dimension"),
    [
        ("fact_encounter", "patient_key", "dim_patient"),
        ("fact_encounter", "provider_key", "dim_provider"),
        ("fact_encounter", "diagnosis_key", "dim_diagnosis"),
        ("fact_encounter", "department_key", "dim_department"),
        ("fact_medication_admin", "patient_key", "dim_patient"),
        ("fact_medication_admin", "medication_key", "dim_medication"),
        ("fact_medication_admin", "provider_key", "dim_provider"),
    ],
)
def test_every_key_of_a_fact_is_found_in_its_dimension(portal, first_run, fact, key, dimension):
    lost = f"SELECT count(*) FROM {fact} f LEFT JOIN {dimension} d ON f.{key} = d.{key} WHERE d.{key} IS NULL"
    unknown = f"SELECT count(*) FROM {fact} WHERE {key} = -1"
    assert (number(portal, lost), number(portal, unknown)) == (0, 0)
    assert number(portal, f"SELECT count(*) FROM {dimension} WHERE {key} = -1") == 1


def test_what_was_written_keeps_its_contracts(first_run, cloud):
    from pipeline.validate_parquet import validate

    found = [
        f for zone in ("silver", "gold", "quality") for f in validate(cloud.state / "s3" / f"hdp-{zone}")
    ]
    assert [f for f in found if f["problems"]] == []
    written = {f"gold.{table}" for table in tables("gold")} - {"gold.bridge_encounter_diagnosis"}
    assert {f["table"] for f in found} >= written, "the sample has no file of diagnoses"


def test_a_killed_worker_fails_its_run_which_then_goes_on_from_there(portal, killed_run, first_run):
    assert killed_run.status == "FAILED"
    assert "worker process died" in killed_run.failed_job.error
    assert (first_run.run_id, first_run.attempt) == (killed_run.run_id, 2)
    names = [job.job for job in first_run.jobs if job.state == "SUCCEEDED"]
    assert sorted(names) == sorted(set(names)), "no job succeeds twice in a run"
    assert releases.current(portal).release_id == first_run.run_id


def test_a_failing_job_is_named_and_told_and_changes_nothing(portal, first_run, failed_run, notifications):
    run = failed_run.run
    assert (run.status, run.failed_job.job) == ("FAILED", "silver_to_gold_dim_time")
    assert "ValueError: the disk is full" in run.failed_job.error
    assert "about to fail" in [
        line for _, line in job_runs.log_lines(portal, run.failed_job.job_run_id, run.failed_job.log_group)
    ]
    assert failed_run.published_after == failed_run.published_before
    assert failed_run.encounters == first_encounters(portal, first_run)
    told = [m for m in notifications if m["run_id"] == run.run_id and "error" in m]
    assert [m["error"] for m in told] == ["GlueJobFailed"]


def test_broken_rows_are_kept_apart_and_hold_the_release(
    portal, first_run, failed_run, held_run, release_files
):
    assert (held_run.status, held_run.started_by) == ("SUCCEEDED", "tester")
    assert release_files(first_run.run_id) == failed_run.files_before, (
        "a new release leaves the old one alone"
    )
    account = quality.reconciliation(portal, held_run.run_id)
    again = [line for line in account if line["batch_id"] in first_run.batch_ids]
    assert again == quality.reconciliation(portal, first_run.run_id), (
        "the same batch again gives the same rows"
    )
    lines = {line["table_name"]: line for line in account if line["batch_id"] == failed_run.batch_id}
    assert [lines["patients"][k] for k in ("received", "loaded", "quarantined", "duplicates")] == [3, 1, 2, 0]
    assert [lines["encounters"][k] for k in ("received", "loaded", "quarantined", "duplicates")] == [
        4,
        2,
        2,
        1,
    ]
    refused = quarantine.raw_rows(portal, held_run.run_id, "patients").sort_values(
        "record_key", na_position="last"
    )
    assert [
        (k, "PAT-C01" in ids, "PAT-M01" in ids)
        for k, ids in zip(refused["record_key"], refused["rule_ids"], strict=True)
    ][0] == ("Q2", True, False)
    assert "PAT-M01" in refused["rule_ids"].iloc[1]
    assert "03/09/1984" in refused["raw"].iloc[0]
    encounters = quarantine.raw_rows(portal, held_run.run_id, "encounters")
    assert sorted(zip(encounters["record_key"], encounters["disposition"], strict=True)) == [
        ("R2", "refused"),
        ("R3", "duplicate"),
    ]
    assert (held_run.decision, held_run.is_published) == ("hold", False), "a row without its key blocks"
    first, changes = (
        quality.results(portal, run.run_id).set_index(["table_name", "rule_id"])["change"]
        for run in (first_run, held_run)
    )
    assert set(first) <= {"new", "stable"}, "nothing was published before it"
    assert (changes["patients", "PAT-M01"], changes["patients", "PAT-C06"]) == ("new", "stable")
    assert set(changes[first == "new"]) <= {"still_there"}
    table = athena_client.release_table(portal, "fact_encounter", held_run.run_id)
    assert number(portal, f"SELECT count(*) FROM {table} x") == first_encounters(portal, first_run) + 2


def first_encounters(portal, first_run):
    return releases.get(portal, first_run.run_id).tables["fact_encounter"]


def test_the_synthea_sample_passes_whole(portal, first_run, synthea):
    batch = batches.import_folder(portal, synthea, uploader="tester")
    assert batch.tables["patients"]["ignored_columns"][:2] == ["BIRTHPLACE", "COUNTY"]
    run = runs.wait(portal, runs.start(portal, [batch.batch_id], auto_publish=False).run_id, seconds=300)
    assert run.status == "SUCCEEDED"
    lines = {
        x["table_name"]: (x["received"], x["loaded"]) for x in quality.reconciliation(portal, run.run_id)
    }
    assert lines == {
        "patients": (27, 27),
        "encounters": (604, 604),
        "medications": (663, 663),
        "diagnoses": (438, 438),
    }
    only = f"WHERE batch_id = '{batch.batch_id}'"
    silver = portal.lake.database("silver")
    reviewing = portal.assume_review_role()
    assert number(reviewing, f'SELECT count(DISTINCT provider_npi) FROM "{silver}"."encounters" {only}') == 51
    results = quality.results(portal, run.run_id)
    failed = results[results["status"] == "fail"]
    assert set(failed["severity"]) == {"warning"}
    assert "ENC-C04" in set(failed["rule_id"])
    assert "ENC-M03" not in set(failed["rule_id"]), "conditions.csv has a diagnosis of each of the 28"
    tables_ = releases.get(portal, run.run_id).tables
    before = releases.get(portal, first_run.run_id).tables
    assert tables_["fact_encounter"] >= before["fact_encounter"] + 604
    assert tables_["fact_medication_order"] >= before["fact_medication_order"] + 663
    assert tables_["fact_medication_admin"] == before["fact_medication_admin"]


def test_the_aws_command_line_reads_the_cloud(cloud, first_run):
    def aws(*arguments):
        done = subprocess.run(
            [os.path.join(os.path.dirname(sys.executable), "aws"), *arguments, "--output", "json"],
            env=cloud.environment(), capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        return json.loads(done.stdout)

    assert "hdp-gold" in [bucket["Name"] for bucket in aws("s3api", "list-buckets")["Buckets"]]
    job_runs = aws("glue", "get-job-runs", "--job-name", "hdp-quality-audit")["JobRuns"]
    mine = next(run for run in job_runs if run["Arguments"]["--run_id"] == first_run.run_id)
    assert mine["JobRunState"] == "SUCCEEDED"
    assert mine["StartedOn"] < mine["CompletedOn"]
    events = aws("stepfunctions", "get-execution-history", "--execution-arn", first_run.execution_arn)[
        "events"
    ]
    assert (events[0]["type"], events[-1]["type"]) == ("ExecutionStarted", "ExecutionSucceeded")
    started = aws(
        "athena", "start-query-execution", "--query-string", "SELECT 7 AS seven", "--work-group", "hdp-portal"
    )
    while aws("athena", "get-query-execution", "--query-execution-id", started["QueryExecutionId"])[
        "QueryExecution"
    ]["Status"]["State"] in {"QUEUED", "RUNNING"}:
        time.sleep(0.1)
    rows = aws("athena", "get-query-results", "--query-execution-id", started["QueryExecutionId"])[
        "ResultSet"
    ]["Rows"]
    assert rows[1]["Data"][0]["VarCharValue"] == "7"
