"""A portal used for all that it can do, and each function that the clock calls with something to do."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import time

from pipeline.data_generator import Options
from pipeline.lake.store import read_json, write_json
from pipeline.lake.uris import split
from pipeline.releases.model import Release, all_releases, write
from pipeline.releases.retention import remove
from portal.athena import client as athena_client
from portal.athena import estimates, sql_queries
from portal.audit import service as audit_log
from portal.audit.service import Search
from portal.batches import incoming, lifecycle, samples, staging
from portal.batches import service as batches
from portal.batches.mapping import service as mapping
from portal.batches.mapping import store as mappings
from portal.batches.source_file import SourceFile
from portal.core import numbers, sign_in
from portal.core.auth import User
from portal.dashboards import shared_notes
from portal.people import service as people
from portal.quality import results as quality
from portal.releases import service as releases
from portal.reviews import commands as reviews
from portal.reviews import read_model, sign_off
from portal.reviews.entry import append_event, finding_subject
from portal.runs import history as run_history
from portal.runs import job_runs, schedule
from portal.runs import service as runs
from tests.support.lambda_calls import answering, call, configured, never_started

ANOTHER = "another"
NEW_KEY_ID = "00000000-0000-4000-8000-000000000000"
"""A key of the load balancer that is not in the lake yet."""


@contextmanager
def another_release(portal):
    """A release to publish; afterwards all is as it was."""
    s3, lake = portal.client("s3"), portal.lake
    published, _ = read_json(s3, lake.current_release())
    batches_seen = releases.get(portal, published["release_id"]).batch_ids
    another = Release(ANOTHER, ANOTHER, batches_seen, "publish", published["published_at"])
    write(s3, lake, another)
    yield
    write_json(s3, lake.current_release(), published)
    remove(s3, portal.client("glue"), lake, another, all_releases(s3, lake))


def use(engineer, held_run, first_run, folder):
    """Call each service at least once; `another_release` is there to publish."""
    clinician = engineer.on_behalf_of(User("dr.lee", "clinician"))
    (folder / "patients.csv").write_text(
        "patient_id,birth_date,updated_at\nZ9,1980-01-01,2025-01-01T00:00:00Z\n"
    )
    batch = batches.import_folder(engineer, folder, uploader="eve")
    upload = staging.begin(engineer)
    upload.write(b"patient_id,birth_date,updated_at\nZ8,1980-01-01,2025-01-01T00:00:00Z\n")
    staged = upload.finish("patients.csv")
    batches.import_files(engineer, [staging.source_file(engineer, staged)], uploader="eve")
    staging.discard(engineer, staged)
    renamed = SourceFile.from_bytes("people.csv", b"Pt,Born\nZ7,1980-01-01\n")
    step = mapping.steps(engineer, [renamed])[0]
    saved = mappings.save(engineer, "people.csv", step.proposal.mapping())
    mappings.withdraw(engineer, saved.mapping_id, reason="for a test")
    batches.list_batches(engineer)
    for name, content in {"patients.csv": b"PAR1", "_COMPLETE": b""}.items():
        bucket, prefix = split(engineer.lake.incoming())
        engineer.client("s3").put_object(Bucket=bucket, Key=f"{prefix}lab/a/{name}", Body=content)
    incoming.receive(engineer, start_runs=False)
    run = runs.start(engineer, [batch.batch_id], auto_publish=False)
    numbers.number(engineer, "run", run.run_id, lambda: [run.run_id])
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
    late = {**finding_subject(held_run.run_id, "patients", "PAT-M01"), "query_id": "Q-late"}
    asked = {"text": "Why?", "assignee": "", "due": "2020-01-01", "record_keys": []}
    append_event(clinician, "query_opened", late, asked, None)
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
    shared_notes.annotate(engineer, "2025-03", "to prove a permission")
    sign_in.read_keys(engineer)
    sign_in.read_balancer_key(engineer, NEW_KEY_ID)
    sql_queries.history(engineer)
    sql_queries.save(engineer, "to prove a permission", "SELECT 1")
    sql_queries.remove(engineer, sql_queries.list_saved(engineer)[0].query_id)
    estimates.estimate_scan(
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
        schedule.send_test(engineer, topic)
    for subscription in schedule.subscriptions(engineer):
        schedule.unsubscribe(engineer, subscription.arn)
    numbers.number(engineer, "release", present, lambda: releases.ids(engineer))
    numbers.number(engineer, "batch", batch.batch_id, lambda: batches.ids(engineer))


def let_the_clock_call(portal):
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
    partition = {"Values": [gone.release_id], "StorageDescriptor": {"Location": f"s3://{bucket}/{prefix}"}}
    portal.client("glue").create_partition(
        DatabaseName=lake.database("gold_releases"), TableName="dim_time", PartitionInput=partition
    )
    call(portal, "expire_releases")
    remove(s3, portal.client("glue"), lake, follower, all_releases(s3, lake))
    with configured(portal, "watch_schedule", HDP_FRESH_HOURS='{"eve": 1}'):
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
