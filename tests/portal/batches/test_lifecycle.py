"""A batch from its import to its retirement: what is written down, and what later runs leave out."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from pipeline.lake.uris import RETIRED, split
from pipeline.releases import model as release_model
from pipeline.releases import publish as publishing
from pipeline.releases.model import Release
from portal.batches import lifecycle, retirement
from portal.batches import service as batches
from portal.batches.source_file import SourceFile
from portal.core.auth import User
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.releases import service as releases
from portal.runs import service as runs


@pytest.fixture
def engineer(portal, lake_prefix, monkeypatch):
    """An engineer at a lake with two batches, of which a release is published that holds the first."""
    monkeypatch.setattr(publishing, "view_refresher", lambda *_: str)
    settings = replace(portal.settings, prefix=lake_prefix, buckets=lake_prefix, user="kim", role="engineer")
    aws = Context(settings, portal._clients)
    for zone in ("bronze", "quality", "gold"):
        aws.client("s3").create_bucket(Bucket=aws.lake.bucket(zone))
    return aws


@pytest.fixture
def two(engineer):
    """The ids of the two batches, the published one first."""
    ids = [_import(engineer, name).batch_id for name in ("P1", "P2")]
    made = Release("r1", "r1", ids[:1], "publish", "2026-01-01T00:00:00Z")
    release_model.write(engineer.client("s3"), engineer.lake, made)
    releases.publish(engineer, "r1", reason="first")
    return ids


def _import(aws, patient):
    content = f"patient_id,birth_date,updated_at\n{patient},1980-01-02,2025-01-01T00:00:00Z\n".encode()
    return batches.import_files(aws, [SourceFile.from_bytes("patients.csv", content)], uploader="kim")


def _plan(aws, monkeypatch, *batch_ids):
    from pipeline.lambdas import prepare_run  # it looks at the environment

    monkeypatch.setattr(prepare_run, "lake", aws.lake)
    monkeypatch.setenv("HDP_TIME_ZONE", "UTC")
    return prepare_run._plan("run-next", list(batch_ids))


def test_a_batch_is_new_then_loaded_then_retired(engineer, two):
    first, second = two
    assert {
        state.batch.batch_id: (state.status, state.releases) for state in lifecycle.list_states(engineer)
    } == {
        first: ("loaded", ("r1",)),
        second: ("new", ()),
    }
    record = retirement.retire(engineer, first, reason=" The wrong ward. ")
    assert (record.retired_by, record.reason) == ("kim", "The wrong ward.")
    state = lifecycle.get(engineer, first)
    assert (state.status, state.is_published, state.retirement) == ("retired", True, record)


def test_a_retired_batch_stays_in_bronze_and_in_the_published_release(engineer, two):
    s3 = engineer.client("s3")
    bucket, _ = split(engineer.lake.manifests())
    keys = lambda: {item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]}  # noqa: E731
    before = keys()
    retirement.retire(engineer, two[0], reason="The wrong ward.")
    assert keys() - before == {f"_manifests/{two[0]}{RETIRED}"}
    assert before <= keys()
    assert releases.get(engineer, "r1").batch_ids == two[:1]


def test_the_next_release_leaves_a_retired_batch_out(engineer, two, monkeypatch):
    first, second = two
    assert _plan(engineer, monkeypatch)["release_batch_ids"] == sorted(two)
    retirement.retire(engineer, first, reason="The wrong ward.")
    plan = _plan(engineer, monkeypatch)
    assert (plan["batch_ids"], plan["release_batch_ids"]) == ([second], [second])


def test_where_nothing_is_new_the_rest_is_processed_without_it(engineer, two, monkeypatch):
    retirement.retire(engineer, two[1], reason="Twice.")
    assert _plan(engineer, monkeypatch)["batch_ids"] == two[:1]
    retirement.retire(engineer, two[0], reason="The wrong ward.")
    from pipeline.lambdas import prepare_run

    with pytest.raises(prepare_run.NoBatches):
        _plan(engineer, monkeypatch)
    with pytest.raises(ServiceError, match="There is no batch to process"):
        runs.start(engineer)


def test_no_run_processes_a_retired_batch(engineer, two, monkeypatch):
    from pipeline.lambdas import prepare_run

    retirement.retire(engineer, two[1], reason="Twice.")
    with pytest.raises(prepare_run.RetiredBatch, match=f"Batch {two[1]} is retired"):
        _plan(engineer, monkeypatch, *two)
    for start in (lambda: runs.start(engineer, two), lambda: lifecycle.reprocess(engineer, [two[1]])):
        with pytest.raises(ServiceError, match=rf"Batch '{two[1]}' was retired by kim at .*: Twice\."):
            start()


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_a_retirement_needs_a_reason_of_sensible_length(engineer, two, reason):
    with pytest.raises(ServiceError, match="reason"):
        retirement.retire(engineer, two[0], reason=reason)
    assert retirement.retired(engineer) == {}


@pytest.mark.parametrize("name", ["nope", "", "../x", "a b"])
def test_an_unknown_batch_is_refused(engineer, two, name):
    with pytest.raises(ServiceError, match=f"There is no batch '{name}'"):
        retirement.retire(engineer, name, reason="why")
    with pytest.raises(ServiceError, match=f"There is no batch '{name}'"):
        lifecycle.get(engineer, name)


def test_of_two_who_retire_a_batch_at_once_one_is_recorded_and_nothing_is_overwritten(engineer, two):
    said = []

    def retire(name):
        aws = engineer.on_behalf_of(User(name, "engineer"))
        try:
            retirement.retire(aws, two[0], reason=f"{name} says so")
        except ServiceError as error:
            said.append(str(error))

    threads = [threading.Thread(target=retire, args=(name,)) for name in ("ann", "ben", "eve")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    record = retirement.retired(engineer)[two[0]]
    assert record.reason == f"{record.retired_by} says so"
    assert len(said) == 2
    assert all(f"was retired by {record.retired_by} at" in sentence for sentence in said)


def test_who_may_not_start_runs_may_not_retire(engineer, two):
    for role in ("viewer", "analyst", "clinician"):
        with pytest.raises(ServiceError, match="cannot start or stop runs"):
            retirement.retire(engineer.on_behalf_of(User("x", role)), two[0], reason="why")


def test_the_extract_of_a_retired_batch_can_be_imported_again(engineer, two):
    assert not _import(engineer, "P1").is_new
    retirement.retire(engineer, two[0], reason="Too early.")
    again = _import(engineer, "P1")
    assert again.is_new
    assert again.batch_id not in two


def test_a_list_has_a_column_for_every_table_of_every_batch():
    from portal.cli.batches import _columns

    new = {"batch_id": "b2", "patients": 1, "status": "new", "published": False}
    old = {"batch_id": "b1", "encounters": 4, "patients": 1, "status": "loaded", "published": True}
    assert _columns([new, old]) == ["batch_id", "patients", "encounters", "status", "published"]
