"""Publish and roll back releases on the laptop cloud's S3: a second publisher gets a conflict."""

import importlib
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from pipeline.lake.store import write_json
from pipeline.lake.uris import Lake
from pipeline.releases import model as release_model
from pipeline.releases import publish as publishing
from pipeline.releases.model import Release, ReleaseConflict, ReleaseError
from pipeline.reviews import log as review_log
from pipeline.reviews.events import new_event


@pytest.fixture
def lake(aws, lake_prefix):
    """Return an empty lake with a quality bucket."""
    lake = Lake(lake_prefix)
    aws.client("s3").create_bucket(Bucket=lake.bucket("quality"))
    return lake


@pytest.fixture
def s3(aws):
    return aws.client("s3")


def add_release(s3, lake, release_id, decision="publish", batches=("b1",), base=None):
    made = f"2026-01-01T00:00:00Z-{release_id}"
    document = Release(release_id, release_id, list(batches), decision, made, parent_release_id=base)
    release_model.write(s3, lake, document)
    return document


class Views:
    """Fake for re-creating the Athena views; records the releases that they select."""

    def __init__(self):
        self.selected = []

    def __call__(self, release_id):
        self.selected.append(release_id)


PRESENT = object()


def publish(s3, lake, release_id, views=None, expect=PRESENT):
    """Publish `release_id`; `expect` defaults to the published release."""
    present = release_model.current(s3, lake)
    if expect is PRESENT:
        expect = present.release_id if present else None
    return publishing.publish(
        s3, lake, release_id, expect=expect, by="test", reason="test", refresh_views=views or Views()
    )


def roll_back(s3, lake):
    _, made = publishing.rollback_target(s3, lake)
    return publish(s3, lake, made.release_id).release_id


def test_no_release_is_published_at_first(s3, lake):
    assert release_model.current(s3, lake) is None


def test_published_release_is_current_and_the_views_follow(s3, lake):
    add_release(s3, lake, "r1")
    views = Views()
    publish(s3, lake, "r1", views)
    assert release_model.current(s3, lake).release_id == "r1"
    assert views.selected == ["r1"]


def test_an_unknown_release_is_not_published(s3, lake):
    with pytest.raises(ReleaseError, match="no release 'r9'"):
        publish(s3, lake, "r9")
    assert release_model.current(s3, lake) is None


def test_each_rollback_goes_further_back(s3, lake):
    for release_id in ("r1", "r2", "r3"):
        add_release(s3, lake, release_id)
        publish(s3, lake, release_id)
    assert [roll_back(s3, lake), roll_back(s3, lake)] == ["r2", "r1"]
    with pytest.raises(ReleaseError, match="no earlier published release"):
        publishing.rollback_target(s3, lake)


def test_a_rolled_back_release_is_not_a_rollback_target(s3, lake):
    for release_id in ("r1", "r2", "r3"):
        add_release(s3, lake, release_id)
    publish(s3, lake, "r1")
    publish(s3, lake, "r2")
    roll_back(s3, lake)
    publish(s3, lake, "r3")
    assert release_model.current(s3, lake).history == ["r1"]
    assert roll_back(s3, lake) == "r1"


def test_publishing_an_earlier_release_truncates_the_history(s3, lake):
    for release_id in ("r1", "r2", "r3"):
        add_release(s3, lake, release_id)
        publish(s3, lake, release_id)
    assert publish(s3, lake, "r2").history == ["r1"]


def test_rollback_without_a_previous_release_fails(s3, lake):
    add_release(s3, lake, "r1")
    publish(s3, lake, "r1")
    with pytest.raises(ReleaseError, match="no earlier published release"):
        publishing.rollback_target(s3, lake)


def test_a_publisher_with_an_outdated_parent_gets_a_conflict(s3, lake):
    for release_id in ("r1", "r2", "r3"):
        add_release(s3, lake, release_id)
    publish(s3, lake, "r1")
    publish(s3, lake, "r2")
    with pytest.raises(ReleaseConflict, match="'r2' was published by test"):
        publish(s3, lake, "r3", expect="r1")
    assert release_model.current(s3, lake).release_id == "r2"


def test_a_first_publisher_gets_a_conflict_if_a_release_is_published(s3, lake):
    for release_id in ("r1", "r2"):
        add_release(s3, lake, release_id)
    publish(s3, lake, "r1")
    with pytest.raises(ReleaseConflict, match="'r1' was published by test"):
        publish(s3, lake, "r2", expect=None)
    assert release_model.current(s3, lake).release_id == "r1"


def test_a_publisher_gets_a_conflict_if_no_release_is_published(s3, lake):
    add_release(s3, lake, "r1")
    with pytest.raises(ReleaseConflict, match="none is published"):
        publish(s3, lake, "r1", expect="r0")


@pytest.fixture
def end_of_run(lake, monkeypatch):
    """Return the handler of the publish_release Lambda on this lake; it returns state and reason."""
    monkeypatch.setenv("HDP_PREFIX", lake.prefix)
    monkeypatch.setenv("HDP_BUCKETS", lake.prefix)
    module = importlib.reload(importlib.import_module("pipeline.lambdas.publish_release"))
    monkeypatch.setattr(module.publishing, "view_refresher", lambda *_: Views())

    def handler(run_id, auto_publish=True):
        outcome = module.handler({"run_id": run_id, "auto_publish": auto_publish}, None)
        assert outcome["published"] == (outcome["state"] == "PUBLISHED")
        return outcome["state"], outcome["why"]

    return handler


