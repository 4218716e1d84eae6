"""A small lake in memory (moto's S3), written by hand: one batch, one release, review and audit events."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
from moto import mock_aws

from pipeline.contracts.glue import database, table_input
from pipeline.contracts.model import all_contracts
from pipeline.lake.uris import DATABASES, ZONES, Lake, split
from pipeline.releases import files
from pipeline.releases import model as release_model
from pipeline.releases.model import Release
from pipeline.reviews import log as review_log
from pipeline.reviews.events import new_event
from portal.audit import service as audit_log
from portal.core.auth import Role, User
from portal.core.context import Context
from portal.core.settings import Settings

BATCH, RUN = "20260101T000000-aaaaaaaa", "run-1"
CSV = b"patient_id,birth_date,updated_at\nP1,1980-01-01,2025-01-01\nP2,1990-01-01,2025-01-01\nP3,,\n"


def parquet(rows: list[dict]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


@contextmanager
def moto(monkeypatch, prefix: str = "hdp", versioned: bool = False) -> Iterator[Context]:
    """Start moto in this process, with the buckets, tables and secret of an empty lake."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        lake = Lake(prefix)
        machine = boto3.client("stepfunctions").create_state_machine(
            name=lake.state_machine, definition="{}", roleArn="arn:aws:iam::123456789012:role/states"
        )["stateMachineArn"]
        context = Context(Settings(prefix, prefix, machine, "eve", "engineer"))
        for zone in ZONES:
            context.client("s3").create_bucket(
                Bucket=lake.bucket(zone), ObjectLockEnabledForBucket=zone == "quality"
            )
            if versioned:
                state = {"Status": "Enabled"}
                context.client("s3").put_bucket_versioning(
                    Bucket=lake.bucket(zone), VersioningConfiguration=state
                )
        for name in DATABASES:
            context.client("glue").create_database(DatabaseInput={"Name": lake.database(name)})
        for contract in all_contracts():
            context.client("glue").create_table(
                DatabaseName=database(contract, lake), TableInput=table_input(contract, lake)
            )
        context.client("secretsmanager").create_secret(
            Name=lake.pseudonym_secret, SecretString=f"of {prefix}"
        )
        yield context


def acting(context: Context, name: str, role: Role) -> Context:
    return context.on_behalf_of(User(name, role))


def put(context: Context, uri: str, body: bytes | dict) -> None:
    bucket, key = split(uri)
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    context.client("s3").put_object(Bucket=bucket, Key=key, Body=content)


def fill(context: Context) -> None:
    """Write a batch of three rows, of which one is quarantined, its published release and some events."""
    lake, s3 = context.lake, context.client("s3")
    key = f"patients/batch_id={BATCH}/patients.csv"
    put(context, f"s3://{lake.bucket('bronze')}/{key}", CSV)
    entry = {
        "key": key,
        "name": "p.csv",
        "rows": 3,
        "bytes": len(CSV),
        "sha256": hashlib.sha256(CSV).hexdigest(),
    }
    manifest = {
        "batch_id": BATCH,
        "source": "native",
        "received_at": "2026-01-01T00:00:00Z",
        "uploader": "eve",
        "content_sha256": "c",
        "tables": {"patients": {"files": [entry], "ignored_columns": []}},
    }
    put(context, lake.manifest(BATCH), manifest)
    put(
        context,
        f"{lake.silver_batch('patients', BATCH)}a.parquet",
        parquet([{"patient_id": p} for p in ("P1", "P2")]),
    )
    put(context, f"{lake.silver_complete('patients')}{BATCH}", b"")
    put(context, f"{lake.snapshot('patients', RUN)}a.parquet", parquet([{"patient_id": "P1"}]))
    refused = [{"batch_id": BATCH, "record_key": "P3", "raw": "P3,,"}]
    put(context, f"{lake.quarantine('patients', RUN)}stage=silver/a.parquet", parquet(refused))
    counts = {"table_name": "patients", "batch_id": BATCH, "received": 3, "loaded": 2, "quarantined": 1}
    put(context, f"{lake.reconciliation(RUN)}job=j/part-0.parquet", parquet([counts]))
    put(
        context,
        f"{lake.results(RUN)}job=j/part-0.parquet",
        parquet([{"rule_id": "R", "sample_keys": ["P3"]}]),
    )
    plan = {
        "run_id": RUN,
        "batch_ids": [BATCH],
        "release_batch_ids": [BATCH],
        "started_at": "2026-01-01T00:01:00Z",
    }
    put(
        context,
        lake.run_plan(RUN),
        {**plan, "started_by": "eve", "parent_release_id": None, "time_zone": "UTC"},
    )
    put(
        context,
        f"{lake.gold_release('dim_patient', RUN)}a.parquet",
        parquet([{"patient_key": 1}, {"patient_key": 2}]),
    )
    files.record_gold(s3, lake, RUN, "dim_patient")
    month = f"{lake.gold_release('fact_encounter', RUN)}admitted_month=2025-01/a.parquet"
    put(context, month, parquet([{"encounter_key": 1}]))
    files.record_gold(s3, lake, RUN, "fact_encounter")
    put(context, lake.audit(RUN), {"decision": "publish"})
    recorded = files.of_run(s3, lake, RUN)
    made = "2026-01-01T00:02:00Z"
    rows = {"dim_patient": 2, "fact_encounter": 1}
    release_model.write(s3, lake, Release(RUN, RUN, [BATCH], "publish", made, rows, files=recorded))
    put(
        context,
        lake.current_release(),
        {"release_id": RUN, "published_at": made, "published_by": "p", "reason": ""},
    )
    for kind in ("rows_unmasked", "rows_unmasked"):
        log = review_log.read(s3, lake)
        review_log.append(s3, lake, log, new_event("lee", "clinician", kind, {"run_id": RUN}, {}))
    audit_log.record(context, "publish", {"release": RUN}, reason="it passed")
