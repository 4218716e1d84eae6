"""Deliveries to incoming/: complete or not, imported once, refused with a notification."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws

from pipeline.contracts.model import load
from portal.batches import incoming
from portal.batches import service as batches
from portal.core.auth import User
from portal.core.clients import Clients
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.settings import Settings

BUCKET = "hdp-bronze"
LATER = timedelta(minutes=20)


def patients(*ids):
    names = [column.name for column in load("bronze", "patients").data_columns]
    filled = {"birth_date": "1980-01-01", "updated_at": "2025-01-01T00:00:00Z"}
    lines = [
        ",".join({**filled, "patient_id": key, "mrn": key}.get(name, "x") for name in names) for key in ids
    ]
    return "\n".join([",".join(names), *lines]).encode() + b"\n"


@pytest.fixture
def context(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        session = boto3.session.Session()
        session.client("s3").create_bucket(Bucket=BUCKET)
        topic = session.client("sns").create_topic(Name="failed")["TopicArn"]
        monkeypatch.setenv("HDP_TOPIC_FAILED_ARN", topic)
        queue = session.client("sqs").create_queue(QueueName="mail")["QueueUrl"]
        session.client("sns").subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:mail"
        )
        machine = session.client("stepfunctions").create_state_machine(
            name="hdp-pipeline",
            definition='{"StartAt": "a", "States": {"a": {"Type": "Succeed"}}}',
            roleArn="arn:aws:iam::123456789012:role/states",
        )["stateMachineArn"]
        made = Context(Settings("hdp", "hdp", machine, "incoming", "engineer"), Clients(lambda: session))
        made.client("sqs").queue = queue
        yield made


def deliver(context, folder, files, marker=True):
    for name, content in {**files, **({"_COMPLETE": b""} if marker else {})}.items():
        context.client("s3").put_object(Bucket=BUCKET, Key=f"incoming/{folder}/{name}", Body=content)


def keys(context, prefix="incoming/"):
    listed = context.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return [item["Key"].removeprefix("incoming/") for item in listed]


def runs(context):
    arn = context.settings.state_machine_arn
    listed = context.client("stepfunctions").list_executions(stateMachineArn=arn)["executions"]
    return [each["name"] for each in listed]


def mails(context):
    sqs = context.client("sqs")
    found = sqs.receive_message(QueueUrl=sqs.queue, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(json.loads(each["Body"])["Message"]) for each in found]


def test_a_complete_delivery_becomes_a_batch_and_starts_one_run(context):
    deliver(context, "ward/2026-01-31", {"patients.csv": patients("p1", "p2")})
    [outcome] = incoming.receive(context)
    [batch] = batches.list_batches(context)
    assert (outcome.outcome, outcome.batch_id) == ("imported", batch.batch_id)
    assert (batch.uploader, batch.rows) == ("delivery of ward", {"patients": 2})
    assert runs(context) == [f"arrival-{batch.batch_id}"]
    assert keys(context) == ["received/ward/2026-01-31/patients.csv"]
    assert incoming.receive(context) == []


def test_the_same_files_delivered_twice_do_nothing_twice(context):
    for name in ("first", "second"):
        deliver(context, f"ward/{name}", {"patients.csv": patients("p1")})
    assert [each.outcome for each in incoming.receive(context)] == ["imported", "known"]
    assert len(batches.list_batches(context)) == 1
    assert len(runs(context)) == 1


def test_a_delivery_without_a_marker_is_taken_after_a_quiet_time(context):
    deliver(context, "ward/a", {"patients.csv": patients("p1")}, marker=False)
    assert incoming.receive(context) == []
    assert keys(context) == ["ward/a/patients.csv"]
    [outcome] = incoming.receive(context, at=datetime.now(UTC) + LATER)
    assert outcome.outcome == "imported"


def test_what_cannot_be_read_is_moved_and_reported_without_its_content(context):
    deliver(context, "ward/bad", {"patients.csv": b"PAR1 Doe,Jane", "notes.txt": b"Jane Doe"})
    [outcome] = incoming.receive(context)
    assert outcome.outcome == "refused"
    assert outcome.reason == ("'patients.csv', the Parquet file is damaged or cut off. Copy it again.")
    assert keys(context) == ["refused/ward/bad/notes.txt", "refused/ward/bad/patients.csv"]
    [mail] = mails(context)
    assert (mail["delivery"], mail["cause"]) == ("ward/bad", outcome.reason)
    assert "Jane" not in json.dumps(mail)
    assert batches.list_batches(context) == []
    assert runs(context) == []


def test_a_zip_archive_is_a_delivery_of_its_files(context):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("export/patients.csv", patients("p1"))
    deliver(context, "ward/zip", {"export.zip": packed.getvalue()})
    assert [each.outcome for each in incoming.receive(context)] == ["imported"]
    assert [batch.rows for batch in batches.list_batches(context)] == [{"patients": 1}]


def test_two_tasks_at_once_import_a_delivery_once(context):
    deliver(context, "ward/a", {"patients.csv": patients("p1")})
    [delivery] = incoming._deliveries(context)
    assert incoming._claim(context, delivery)
    assert not incoming._claim(context, delivery)
    assert incoming.receive(context) == []
    [outcome] = incoming.receive(context, at=datetime.now(UTC) + timedelta(hours=2))
    assert outcome.outcome == "imported"


def test_a_task_that_died_after_the_import_still_starts_the_run(context):
    deliver(context, "ward/a", {"patients.csv": patients("p1")})
    [delivery] = incoming._deliveries(context)
    incoming._import(context, delivery)
    [outcome] = incoming.receive(context)
    assert outcome.outcome == "known"
    assert runs(context) == [f"arrival-{outcome.batch_id}"]


def test_runs_are_started_elsewhere_if_the_installation_says_so(context):
    deliver(context, "ward/a", {"patients.csv": patients("p1")})
    assert [each.outcome for each in incoming.receive(context, start_runs=False)] == ["imported"]
    assert runs(context) == []


def test_only_roles_that_import_receive(context):
    with pytest.raises(ServiceError, match="Analysts cannot import data"):
        incoming.receive(context.on_behalf_of(User("ann", "analyst")))
