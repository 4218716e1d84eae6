"""Whole runs on the laptop cloud: real Step Functions template, real Spark, real Athena."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import time

import pytest

from pipeline.contracts import tables
from portal.services import batches, quality, releases, runs, warehouse
from portal.services.aws import ServiceError


def number(portal, sql):
    return int(warehouse.ask(portal, sql).frame.iloc[0, 0])


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
    assert {f["table"] for f in found} >= {f"gold.{table}" for table in tables("gold")}


def test_a_killed_worker_fails_its_run_which_then_goes_on_from_there(portal, killed_run, first_run):
    assert killed_run.status == "FAILED"
    assert "worker process died" in killed_run.failed_job.error
    assert (first_run.run_id, first_run.attempt) == (killed_run.run_id, 2)
    names = [job.job for job in first_run.jobs if job.state == "SUCCEEDED"]
    assert sorted(names) == sorted(set(names)), "no job succeeds twice in a run"
    assert releases.current(portal).release_id == first_run.run_id


def _files(cloud, release_id):
    return {
        path: path.stat().st_mtime_ns
        for path in (cloud.state / "s3" / "hdp-gold").rglob("*.parquet")
        if f"release_id={release_id}" in path.parts
    }


@pytest.fixture
def notifications(portal):
    """What is published to the failure topic, as its subscribers get it."""
    received = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sns = portal.client("sns")
    topic = os.environ["HDP_TOPIC_FAILED_ARN"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"http://127.0.0.1:{server.server_port}/")
    yield received
    server.shutdown()


BROKEN = {
    "patients.csv": ("patient_id,birth_date,sex,postal_code,state,updated_at", ["Q1,1980-02-03,F,02115,MA,2025-01-01T00:00:00Z", "Q2,03/09/1984,M,02115,MA,2025-01-01T00:00:00Z", ",1990-01-02,M,02115,MA,2025-01-01T00:00:00Z"]),
    "encounters.csv": (
        "encounter_id,patient_id,admitted_at,discharged_at,encounter_class,updated_at",
        [
            "R1,Q1,2025-02-01T08:00:00Z,2025-02-01T09:00:00Z,AMB,2025-02-02T00:00:00Z",
            "R2,Q1,2025-02-05T08:00:00Z,2025-02-04T08:00:00Z,AMB,2025-02-05T00:00:00Z",
            "R3,Q1,2025-02-06T08:00:00Z,2025-02-06T09:00:00Z,AMB,2025-02-07T00:00:00Z",
            "R3,Q1,2025-02-06T08:00:00Z,2025-02-06T09:00:00Z,AMB,2025-02-07T00:00:00Z",
        ],
    ),
}  # fmt: skip


def test_broken_rows_are_kept_apart_and_a_failing_job_is_named_and_told(
    portal, first_run, cloud, tmp_path, notifications
):
    for name, (header, rows) in BROKEN.items():
        (tmp_path / name).write_text("\n".join([header, *rows]) + "\n")
    batch = batches.import_folder(portal, tmp_path, uploader="tester")
    published, before = releases.current(portal).release_id, _files(cloud, first_run.run_id)
    script = cloud.state / "s3" / "hdp-code" / "scripts" / "silver_to_gold" / "dim_time.py"
    shutil.copy(script, tmp_path / "kept.py")
    script.write_text("print('about to fail')\nraise ValueError('the disk is full')\n")
    started = runs.start(portal, [*first_run.batch_ids, batch.batch_id])
    with pytest.raises(ServiceError, match="has been writing since"):
        runs.start(portal, [batch.batch_id])
    run = runs.wait(portal, started.run_id, seconds=200, poll=0.3)
    shutil.copy(tmp_path / "kept.py", script)

    assert (run.status, run.failed_job.job) == ("FAILED", "silver_to_gold_dim_time")
    assert "ValueError: the disk is full" in run.failed_job.error
    assert "about to fail" in [line for _, line in runs.log_lines(portal, run.failed_job)]
    assert releases.current(portal).release_id == published
    assert number(portal, "SELECT count(*) FROM fact_encounter") == first_encounters(portal, first_run)
    told = [json.loads(n["Message"]) for n in notifications if n.get("Type") == "Notification"]
    assert [(m["run_id"], m["error"]) for m in told] == [(run.run_id, "GlueJobFailed")]

    ended = runs.wait(portal, runs.redrive(portal, run.run_id).run_id, seconds=200, poll=0.3)
    assert ended.status == "SUCCEEDED"
    assert _files(cloud, first_run.run_id) == before, "a new release leaves the old one untouched"
    account = quality.reconciliation(portal, run.run_id)
    again = [line for line in account if line["batch_id"] in first_run.batch_ids]
    assert again == quality.reconciliation(portal, first_run.run_id), (
        "the same batch again gives the same rows"
    )
    lines = {line["table_name"]: line for line in account if line["batch_id"] == batch.batch_id}
    assert [lines["patients"][k] for k in ("received", "loaded", "quarantined", "repeated")] == [3, 1, 2, 0]
    assert [lines["encounters"][k] for k in ("received", "loaded", "quarantined", "repeated")] == [4, 2, 2, 1]
    refused = quality.quarantined(portal, run.run_id, "patients").sort_values(
        "record_key", na_position="last"
    )
    assert [
        (k, "PAT-C01" in ids, "PAT-M01" in ids)
        for k, ids in zip(refused["record_key"], refused["rule_ids"], strict=True)
    ][0] == ("Q2", True, False)
    assert "PAT-M01" in refused["rule_ids"].iloc[1]
    assert "03/09/1984" in refused["raw"].iloc[0]
    encounters = quality.quarantined(portal, run.run_id, "encounters")
    assert sorted(zip(encounters["record_key"], encounters["disposition"], strict=True)) == [
        ("R2", "refused"),
        ("R3", "repeat"),
    ]
    assert (ended.decision, ended.is_published) == ("hold", False), "a row without its key blocks"
    assert (
        number(portal, f"SELECT count(*) FROM {warehouse.table(portal, 'fact_encounter', run.run_id)} x")
        == first_encounters(portal, first_run) + 2
    )


def first_encounters(portal, first_run):
    return releases.get(portal, first_run.run_id).tables["fact_encounter"]


def test_the_synthea_sample_passes_whole(portal, first_run, synthea):
    batch = batches.import_folder(portal, synthea, uploader="tester")
    assert batch.tables["patients"]["ignored_columns"][:2] == ["BIRTHPLACE", "COUNTY"]
    run = runs.wait(
        portal, runs.start(portal, [batch.batch_id], auto_publish=False).run_id, seconds=300, poll=0.3
    )
    assert run.status == "SUCCEEDED"
    lines = {
        x["table_name"]: (x["received"], x["loaded"]) for x in quality.reconciliation(portal, run.run_id)
    }
    assert lines == {"patients": (27, 27), "encounters": (604, 604), "medications": (663, 663)}
    only = f"WHERE batch_id = '{batch.batch_id}'"
    silver = portal.lake.database("silver")
    assert number(portal, f'SELECT count(DISTINCT provider_npi) FROM "{silver}"."encounters" {only}') == 51
    results = quality.results(portal, run.run_id)
    failed = results[results["status"] == "fail"]
    assert set(failed["severity"]) == {"warning"}
    assert {"ENC-C04", "ENC-M03"} <= set(failed["rule_id"])
    tables_ = releases.get(portal, run.run_id).tables
    before = releases.get(portal, first_run.run_id).tables
    assert tables_["fact_encounter"] >= before["fact_encounter"] + 604
    assert tables_["fact_medication_admin"] >= before["fact_medication_admin"] + 663


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
