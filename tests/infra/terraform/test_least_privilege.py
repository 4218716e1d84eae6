"""Least privilege, proven by a run: what each role did on the laptop against what its policy in Terraform allows.

The laptop cloud writes down each call with the access key that signed it; services sign with their role's name.
"""

from __future__ import annotations

import re
from datetime import time
from pathlib import Path

import pytest

import infra
from infra.local import calls
from pipeline.generator import Options
from portal.auth import User
from portal.services import (
    batches,
    job_runs,
    quality,
    releases,
    reviews,
    run_history,
    runs,
    samples,
    schedule,
    sql_queries,
    warehouse,
)
from portal.services.aws import Aws
from portal.settings import Settings

FOLDER = Path(infra.__file__).parent / "terraform"

OF_THE_PLATFORM = {
    "glue": {
        # Spark reads and writes S3 itself, on a laptop as files; the runtime writes logs and decrypts
        "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket",
        "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:AssociateKmsKey",
        "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey",
    },
    "lambda": {"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTraceSegments", "xray:PutTelemetryRecords",
               "kms:Decrypt", "kms:GenerateDataKey"},
    # Athena reads the catalog and writes results on behalf of whoever asks; S3 and Scheduler use the key
    "athena": {"glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:GetPartitions", "glue:CreateTable",
               "glue:UpdateTable", "s3:GetBucketLocation", "s3:PutObject", "s3:GetObject", "s3:ListBucket"},
    "portal": {"kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey", "iam:PassRole", "s3:AbortMultipartUpload"},
}  # fmt: skip
"""Actions that AWS's own services take in the role's name, which no endpoint of ours can see."""

TAKES_TOO_LONG = {"lambda-check-glue-job-status": {"glue:BatchStopJobRun"}}
"""A job that has outlived its timeout by a quarter of an hour is stopped: no run of a test waits for that."""


def _blocks(text):
    """The statements of a policy document: their actions and their resources as written."""
    for body in re.findall(r"statement \{\n(.*?)\n  \}", text, re.DOTALL):
        actions = re.search(r"actions\s*=\s*\[(.*?)\]", body, re.DOTALL)
        resources = re.search(r"resources\s*=\s*(.*)", body, re.DOTALL)
        if actions and resources:
            yield re.findall(r'"([^"]+)"', actions[1]), resources[1]


def _policy(name):
    for file in FOLDER.glob("*.tf"):
        found = re.search(
            rf'data "aws_iam_policy_document" "{name}" \{{\n(.*?)\n\}}', file.read_text(), re.DOTALL
        )
        if found:
            return list(_blocks(found[1]))
    raise AssertionError(f"no policy {name}")


def _function(name):
    text = (FOLDER / "iam.tf").read_text()
    body = re.search(rf"^    {name} = \[\n(.*?)^    \]", text, re.DOTALL | re.MULTILINE)[1]
    own = re.findall(r"actions = \[([^\]]*)\],? *\n? *resources = (.*?)(?= \},|\n      \},)", body, re.DOTALL)
    return [(re.findall(r'"([^"]+)"', actions), resources) for actions, resources in own] + _policy("lambda")


def _places(resources):
    """(zone, start of the key) of each S3 resource, as the Terraform text names them."""
    places = []
    for zone, key in re.findall(r'\$\{local\.bucket_arns\["(\w+)"\]\}/([^"]*)"', resources):
        places.append((zone, key.removesuffix("*")))
    for zones, key in re.findall(
        r'\[for zone in \[([^\]]+)\] : "\$\{local\.bucket_arns\[zone\]\}/([^"]*)"\]', resources
    ):
        places += [(zone, key.removesuffix("*")) for zone in re.findall(r'"(\w+)"', zones)]
    for zones in re.findall(r"\[for zone in \[([^\]]+)\] : local\.bucket_arns\[zone\]\]", resources):
        places += [(zone, None) for zone in re.findall(r'"(\w+)"', zones)]
    places += [(zone, None) for zone in re.findall(r'local\.bucket_arns\["(\w+)"\](?!\}/)', resources)]
    if "values(local.bucket_arns)" in resources:
        places += [(zone, None) for zone in ("bronze", "silver", "gold", "quality", "results", "code")]
    return places


