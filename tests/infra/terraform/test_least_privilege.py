"""Least privilege, proven by a run: what each role did on the laptop against what its policy in Terraform
allows, as the real terraform renders it, resource by resource and both ways.

The laptop cloud records each call with the role whose key signed it. What Athena and Spark do in a role's
name never reaches an endpoint of ours: it is told from the queries that were asked and from the files that
lie there. What AWS alone does, no laptop shows: it is listed with its reason.
"""

from __future__ import annotations

import json
import os
import re
from fnmatch import fnmatchcase

import pytest

from infra.local import arns, calls
from infra.local.calls import Call
from infra.local.provision import FUNCTIONS
from portal.core.auth import User
from portal.core.context import Context
from portal.core.settings import Settings
from tests.infra.terraform.policies import refused, unused
from tests.support import lakes
from tests.support.lambda_calls import answering, configured
from tests.support.own_lake import own_lake
from tests.support.portal_used import another_release, let_the_clock_call, use
from tests.support.tokens import key_set, pem
from tests.support.unrecorded_calls import of_athena, of_spark

ATHENA = {"portal", "review", "lambda-publish-release"}
LAMBDAS = {f"lambda-{name.replace('_', '-')}": f'lambda["{name}"]' for name in FUNCTIONS}
ROLES = {"glue": "glue", "portal": "portal", "review": "review", **LAMBDAS}
"""By role the policy document in Terraform that is its."""

KEY = {("kms:Decrypt", "*"), ("kms:GenerateDataKey", "*")}
"""S3, SNS, Step Functions and Scheduler use the key in the name of whoever calls them."""

AWS_ALONE = {
    **dict.fromkeys(
        LAMBDAS,
        KEY
        | {
            ("logs:CreateLogStream", "*"), ("logs:PutLogEvents", "*"),  # Lambda writes a function's log,
            ("xray:PutTraceSegments", "*"), ("xray:PutTelemetryRecords", "*"),  # its traces,
            ("sqs:SendMessage", "*dead-letters"),  # and puts down calls that failed
        },
    ),
    # Glue writes a job's log, and encrypts it and its bookmarks
    "glue": KEY | {("kms:Encrypt", "*"), *((f"logs:{name}", "*:log-group:/hdp/jobs/*") for name in (
        "CreateLogGroup", "CreateLogStream", "PutLogEvents"))},
    # an upload that breaks off half-way; Scheduler asks about the key in the name of who changes a schedule
    "portal": KEY | {("s3:AbortMultipartUpload", "*-bronze/*"), ("kms:DescribeKey", "*")},
    "review": KEY,
}  # fmt: skip
"""By role the actions that AWS takes in its name out of our sight, and on what."""

IN_PARTS = {
    ("s3:AbortMultipartUpload", "*"),
    ("s3:ListMultipartUploadParts", "*"),
    ("s3:ListBucketMultipartUploads", "*"),
}
"""Athena writes results in parts, S3A tables."""

for _role in ("portal", "review", "lambda-publish-release"):
    AWS_ALONE[_role] = AWS_ALONE[_role] | IN_PARTS | {
        ("s3:ListBucket", "*-results"), ("glue:GetPartition", "*"),
        ("glue:BatchGetPartition", "*")}  # fmt: skip
AWS_ALONE["glue"] |= IN_PARTS | {("cloudwatch:PutMetricData", "*")}

NOT_DONE_HERE = {
    "lambda-check-glue-job-status": {("glue:BatchStopJobRun", "*:job/*")},
    "glue": {("glue:BatchDeletePartition", "*")},
}
"""Actions that no run of a test needs.

A job that has outlived its timeout by a quarter of an hour is stopped. A fact's job that is repeated after
an upgrade replaces the partitions of months that it writes now and shared before.
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Every call of a run that failed, was resumed and held; and of a portal used for all that it can do.

    In a cloud that no other test uses: some ask for what the product never asks for.
    """
    state = tmp_path_factory.mktemp("recorded") / "state"
    history = lakes.copy(state)
    with own_lake(state) as own:
        portal = own.aws
        with (
            key_set(portal),
            another_release(portal),
            answering(pem().encode()) as url,
            configured(portal, "refresh_sign_in_keys", HDP_BALANCER_KEYS=url),
            pytest.MonkeyPatch.context() as patch,
        ):
            for name, value in calls.caller(os.environ, "hdp-portal").items():
                patch.setenv(name, value)
            engineer = Context(Settings.from_environment()).on_behalf_of(User("eve", "engineer"))
            use(engineer, history.held, history.first, tmp_path_factory.mktemp("extract"))
        let_the_clock_call(portal)
        seen = [
            each
            for each in calls.read(state / "cloud" / "calls.jsonl")
            if not any(place.endswith(":stateMachine:idle") for place in each.resources)  # a test's stand-in
        ]
        return [*seen, *of_athena(state, portal.lake), *of_spark(state, portal.lake)]


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_did_is_allowed_and_what_is_allowed_was_done(plan, recorded, role):
    policy = plan.policies[ROLES[role]]
    done = [call for call in recorded if call.role == f"hdp-{role}"]
    assert done, "the role did nothing"
    assert refused(policy, done) == []
    known = AWS_ALONE.get(role, set()) | NOT_DONE_HERE.get(role, set())
    left = {
        (action, place)
        for action, place in unused(policy, done)
        if not any(action == which and fnmatchcase(place, where) for which, where in known)
    }
    assert not left, "\n".join(" ".join(pair) for pair in sorted(left))


