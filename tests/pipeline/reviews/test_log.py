"""The review log in S3: events are appended once, and any alteration is detected."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.lake.uris import Lake, split
from pipeline.releases import model as release_model
from pipeline.releases import publish as publishing
from pipeline.releases.model import Release
from pipeline.reviews import log as review_log
from pipeline.reviews.events import Event, new_event
from pipeline.reviews.integrity import Log, verify
from pipeline.reviews.log import AppendConflict


@pytest.fixture
def lake(aws, lake_prefix):
    lake = Lake(lake_prefix)
    aws.client("s3").create_bucket(Bucket=lake.bucket("quality"))
    return lake


@pytest.fixture
def s3(aws):
    return aws.client("s3")


def _note(number):
    return new_event("lee", "clinician", "release_noted", {"run_id": "r"}, {"text": f"word {number}"})


@pytest.fixture
def five(s3, lake):
    for number in range(5):
        review_log.append(s3, lake, review_log.read(s3, lake), _note(number))
    return review_log.read(s3, lake)


def test_an_empty_log_verifies(s3, lake):
    assert review_log.read(s3, lake) == Log()


def test_events_are_read_in_order_and_verify(five):
    assert [event.sequence for event in five.events] == [1, 2, 3, 4, 5]
    assert [event.payload["text"] for event in five.events] == [f"word {n}" for n in range(5)]
    assert five.problems == ()


def test_an_event_is_locked_for_six_years(s3, lake, five):
    bucket, key = split(lake.review(3))
    kept = s3.head_object(Bucket=bucket, Key=key)
    assert kept["ObjectLockMode"] == "GOVERNANCE"
    assert kept["ObjectLockRetainUntilDate"] > datetime.now(UTC) + timedelta(days=6 * 365)


@pytest.mark.parametrize("number", range(1, 6))
def test_an_altered_event_is_detected(s3, lake, five, number):
    _rewrite(s3, lake, number, lambda document: document["payload"].update(text="something else"))
    assert review_log.read(s3, lake).problems == (f"Event {number} was altered after it was written.",)


@pytest.mark.parametrize("number", range(1, 6))
def test_an_altered_event_with_a_new_hash_is_detected(s3, lake, five, number):
    def forge(document):
        document["by"] = "somebody else"
        document["hash"] = Event(**document).digest()

    _rewrite(s3, lake, number, forge)
    assert review_log.read(s3, lake).problems


@pytest.mark.parametrize("number", range(1, 6))
def test_a_removed_event_is_detected(s3, lake, five, number):
    bucket, key = split(lake.review(number))
    s3.delete_object(Bucket=bucket, Key=key)
    assert f"Event {number} is missing." in review_log.read(s3, lake).problems


def test_malformed_json_is_detected(s3, lake, five):
    _put(s3, lake.review(3), b"{")
    assert "cannot be read" in review_log.read(s3, lake).problems[0]


@pytest.mark.parametrize("anchor", [Lake.review_head, Lake.review_anchor])
def test_a_missing_anchor_of_the_newest_event_is_detected(s3, lake, five, anchor):
    _delete(s3, anchor(lake))
    assert "is missing" in review_log.read(s3, lake).problems[0]


@pytest.mark.parametrize("anchor", [Lake.review_head, Lake.review_anchor])
@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"null", b"{}", b'{"sequence": "5", "hash": ""}', b'{"sequence": 5}']
)
def test_a_malformed_anchor_is_detected(s3, lake, five, anchor, body):
    _put(s3, anchor(lake), body)
    (problem,) = review_log.read(s3, lake).problems
    assert "cannot be read" in problem


def test_the_last_event_cut_off_and_the_head_rewritten_is_detected(s3, lake, five):
    _delete(s3, lake.review(5))
    _put_json(s3, lake.review_head(), {"sequence": 4, "hash": five.events[3].hash})
    assert "Event 5 is missing." in review_log.read(s3, lake).problems


@pytest.mark.parametrize("count", [1, 5])
def test_an_emptied_folder_is_detected(s3, lake, count):
    for number in range(count):
        review_log.append(s3, lake, review_log.read(s3, lake), _note(number))
    for number in range(1, count + 1):
        _delete(s3, lake.review(number))
    _delete(s3, lake.review_head())
    missing = "Event 1 is missing." if count == 1 else "Events 1 to 5 are missing."
    assert missing in review_log.read(s3, lake).problems


def test_a_release_anchors_the_log(s3, lake, five):
    made = Release("r1", "r1", [], "publish", "", reviewed=five.newest())
    release_model.write(s3, lake, made)
    for uri in (*map(lake.review, range(1, 6)), lake.review_head(), lake.review_anchor()):
        _delete(s3, uri)
    assert review_log.read(s3, lake).problems == ("Events 1 to 5 are missing.",)
    for number in range(5):
        review_log.append(s3, lake, _no_problems(review_log.read(s3, lake)), _note(f"other {number}"))
    (problem,) = review_log.read(s3, lake).problems
    assert "Event 5 is not the event that releases/r1.json names" in problem


def test_the_published_release_anchors_the_log(s3, lake, five):
    release_model.write(s3, lake, Release("r1", "r1", [], "publish", ""))
    publishing.publish(
        s3, lake, "r1", expect=None, by="lee", reason="", refresh_views=str, reviewed=five.newest()
    )
    for uri in (lake.review(5), lake.review_head(), lake.review_anchor()):
        _delete(s3, uri)
    assert "Event 5 is missing." in review_log.read(s3, lake).problems


def test_a_second_event_with_the_same_sequence_number_is_detected(s3, lake, five):
    forged = json.loads(_get(s3, lake.review(5)))
    forged["payload"]["text"] = "forged"
    forged["hash"] = Event(**forged).digest()
    _put_json(s3, lake.review(5).replace("00000005", "00000005b"), forged)
    (problem,) = review_log.read(s3, lake).problems
    assert problem == "00000005b.json is not a valid event key: it was put there by hand."
    assert [event.payload["text"] for event in review_log.read(s3, lake).events][-1] == "word 4"


def test_an_event_copied_to_the_next_key_is_detected(s3, lake, five):
    _put(s3, lake.review(6), _get(s3, lake.review(5)))
    assert review_log.read(s3, lake).problems == (
        "00000006.json contains event 5: it was moved or copied there.",
    )


@pytest.mark.parametrize(
    "change",
    [
        {"sequence": "3"}, {"sequence": True}, {"payload": []}, {"subject": {}}, {"by": None}, {"kind": 7},
        {"kind": "query_opened"}, {"kind": "finding_accepted"}, {"extra": 1},
    ],
)  # fmt: skip
def test_an_event_with_invalid_fields_is_detected_and_left_out(s3, lake, five, change):
    _rewrite(s3, lake, 3, lambda document: document.update(change))
    log = review_log.read(s3, lake)
    assert log.problems
    assert 3 not in [event.sequence for event in log.events]


def test_a_slower_writer_does_not_set_an_anchor_back(s3, lake, five):
    late = five.events[1]
    for uri in (lake.review_head(), lake.review_anchor()):
        review_log.advance_anchor(s3, uri, late)
        assert json.loads(_get(s3, uri))["sequence"] == 5


def test_a_head_set_back_by_hand_is_detected(s3, lake, five):
    _put_json(s3, lake.review_head(), {"sequence": 3, "hash": five.events[2].hash})
    assert "set back" in review_log.read(s3, lake).problems[0]


def test_an_event_whose_writer_was_killed_before_updating_the_anchors_is_no_problem(s3, lake, five):
    for uri in (lake.review_head(), lake.review_anchor()):
        _put_json(s3, uri, {"sequence": 4, "hash": five.events[3].hash})
    assert review_log.read(s3, lake).problems == ()
    review_log.append(s3, lake, review_log.read(s3, lake), _note("next"))
    assert json.loads(_get(s3, lake.review_head()))["sequence"] == 6


def test_fetch_reads_a_changed_object_again(s3, lake, five):
    cache = {}
    review_log.fetch(s3, lake, cache)
    _rewrite(s3, lake, 2, lambda document: document["payload"].update(text="later"))
    assert verify(review_log.fetch(s3, lake, cache)).problems


def test_two_writers_cannot_append_the_same_sequence_number(s3, lake, five):
    review_log.append(s3, lake, five, _note("mine"))
    with pytest.raises(AppendConflict):
        review_log.append(s3, lake, five, _note("theirs"))
    assert review_log.read(s3, lake).problems == ()


def _no_problems(log):
    return Log(log.events)


def _get(s3, uri):
    bucket, key = split(uri)
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def _put(s3, uri, body):
    bucket, key = split(uri)
    s3.put_object(Bucket=bucket, Key=key, Body=body)


def _put_json(s3, uri, document):
    _put(s3, uri, json.dumps(document))


def _delete(s3, uri):
    bucket, key = split(uri)
    s3.delete_object(Bucket=bucket, Key=key)


def _rewrite(s3, lake, number, change):
    bucket, key = split(lake.review(number))
    document = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    change(document)
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(document))