def _allows(policy, action, bucket, key):
    for actions, resources in policy:
        if action not in actions:
            continue
        if not action.startswith("s3:"):
            return True
        for zone, start in _places(resources):
            if bucket.endswith(f"-{zone}") and (start is None) == (not key) and key.startswith(start or ""):
                return True
    return False


ROLES = {
    "glue": lambda: _policy("glue"),
    "portal": lambda: _policy("portal"),
    **{
        f"lambda-{name.replace('_', '-')}": lambda name=name: _function(name)
        for name in (
            "prepare_run",
            "start_glue_job",
            "check_glue_job_status",
            "publish_release",
            "sns_notify_success",
            "sns_notify_failure",
        )
    },
}


@pytest.fixture(scope="module")
def recorded(cloud, held_run, first_run, tmp_path_factory):
    """Every call of a run that failed, was gone on with and held; and of a portal used for all that it can do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "hdp-portal")
        engineer = Aws(Settings.from_environment()).acting(User("eve", "engineer"))
        _use(engineer, held_run, first_run, tmp_path_factory.mktemp("extract"))
    return calls.read(cloud.state / "cloud" / "calls.jsonl")


def _use(engineer, held_run, first_run, folder):
    clinician = engineer.acting(User("dr.lee", "clinician"))
    (folder / "patients.csv").write_text(
        "patient_id,birth_date,updated_at\nZ9,1980-01-01,2025-01-01T00:00:00Z\n"
    )
    batch = batches.import_folder(engineer, folder, uploader="eve")
    batches.list_batches(engineer)
    run = runs.start(engineer, [batch.batch_id], auto_publish=False)
    runs.running(engineer)
    while not runs.get(engineer, run.run_id).jobs:
        pass
    runs.stop(engineer, run.run_id)
    runs.plan(engineer, run.run_id)
    past = run_history.recent(engineer, 20)
    job = next(job for each in past for job in each.jobs)
    job_runs.log_lines(engineer, job.job_run_id, job.log_group)
    quality.results(engineer, held_run.run_id)
    quality.reconciliation(engineer, held_run.run_id)
    quality.audit(engineer, held_run.run_id)
    reviews.unmask(clinician, held_run.run_id, "patients", "PAT-M01", "to prove a permission")
    present = releases.current(engineer).release_id
    releases.publish(engineer, first_run.run_id, reason="to prove a permission")
    releases.list_releases(engineer)
    reviews.sign(clinician, first_run.run_id, "approve", "to prove a permission")
    releases.publish(engineer, present, reason="back")
    warehouse.ask(engineer, "SELECT count(*) AS n FROM dim_time")
    sql_queries.history(engineer)
    sql_queries.save(engineer, "to prove a permission", "SELECT 1")
    sql_queries.remove(engineer, sql_queries.saved(engineer)[0].query_id)
    sql_queries.bytes_at_most(engineer, "select * from dim_time", present)
    task = samples.begin_job(engineer, Options(patients=200_000, seed=3), uploader="eve")
    samples.job_state(engineer, task)
    samples.cancel_job(engineer, task)
    schedule.change(engineer, is_on=False, at=time(2), weekdays_only=False)
    schedule.subscribe(engineer, next(iter(schedule.topics())), "eve@hospital.org")
    schedule.subscriptions(engineer)


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_did_is_allowed_and_what_is_allowed_was_done(recorded, role):
    policy = ROLES[role]()
    done = {(action, bucket, key) for who, action, bucket, key in recorded if who == f"hdp-{role}"}
    assert done, "the role did nothing"
    refused = sorted({call for call in done if not _allows(policy, *call)})
    assert refused == []
    platform = OF_THE_PLATFORM.get(role, set()) | TAKES_TOO_LONG.get(role, set())
    if role.startswith("lambda"):
        platform = platform | OF_THE_PLATFORM["lambda"]
    if role in {"portal", "lambda-publish-release"}:
        platform = platform | OF_THE_PLATFORM["athena"]
    unused = (
        {action for actions, _ in policy for action in actions} - {action for action, *_ in done} - platform
    )
    assert unused == set()
