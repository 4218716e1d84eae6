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
from contextlib import contextmanager
from datetime import time
from fnmatch import fnmatchcase

import pytest

from infra.local import arns, calls
from infra.local.calls import Call
from infra.local.history import HistoryStore
from infra.local.provision import FUNCTIONS
from pipeline.contracts import model
from pipeline.contracts.glue import location
from pipeline.data_generator import Options
from pipeline.lake.store import read_json, write_json
from pipeline.lake.uris import split
from pipeline.releases.model import Release, write
from pipeline.releases.retention import remove
from portal.athena import client as athena_client
from portal.athena import sql_queries
from portal.audit import service as audit_log
from portal.audit.service import Search
from portal.batches import lifecycle, samples
from portal.batches import service as batches
from portal.core.auth import User
from portal.core.context import Context
from portal.core.settings import Settings
from portal.people import service as people
from portal.quality import results as quality
from portal.releases import service as releases
from portal.reviews import commands as reviews
from portal.reviews import read_model, sign_off
from portal.runs import history as run_history
from portal.runs import job_runs, schedule
from portal.runs import service as runs
from tests.infra.terraform.policies import refused, unused
from tests.support import lakes
from tests.support.lambda_calls import answering, call, configured, never_started
from tests.support.own_lake import own_lake
from tests.support.tokens import key_set

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

TAKES_TOO_LONG = {"lambda-check-glue-job-status": {("glue:BatchStopJobRun", "*:job/*")}}
"""A job that has outlived its timeout by a quarter of an hour is stopped: no run of a test waits for that."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Every call of a run that failed, was resumed and held; and of a portal used for all that it can do.

    In a cloud that no other test uses: some ask for what the product never asks for.
    """
    state = tmp_path_factory.mktemp("recorded") / "state"
    history = lakes.copy(state)
    with own_lake(state) as own:
        portal = own.aws
        with key_set(portal), _another_release(portal), pytest.MonkeyPatch.context() as patch:
            for name, value in calls.caller(os.environ, "hdp-portal").items():
                patch.setenv(name, value)
            engineer = Context(Settings.from_environment()).on_behalf_of(User("eve", "engineer"))
            _use(engineer, history.held, history.first, tmp_path_factory.mktemp("extract"))
        _let_the_clock_call(portal)
        seen = [
            each
            for each in calls.read(state / "cloud" / "calls.jsonl")
            if not any(place.endswith(":stateMachine:idle") for place in each.resources)  # a test's stand-in
        ]
        return [*seen, *_of_athena(state, portal.lake), *_of_spark(state, portal.lake)]


ANOTHER = "another"


@contextmanager
def _another_release(portal):
    """A release to publish; afterwards all is as it was."""
    s3, lake = portal.client("s3"), portal.lake
    published, _ = read_json(s3, lake.current_release())
    batches_seen = releases.get(portal, published["release_id"]).batch_ids
    another = Release(ANOTHER, ANOTHER, batches_seen, "publish", published["published_at"])
    write(s3, lake, another)
    yield
    write_json(s3, lake.current_release(), published)
    remove(s3, lake, another)


def _use(engineer, held_run, first_run, folder):
    clinician = engineer.on_behalf_of(User("dr.lee", "clinician"))
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
    for job in {job.job: job for each in past for job in each.jobs}.values():
        job_runs.log_lines(engineer, job.job_run_id, job.log_group)
        engineer.client("glue").batch_stop_job_run(
            JobName=engineer.lake.job(job.job), JobRunIds=[job.job_run_id]
        )
    found = quality.results(engineer, held_run.run_id)
    quality.reconciliation(engineer, held_run.run_id)
    quality.audit(engineer, held_run.run_id)
    failing = found[found["failed"] > 0]
    for table, rule in zip(failing["table_name"], failing["rule_id"], strict=True):
        quality.failing_rows(engineer, held_run.run_id, table, rule)
    quality.quarantined_rows(engineer, held_run.run_id, "patients")
    reviews.unmask(clinician, held_run.run_id, "patients", "PAT-M01", 0, "to prove a permission")
    present = releases.current(engineer).release_id
    releases.publish(engineer, ANOTHER, reason="to prove a permission")
    releases.list_releases(engineer)
    review, made = read_model.of_run(clinician, first_run.run_id), releases.get(clinician, first_run.run_id)
    confirmed = sign_off.outstanding(clinician, review, made).code
    sign_off.sign(clinician, first_run.run_id, "approve", "to prove a permission", confirmed=confirmed)
    lifecycle.list_states(engineer)
    releases.publish(engineer, present, reason="back")
    people.grant(engineer.on_behalf_of(User("ada", "administrator")), "kim", ["viewer"], reason="to prove")
    audit_log.search(engineer.on_behalf_of(User("pat", "privacy_officer")), Search.last_days(1))
    athena_client.run_query(engineer, "SELECT count(*) AS n FROM dim_time")
    athena_client.run_query(
        engineer,
        f"SELECT count(*) AS n FROM {athena_client.release_table(engineer, 'dim_time', present)} AS t",
    )
    read_json(engineer.client("s3"), engineer.lake.sign_in_keys())
    sql_queries.history(engineer)
    sql_queries.save(engineer, "to prove a permission", "SELECT 1")
    sql_queries.remove(engineer, sql_queries.list_saved(engineer)[0].query_id)
    sql_queries.estimate_scan(
        engineer, sql_queries.validate(engineer, "select * from dim_time", present), present
    )
    sql_queries.run(engineer, "select * from rule_result")
    sql_queries.cancel(engineer, sql_queries.start(engineer, "select 1", present))
    task = samples.start_job(engineer, Options(patients=200_000, seed=3))
    samples.job_state(engineer, task)
    samples.cancel_job(engineer, task)
    schedule.change(engineer, is_on=False, at=time(2), weekdays_only=False)
    for topic in schedule.topics():
        schedule.subscribe(engineer, topic, "eve@hospital.org")
    schedule.subscriptions(engineer)


