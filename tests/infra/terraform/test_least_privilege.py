"""Least privilege, proven by a run: what each role did on the laptop against what its policy in Terraform allows,
as the real terraform renders it.

The laptop cloud writes down each call with the access key that signed it; services sign with their role's name.
"""

from __future__ import annotations

from datetime import time
from fnmatch import fnmatchcase

import pytest

from infra.local import calls
from infra.local.provision import FUNCTIONS
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

OF_THE_PLATFORM = {
    "glue": {
        # Spark reads and writes S3 itself, on a laptop as files; the runtime writes logs and decrypts
        "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket",
        "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:AssociateKmsKey",
        "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey",
    },
    "lambda": {"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTraceSegments", "xray:PutTelemetryRecords",
               "kms:Decrypt", "kms:GenerateDataKey", "sqs:SendMessage"},
    # Athena reads the catalog and writes results on behalf of whoever asks; S3 and Scheduler use the key
    "athena": {"glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:GetPartitions", "glue:CreateTable",
               "glue:UpdateTable", "s3:GetBucketLocation", "s3:PutObject", "s3:GetObject", "s3:ListBucket"},
    "portal": {"kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey", "iam:PassRole", "s3:AbortMultipartUpload"},
}  # fmt: skip
"""Actions that AWS's own services take in the role's name, which no endpoint of ours can see."""

TAKES_TOO_LONG = {"lambda-check-glue-job-status": {"glue:BatchStopJobRun"}}
"""A job that has outlived its timeout by a quarter of an hour is stopped: no run of a test waits for that."""


def _statements(policy):
    for statement in policy["Statement"]:
        actions, resources = statement["Action"], statement["Resource"]
        yield (
            [actions] if isinstance(actions, str) else actions,
            [resources] if isinstance(resources, str) else resources,
        )


def _allows(policy, action, bucket, key):
    place = f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"
    for actions, resources in _statements(policy):
        if action in actions and (
            not action.startswith("s3:") or any(fnmatchcase(place, pattern) for pattern in resources)
        ):
            return True
    return False


ROLES = {
    "glue": "glue",
    "portal": "portal",
    **{f"lambda-{name.replace('_', '-')}": f'lambda["{name}"]' for name in FUNCTIONS},
}
"""By role the policy document in Terraform that is its."""


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
    sql_queries.bytes_at_most(
        engineer, sql_queries.checked(engineer, "select * from dim_time", present), present
    )
    sql_queries.ask(engineer, "select * from rule_result")
    sql_queries.cancel(engineer, sql_queries.begin(engineer, "select 1", present))
    task = samples.begin_job(engineer, Options(patients=200_000, seed=3))
    samples.job_state(engineer, task)
    samples.cancel_job(engineer, task)
    schedule.change(engineer, is_on=False, at=time(2), weekdays_only=False)
    schedule.subscribe(engineer, next(iter(schedule.topics())), "eve@hospital.org")
    schedule.subscriptions(engineer)


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_did_is_allowed_and_what_is_allowed_was_done(plan, recorded, role):
    policy = plan.policies[ROLES[role]]
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
        {action for actions, _ in _statements(policy) for action in actions}
        - {action for action, *_ in done}
        - platform
    )
    assert unused == set()
