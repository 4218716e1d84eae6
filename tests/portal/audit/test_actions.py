"""Publishing, rolling back and retiring are recorded; the log says which of them failed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from botocore.exceptions import EndpointConnectionError

from pipeline.releases import model as release
from pipeline.releases import publish as publishing
from pipeline.releases.model import Release, ReleaseError
from portal.audit import service as audit_log
from portal.audit.service import Search
from portal.batches import retirement
from portal.batches import service as batches
from portal.batches.source_file import SourceFile
from portal.core.auth import User
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.releases import service as releases

TODAY = datetime.now(UTC).date()


@pytest.fixture
def engineer(portal, lake_prefix, monkeypatch):
    """Return an engineer on a lake with two releases, of which the first is published."""
    monkeypatch.setattr(publishing, "view_refresher", lambda *_: str)
    aws = Context(replace(portal.settings, prefix=lake_prefix, buckets=lake_prefix), portal._clients)
    for zone in ("bronze", "quality", "gold"):
        aws.client("s3").create_bucket(Bucket=aws.lake.bucket(zone))
    for number, name in enumerate("ab"):
        made = Release(name, name, ["1"], "publish", f"2026-01-0{number + 1}T00:00:00Z")
        release.write(aws.client("s3"), aws.lake, made)
    eve = aws.on_behalf_of(User("eve", "engineer"), "203.0.113.9")
    releases.publish(eve, "a", reason="the first")
    return eve


def events(engineer):
    officer = engineer.on_behalf_of(User("pat", "privacy_officer"))
    found = audit_log.search(officer, Search(TODAY, TODAY))
    return [(e.name, e.action, e.target_text, e.reason, e.is_failed) for e in reversed(found)]


FIRST = ("eve", "publish", "release a", "the first", False)


def test_publishing_and_rolling_back_are_recorded_with_their_reasons(engineer):
    releases.publish(engineer, "b", reason="better")
    releases.rollback(engineer, reason="worse")
    assert events(engineer) == [
        FIRST,
        ("eve", "publish", "release b", "better", False),
        ("eve", "rollback", "release a", "worse", False),
    ]


def test_what_is_refused_before_it_begins_is_not_recorded(engineer):
    with pytest.raises(ServiceError, match="no earlier published release"):
        releases.rollback(engineer, reason="further")
    with pytest.raises(ServiceError, match="cannot publish"):
        releases.publish(engineer.on_behalf_of(User("vic", "viewer")), "b", reason="mine")
    assert events(engineer) == [FIRST]


def test_a_publication_that_fails_is_marked(engineer, monkeypatch):
    def fail(*_, **__):
        raise ReleaseError("somebody else published first")

    monkeypatch.setattr(publishing, "publish", fail)
    with pytest.raises(ServiceError, match="somebody else"):
        releases.publish(engineer, "b", reason="better")
    assert events(engineer) == [FIRST, ("eve", "publish", "release b", "better", True)]


def test_without_a_record_nothing_is_published_and_nothing_retired(engineer, monkeypatch):
    batch = _import(engineer)

    def away(*_, **__):
        raise EndpointConnectionError(endpoint_url="https://s3")

    monkeypatch.setattr(audit_log, "write_json", away)
    for act in (
        lambda: releases.publish(engineer, "b", reason="better"),
        lambda: retirement.retire(engineer, batch, reason="wrong ward"),
    ):
        with pytest.raises(ServiceError, match="audit log could not be written"):
            act()
    assert releases.current(engineer).release_id == "a"
    assert retirement.retired(engineer) == {}


def test_retiring_a_batch_is_recorded_once(engineer):
    batch = _import(engineer)
    retirement.retire(engineer, batch, reason=" wrong ward ")
    with pytest.raises(ServiceError, match="was retired by eve"):
        retirement.retire(engineer, batch, reason="again")
    retired = ("eve", "retire_batch", f"batch {batch}")
    assert events(engineer) == [FIRST, (*retired, "wrong ward", False), (*retired, "again", True)]


def _import(aws):
    content = b"patient_id,birth_date,updated_at\nP1,1980-01-02,2025-01-01T00:00:00Z\n"
    file = SourceFile.from_bytes("patients.csv", content)
    return batches.import_files(aws, [file], uploader="eve").batch_id