# roles that AWS's services take on themselves: what they are there for stands in the plan


def _allowed(plan, name, without=("kms:", "xray:", "logs:")):
    return {
        (action, place) for action, place in unused(plan.policies[name], []) if not action.startswith(without)
    }


def test_the_state_machine_may_call_the_functions_that_its_definition_names_and_no_other(plan):
    definition = plan.resources["aws_sfn_state_machine.pipeline"]["definition"]
    named = set(re.findall(r"arn:aws:lambda:[^\"]+", definition))
    assert len(named) > 4
    assert _allowed(plan, "states") == {("lambda:InvokeFunction", each) for each in named}


def test_the_scheduler_may_start_what_its_schedules_start_and_no_more(plan, portal):
    targets = [values["target"][0] for values in plan.all_of("aws_scheduler_schedule")]
    assert len(targets) == 4
    machine = portal.settings.state_machine_arn
    functions = {
        arns.arn("lambda", f"function:{values['name']}")
        for address, values in plan.resources.items()
        if address.startswith("aws_scheduler_schedule.timed")
    }
    assert _allowed(plan, "scheduler") == {
        ("states:StartExecution", machine),
        ("sqs:SendMessage", arns.arn("sqs", "hdp-schedule-dead-letters")),
        *(("lambda:InvokeFunction", each) for each in functions),
    }


def test_an_arriving_batch_may_start_the_pipeline_and_no_more(plan, portal):
    assert _allowed(plan, "arrival") == {("states:StartExecution", portal.settings.state_machine_arn)}


def test_a_delivery_may_start_the_portals_task_and_no_more(plan):
    assert _allowed(plan, "incoming") == {
        ("ecs:RunTask", arns.arn("ecs", "task-definition/hdp-portal:*")),
        *(
            ("iam:PassRole", f"arn:aws:iam::{arns.ACCOUNT}:role/hdp-{role}")
            for role in ("portal", "portal-execution")
        ),
    }


def test_what_starts_a_task_may_fetch_what_the_task_names(plan):
    [task] = plan.all_of("aws_ecs_task_definition")
    [container] = json.loads(task["container_definitions"])
    [secret] = container["secrets"]
    repository = container["image"].rpartition(":")[0].rpartition("/")[2]
    image = arns.arn("ecr", f"repository/{repository}")
    assert _allowed(plan, "execution", ("kms:",)) == {
        ("ecr:GetAuthorizationToken", "*"),
        ("secretsmanager:GetSecretValue", secret["valueFrom"]),
        *((f"ecr:{name}", image) for name in ("BatchCheckLayerAvailability", "BatchGetImage",
                                              "GetDownloadUrlForLayer")),
        *((f"logs:{name}", arns.arn("logs", "log-group:/hdp/portal:*")) for name in ("CreateLogStream",
                                                                                     "PutLogEvents")),
    }  # fmt: skip


# who a patient is


def test_only_the_review_role_reaches_rows_that_tell_who_a_patient_is(plan):
    places = [
        "arn:aws:s3:::hdp-silver/patients/batch_id=b/part.parquet",
        "arn:aws:s3:::hdp-quality/quarantine/patients/run_id=r/part.parquet",
        "arn:aws:s3:::hdp-bronze/patients/batch_id=b/patients.csv",
        "arn:aws:s3:::hdp-results/review/answer.csv",
    ]

    def reads(name):
        return [
            place
            for place in places
            if not refused(plan.policies[name], [Call("", "s3:GetObject", (place,))])
        ]

    assert reads("portal") == []
    assert reads("review") == [places[0], places[1], places[3]]
    assert reads('lambda["publish_release"]') == []
    names = ("silver/patients", "quality/quarantine_patients", "bronze/patients")
    tables = [arns.arn("glue", f"table/hdp_{name}") for name in names]
    for table in tables:
        assert refused(plan.policies["portal"], [Call("", "glue:GetTable", (table,))])


def test_only_the_portal_takes_on_the_review_role_and_in_the_persons_name(plan, recorded, cloud):
    [trust] = plan.policies["review_trust"]["Statement"]
    assert trust["Principal"] == {"AWS": arns.arn("iam", "role/hdp-portal").replace(":us-east-1:", "::")}
    took = [call for call in recorded if call.action == "sts:AssumeRole"]
    assert {call.role for call in took} == {"hdp-portal"}
    portal_asked = [
        resource
        for call in recorded
        if call.role == "hdp-portal" and call.action.startswith("athena:")
        for resource in call.resources
    ]
    assert set(portal_asked) == {arns.arn("athena", "workgroup/hdp-portal")}


def test_the_portal_appends_to_the_audit_log_but_overwrites_and_deletes_no_event(plan):
    event = arns.of_s3("hdp-quality", "audit_log/2026-11-28/124501000000-unmask-1a2b.json")
    appends = Call("hdp-portal", "s3:PutObject", (event,), {"s3:if-none-match": "*"})
    overwrites = Call("hdp-portal", "s3:PutObject", (event,))
    deletes = Call("hdp-portal", "s3:DeleteObject", (event,))
    assert refused(plan.policies["portal"], [appends]) == []
    for forbidden in (overwrites, deletes):
        assert refused(plan.policies["portal"], [forbidden]) == [(forbidden.action, event)]
    others = [name for role, name in ROLES.items() if role != "portal"]
    assert all(refused(plan.policies[name], [appends]) for name in others)
