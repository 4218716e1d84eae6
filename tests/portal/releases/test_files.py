"""Changed files of a release are found before it is published; a copied lake keeps its approvals."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pandas as pd
import pytest

from pipeline.lake.uris import split
from pipeline.releases import files
from pipeline.releases import model as release
from pipeline.releases import publish as publishing
from pipeline.releases.model import Release
from pipeline.reviews import log as log_module
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.quality import results as quality
from portal.releases import service as releases
from portal.releases import signatures
from portal.reviews import read_model as review_log
from portal.reviews import sign_off

NAME = "gold/dim_time/release_id=r1/part-0.parquet"


def _context(portal, prefix, user, role):
    settings = replace(portal.settings, prefix=prefix, buckets=prefix, user=user, role=role)
    return Context(settings, portal._clients)


@pytest.fixture
def lee(portal, lake_prefix, monkeypatch):
    """A clinician at a lake with one held release: a file of gold, rule results and an audit."""
    monkeypatch.setattr(publishing, "view_refresher", lambda *_: str)
    monkeypatch.setattr(sign_off, "_notify", lambda *_: "")
    passed = {"table_name": "patients", "rule_id": "X-1", "severity": "block", "status": "pass"}
    monkeypatch.setattr(quality, "results", lambda *_: pd.DataFrame([passed]))
    aws = _context(portal, lake_prefix, "dr.lee", "clinician")
    for zone in ("gold", "quality", "bronze"):
        aws.client("s3").create_bucket(Bucket=aws.lake.bucket(zone))
    _put(aws, f"s3://{aws.lake.bucket('gold')}/{NAME.partition('/')[2]}", b"rows")
    files.record_gold(aws.client("s3"), aws.lake, "r1", "dim_time")
    _put(aws, f"{aws.lake.results('r1')}job=a/part-0.parquet", b"results")
    _put(aws, aws.lake.audit("r1"), b"{}")
    recorded = files.of_run(aws.client("s3"), aws.lake, "r1")
    made = Release("r1", "r1", ["b"], "hold", "2026-01-01T00:00:00Z", files=recorded)
    release.write(aws.client("s3"), aws.lake, made)
    return aws


def _put(aws, uri, body):
    bucket, key = split(uri)
    aws.client("s3").put_object(Bucket=bucket, Key=key, Body=body)


def test_the_release_records_size_and_sha256_of_each_file(lee):
    recorded = releases.get(lee, "r1").files
    # sha256sum of the text "rows"
    digest = "bc51e9e65d79e1c90ba544ab2eae1044ccdf8c1af7a559ba375cba4276f7d99e"
    assert set(recorded) == {
        NAME,
        "quality/results/run_id=r1/job=a/part-0.parquet",
        "quality/audits/r1.json",
    }
    assert recorded[NAME]["size"] == 4
    assert recorded[NAME]["sha256"] == digest


@pytest.mark.parametrize(
    ("name", "body", "problem"),
    [
        (NAME, b"ROWS", "was changed after it was written"),
        ("quality/results/run_id=r1/job=a/part-0.parquet", b"RESULTS", "was changed after it was written"),
        (NAME.replace("part-0", "part-1"), b"more", "was added after the audit"),
        (NAME, None, "is missing"),
    ],
)
def test_a_changed_file_is_neither_approved_nor_published_and_verification_names_it(lee, name, body, problem):
    zone, _, key = name.partition("/")
    bucket = lee.lake.bucket(zone)
    if body is None:
        lee.client("s3").delete_object(Bucket=bucket, Key=key)
    else:
        lee.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    sentence = f"{name} of release 'r1' {problem}."
    assert releases.file_problems(lee, [releases.get(lee, "r1")]) == [sentence]
    with pytest.raises(ServiceError, match="cannot be published"):
        sign_off.sign(lee, "r1", "approve", "Fine.")
    assert review_log.log(lee).events == ()
    engineer = replace(lee, settings=replace(lee.settings, user="kim", role="engineer"))
    release.write(lee.client("s3"), lee.lake, replace(releases.get(lee, "r1"), decision="publish"))
    with pytest.raises(ServiceError, match="cannot be published"):
        releases.publish(engineer, "r1", reason="tried")
    assert releases.current(lee) is None


def test_a_copied_lake_keeps_its_approvals_under_another_prefix(lee, portal, cloud):
    sign_off.sign(lee, "r1", "approve", "Fine.")
    copy = _context(portal, f"{lee.lake.prefix}-copy", "kim", "engineer")
    for zone in ("gold", "quality", "bronze"):
        copy.client("s3").create_bucket(Bucket=copy.lake.bucket(zone))
        source, target = (cloud.state / "s3" / aws.lake.bucket(zone) for aws in (lee, copy))
        shutil.copytree(source, target, dirs_exist_ok=True, copy_function=shutil.copyfile)
    signature = review_log.of_run(copy, "r1").signature
    assert (signature.by, signature.is_valid) == ("dr.lee", True)
    assert signatures.version(copy, "r1") == signatures.version(lee, "r1")
    log = review_log.log(copy)
    assert [made.release_id for made in releases.signed_or_published(copy, log)] == ["r1"]
    assert releases.file_problems(copy, releases.signed_or_published(copy, log)) == []
    assert releases.publish(copy, "r1", reason="restored").release_id == "r1"


def test_signing_reads_the_log_once_and_fingerprints_the_release_once(lee, monkeypatch):
    counted = {"log": 0, "fingerprint": 0}

    def counting(module, name, key):
        act = getattr(module, name)

        def call(*arguments):
            counted[key] += 1
            return act(*arguments)

        monkeypatch.setattr(module, name, call)

    counting(log_module, "fetch", "log")
    counting(log_module, "read", "log")
    counting(signatures, "fingerprint", "fingerprint")
    assert sign_off.sign(lee, "r1", "approve", "Fine.").unfinished == ""
    assert counted == {"log": 1, "fingerprint": 1}
    assert releases.current(lee).release_id == "r1"


@pytest.mark.parametrize("step", ["publish_approved", "current"])
def test_signing_never_raises_once_the_signature_is_recorded(lee, monkeypatch, step):
    act = getattr(releases, step)

    def broken(*arguments, **options):
        if review_log.log(lee).events:
            raise KeyError("x")
        return act(*arguments, **options)

    monkeypatch.setattr(releases, step, broken)
    signed = sign_off.sign(lee, "r1", "approve", "Fine.")
    assert "event 1" in signed.unfinished
    assert "KeyError" in signed.unfinished
    assert [event.kind for event in review_log.log(lee).events] == ["release_signed"]
