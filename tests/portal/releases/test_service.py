"""Publishing and going back by hand, on a lake of its own.

Who may, what is refused, and what nothing takes back.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from pipeline.lake.store import write_json
from pipeline.releases import model as release_model
from pipeline.releases import publish as publishing
from pipeline.releases.model import Release
from portal.batches import retirement
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.quality import results as quality
from portal.releases import service as releases
from portal.reviews import read_model, sign_off


@pytest.fixture
def engineer(portal, lake_prefix, monkeypatch):
    """An engineer at a lake that holds only buckets: no plain views, and no finding in any run."""
    monkeypatch.setattr(publishing, "view_refresher", lambda *_: str)
    monkeypatch.setattr(sign_off, "_notify", lambda *_: "")
    aws = Context(
        replace(portal.settings, prefix=lake_prefix, buckets=lake_prefix, user="kim", role="engineer"),
        portal._clients,
    )
    passed = {"table_name": "patients", "rule_id": "X-1", "severity": "block", "status": "pass"}
    monkeypatch.setattr(quality, "results", lambda *_: pd.DataFrame([passed]))
    for zone in ("bronze", "quality", "gold"):
        aws.client("s3").create_bucket(Bucket=aws.lake.bucket(zone))
    return aws


@pytest.fixture
def lee(engineer):
    return replace(engineer, settings=replace(engineer.settings, user="dr.lee", role="clinician"))


def add(aws, name, *batches, base=None, decision="publish"):
    made = Release(
        name, name, list(batches), decision, f"2026-01-01T00:00:00Z {name}", parent_release_id=base
    )
    release_model.write(aws.client("s3"), aws.lake, made)


def publish(aws, *names):
    for name in names:
        releases.publish(aws, name, reason="tried")


def seen(aws):
    present = releases.current(aws)
    return present.release_id if present else None


def test_each_rollback_goes_further_back(engineer):
    add(engineer, "a", "1")
    add(engineer, "b", "1", "2", base="a")
    add(engineer, "c", "1", "2", "3", base="b")
    publish(engineer, "a", "b", "c")
    assert [releases.rollback(engineer, reason="wrong").release_id for _ in range(2)] == ["b", "a"]
    with pytest.raises(ServiceError, match="no earlier published release"):
        releases.rollback(engineer, reason="further")
    publish(engineer, "c")
    assert releases.rollback(engineer, reason="wrong").release_id == "a"


def test_a_rollback_of_what_is_not_shown_any_more_is_refused(engineer):
    add(engineer, "a", "1")
    add(engineer, "b", "1", "2", base="a")
    add(engineer, "c", "1", "2", "3", base="b")
    publish(engineer, "a", "b", "c")
    releases.rollback(engineer, reason="Anna was first", shown="c")
    with pytest.raises(ServiceError, match="Release 'b' is published now, not 'c'"):
        releases.rollback(engineer, reason="Ben came second", shown="c")
    assert seen(engineer) == "b"


def test_a_rollback_is_refused_where_no_approval_of_the_held_release_stands(engineer, lee):
    add(engineer, "a", "1")
    add(engineer, "b", "1", "2", base="a", decision="hold")
    add(engineer, "c", "1", "2", "3", base="b")
    publish(engineer, "a")
    sign_off.sign(lee, "b", "approve", "Fine.")
    publish(engineer, "c")
    sign_off.sign(lee, "b", "reject", "Not fine after all.")
    with pytest.raises(ServiceError, match=r"'b' was rejected by dr\.lee"):
        releases.rollback(engineer, reason="wrong")
    assert seen(engineer) == "c"
    sign_off.sign(lee, "b", "approve", "It is.")
    add(engineer, "b", "1", "2", "4", base="a", decision="hold")
    with pytest.raises(ServiceError, match=r"no valid approval.*Changed since review"):
        releases.rollback(engineer, reason="wrong")
    publish(engineer, "a")
    assert seen(engineer) == "a", "a release further back can be named"


def test_publishing_by_hand_takes_no_batch_back(engineer):
    add(engineer, "a", "1")
    add(engineer, "b", "1", "2", base="a")
    add(engineer, "c", "1", "3", base="a")
    publish(engineer, "a", "b")
    with pytest.raises(ServiceError, match="'c' lacks 2, which the published release 'b' contains"):
        publish(engineer, "c")
    assert seen(engineer) == "b"
    releases.rollback(engineer, reason="so that")
    publish(engineer, "c")
    assert seen(engineer) == "c"


def test_publishing_by_hand_may_leave_out_a_retired_batch(engineer):
    add(engineer, "a", "1", "2")
    add(engineer, "b", "1", base="a")
    publish(engineer, "a")
    with pytest.raises(ServiceError, match="'b' lacks 2"):
        publish(engineer, "b")
    write_json(engineer.client("s3"), engineer.lake.manifest("2"), {})
    retirement.retire(engineer, "2", reason="the wrong ward")
    publish(engineer, "b")
    assert seen(engineer) == "b"


def test_an_approved_release_is_not_published_after_another_than_its_base(engineer, lee):
    """Two publishers: the reviewer's approval and an engineer's release, made on the same one."""
    add(engineer, "a", "1")
    add(engineer, "b", "1", "2", base="a", decision="hold")
    add(engineer, "c", "1", "2", "3", base="a")
    publish(engineer, "a")
    sign_off.sign(lee, "b", "approve", "Fine.")
    releases.rollback(engineer, reason="wait")
    publish(engineer, "c")
    with pytest.raises(ServiceError, match="'c' was published after 'b' was built"):
        publish(engineer, "b")
    with pytest.raises(ServiceError, match="'c' was published after 'b' was built"):
        sign_off.sign(lee, "b", "approve", "Again.")
    assert seen(engineer) == "c"


def test_a_publisher_between_the_check_and_the_write_is_not_overwritten(engineer, lee, monkeypatch):
    add(engineer, "a", "1")
    add(engineer, "b", "1", "2", base="a", decision="hold")
    add(engineer, "c", "1", "3", base="a")
    publish(engineer, "a")
    checked = releases.check_parent

    def overtaken(aws, made):
        checked(aws, made)
        if read_model.of_run(aws, "b").signature:
            publishing.publish(
                aws.client("s3"), aws.lake, "c", expect="a", by="pipeline", reason="", refresh_views=str
            )

    monkeypatch.setattr(releases, "check_parent", overtaken)
    with pytest.raises(
        ServiceError,
        match=r"approval was recorded as event 1, but publication failed: .*'c' was published by pipeline",
    ):
        sign_off.sign(lee, "b", "approve", "Fine.")
    assert seen(engineer) == "c"


def test_what_is_published_names_the_signature_that_published_it(engineer, lee):
    add(engineer, "b", "1", decision="hold")
    event = sign_off.sign(lee, "b", "approve", "Fine.")
    assert releases.current(engineer).reviewed == {"sequence": event.sequence, "hash": event.hash}


@pytest.mark.parametrize(
    "act", [lambda aws: publish(aws, "a"), lambda aws: releases.rollback(aws, reason="x")]
)
def test_a_clinician_publishes_by_signing_alone(lee, act):
    add(lee, "a", "1")
    with pytest.raises(ServiceError, match="cannot publish or roll back"):
        act(lee)