def test_a_run_publishes_a_release_whose_parent_is_published(s3, lake, end_of_run):
    add_release(s3, lake, "r1")
    add_release(s3, lake, "r2", base="r1")
    assert end_of_run("r1") == ("PUBLISHED", "")
    assert end_of_run("r2") == ("PUBLISHED", "")
    assert end_of_run("r2") == ("PUBLISHED", ""), "the step was repeated"
    assert release_model.current(s3, lake).release_id == "r2"


@pytest.mark.parametrize(("decision", "auto_publish"), [("hold", True), ("publish", False)])
def test_a_run_holds_a_release_that_it_may_not_publish(s3, lake, end_of_run, decision, auto_publish):
    add_release(s3, lake, "r1", decision)
    assert end_of_run("r1", auto_publish) == ("HELD", "")
    assert release_model.current(s3, lake) is None


def test_a_resumed_run_does_not_publish_a_release_that_was_rejected_meanwhile(s3, lake, end_of_run):
    add_release(s3, lake, "r1")
    add_release(s3, lake, "r2", base="r1")
    assert end_of_run("r1") == ("PUBLISHED", "")
    for by, verdict, held in [("lee", "reject", "lee rejected it."), ("kim", "approve", "")]:
        payload = {
            "verdict": verdict,
            "meaning": "",
            "text": "",
            "release": "",
            "undecided": [],
            "signed_for": "",
        }
        event = new_event(by, "clinician", "release_signed", {"run_id": "r2"}, payload)
        review_log.append(s3, lake, review_log.read(s3, lake), event)
        assert end_of_run("r2") == ("HELD" if held else "PUBLISHED", held)
        assert release_model.current(s3, lake).release_id == ("r1" if held else "r2")


def test_a_run_does_not_replace_a_release_published_in_the_meantime(s3, lake, end_of_run):
    add_release(s3, lake, "a", batches=["b1"])
    add_release(s3, lake, "b", "hold", batches=["b1", "b2"], base="a")
    add_release(s3, lake, "c", batches=["b1", "b3"], base="a")
    publish(s3, lake, "a")
    publish(s3, lake, "b")
    state, why = end_of_run("c")
    assert (state, release_model.current(s3, lake).release_id) == ("OVERTAKEN", "b")
    assert "'b' was published by test. Review it, then publish again" in why


def test_a_run_does_not_publish_batches_rolled_back_in_the_meantime(s3, lake, end_of_run):
    add_release(s3, lake, "a")
    add_release(s3, lake, "b", batches=["b1", "b2"], base="a")
    add_release(s3, lake, "c", batches=["b1", "b2", "b3"], base="b")
    publish(s3, lake, "a")
    publish(s3, lake, "b")
    roll_back(s3, lake)
    assert end_of_run("c")[0] == "OVERTAKEN"
    assert release_model.current(s3, lake).release_id == "a"


def test_batches_lost_by_publishing_a_release(s3, lake):
    add_release(s3, lake, "b", batches=["b1", "b2"])
    c = add_release(s3, lake, "c", batches=["b1", "b3"])
    present = publish(s3, lake, "b")
    assert publishing.batches_lost(s3, lake, c, present) == ["b2"]


def test_exactly_one_of_many_concurrent_publishers_succeeds(s3, lake):
    names = [f"r{i}" for i in range(1, 9)]
    for name in ["r0", *names]:
        add_release(s3, lake, name)
    publish(s3, lake, "r0")

    def attempt(name):
        try:
            return publish(s3, lake, name, expect="r0").release_id
        except ReleaseConflict:
            return None

    with ThreadPoolExecutor(8) as pool:
        winners = [name for name in pool.map(attempt, names) if name]
    assert winners == [release_model.current(s3, lake).release_id]


def test_repeating_a_killed_publish_only_refreshes_the_views(s3, lake):
    add_release(s3, lake, "r1")
    first = publish(s3, lake, "r1")
    views = Views()
    assert publish(s3, lake, "r1", views) == first
    assert views.selected == ["r1"]


def test_releases_are_listed_newest_first(s3, lake):
    for release_id in ("r1", "r3", "r2"):
        add_release(s3, lake, release_id)
    publish(s3, lake, "r3")
    assert [made.release_id for made in release_model.all_releases(s3, lake)] == ["r3", "r2", "r1"]


def test_a_write_that_met_another_is_tried_again():
    """S3 answers 409 ConditionalRequestConflict to one of two writers at the same time: it may try again."""

    class Met:
        def __init__(self, times):
            self.times = times
            self.exceptions = SimpleNamespace(ClientError=ClientError)

        def put_object(self, **_):
            self.times -= 1
            if self.times >= 0:
                raise ClientError({"Error": {"Code": "ConditionalRequestConflict"}}, "PutObject")

    assert write_json(Met(2), "s3://b/k", {}, IfNoneMatch="*") is True
    assert write_json(Met(3), "s3://b/k", {}, IfNoneMatch="*") is False