def _let_the_clock_call(portal):
    """Each function that the clock calls, with something to do."""
    s3, lake = portal.client("s3"), portal.lake
    gone, follower = (
        Release(name, name, [], "publish", f"2001-01-0{day}T00:00:00Z")
        for day, name in enumerate(("gone", "gone-too"), 1)
    )
    for each in (gone, follower):
        write(s3, lake, each)
    bucket, prefix = split(lake.gold_release("dim_time", gone.release_id))
    s3.put_object(Bucket=bucket, Key=f"{prefix}part.parquet", Body=b"rows")
    call(portal, "expire_releases")
    remove(s3, lake, follower)
    call(portal, "watch_schedule")
    with never_started(portal, hours=2):
        call(portal, "watch_schedule")
    with (
        answering(b'{"keys": [1]}') as keys,
        configured(portal, "refresh_sign_in_keys", HDP_SIGN_IN_KEYS=keys),
    ):
        call(portal, "refresh_sign_in_keys")
    bucket, key = split(lake.sign_in_keys())
    s3.delete_object(Bucket=bucket, Key=key)


# what Athena does for whoever asks


def _of_athena(state, lake):
    """Of each query what AWS documents: the catalog's tables and the files below them, and the results."""
    groups = {lake.workgroup: ("portal", "lambda-publish-release"), lake.review_workgroup: ("review",)}
    store = HistoryStore(state / "cloud" / "history.sqlite")
    for _, query in store.all("query"):
        for role in groups.get(query["workgroup"], ()):
            is_view = query["sql"].startswith("CREATE")
            if is_view or role != "lambda-publish-release":
                yield from _of_query(f"{lake.prefix}-{role}", query, lake, is_view)
    store.close()


def _of_query(role, query, lake, is_view):
    yield Call(role, "glue:GetDatabase", (arns.arn("glue", "catalog"), arns.arn("glue", "database/default")))
    bucket, key = split(query["output"])
    yield Call(role, "s3:GetBucketLocation", (arns.of_s3(bucket, ""),))
    yield Call(role, "s3:PutObject", (arns.of_s3(bucket, key),))
    yield Call(role, "s3:GetObject", (arns.of_s3(bucket, key),))
    for database, table in re.findall(r'"(\w+)"\."(\w+)"', query["sql"]):
        place = (arns.arn("glue", "catalog"), arns.arn("glue", f"database/{database}"))
        yield Call(role, "glue:GetDatabase", place)
        place = (*place, arns.arn("glue", f"table/{database}/{table}"))
        yield Call(role, "glue:GetTable", place)
        if is_view:
            changes = ("glue:CreateTable", "glue:UpdateTable") if database == lake.database("gold") else ()
            yield from (Call(role, action, place) for action in changes)
        elif database != lake.database("gold"):  # its views have no partitions and no files
            yield Call(role, "glue:GetPartitions", place)
            yield from _of_files(role, database, table, lake)


def _of_files(role, database, table, lake):
    """The folder of a table is listed, its files are read."""
    zone = "gold" if database == lake.database("gold_releases") else database.rpartition("_")[2]
    contract = next(c for c in model.all_contracts() if (c.zone, c.table) == (zone, table))
    bucket, prefix = split(location(contract, lake))
    yield Call(role, "s3:ListBucket", (arns.of_s3(bucket, ""),))
    yield Call(role, "s3:GetObject", (arns.of_s3(bucket, f"{prefix}part.parquet"),))


# what Spark does in the jobs' name, as the files show


def _of_spark(state, lake):
    written = [lake.bucket(zone) for zone in ("silver", "gold")]
    quarantine = [lake.quarantine_table(table) for table in ("patients", "encounters", "medications")]
    folders = [(bucket, "") for bucket in written] + [split(place) for place in quarantine]
    role = f"{lake.prefix}-glue"
    for bucket, prefix in folders:
        for path in (state / "s3" / bucket / prefix).rglob("*.parquet"):
            place = arns.of_s3(bucket, path.relative_to(state / "s3" / bucket).as_posix())
            for action in ("s3:PutObject", "s3:DeleteObject", "s3:GetObject"):  # _temporary comes and goes
                yield Call(role, action, (place,))
        yield Call(role, "s3:ListBucket", (arns.of_s3(bucket, ""),))
    yield Call(role, "s3:GetObject", (arns.of_s3(*split(f"{lake.reconciliation('r')}part-0.parquet")),))
    for action in ("s3:GetObject", "s3:PutObject"):  # a batch is read; a large sample is written
        yield Call(role, action, (arns.of_s3(lake.bucket("bronze"), "patients/batch_id=b/part.csv"),))
    yield Call(role, "s3:ListBucket", (arns.of_s3(lake.bucket("bronze"), ""),))
    # Glue fetches the script and the package in the role's name
    yield Call(role, "s3:GetObject", (arns.of_s3(*split(lake.wheel())),))
    yield Call(role, "s3:GetObject", (arns.of_s3(*split(lake.script("quality/audit.py"))),))
    yield Call(role, "s3:ListBucket", (arns.of_s3(lake.bucket("code"), ""),))


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_did_is_allowed_and_what_is_allowed_was_done(plan, recorded, role):
    policy = plan.policies[ROLES[role]]
    done = [call for call in recorded if call.role == f"hdp-{role}"]
    assert done, "the role did nothing"
    assert refused(policy, done) == []
    known = AWS_ALONE.get(role, set()) | TAKES_TOO_LONG.get(role, set())
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
