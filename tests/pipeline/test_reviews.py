"""The chain of review events: whatever is altered, removed or put in is found."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import reviews
from pipeline.lake import Lake, split
from pipeline.reviews import Event, Log, Raced


@pytest.fixture
def lake(aws, lake_prefix):
    lake = Lake(lake_prefix)
    aws.client("s3").create_bucket(Bucket=lake.bucket("quality"))
    return lake


@pytest.fixture
def s3(aws):
    return aws.client("s3")


def _said(number):
    return reviews.event("lee", "clinician", "query_opened", {"run_id": "r"}, {"text": f"word {number}"})


@pytest.fixture
def five(s3, lake):
    for number in range(5):
        reviews.append(s3, lake, reviews.read(s3, lake), _said(number))
    return reviews.read(s3, lake)


def test_an_empty_log_verifies(s3, lake):
    assert reviews.read(s3, lake) == Log()


def test_events_come_back_in_order_and_verify(five):
    assert [event.number for event in five.events] == [1, 2, 3, 4, 5]
    assert [event.said["text"] for event in five.events] == [f"word {n}" for n in range(5)]
    assert five.problems == ()


def test_an_event_is_locked_for_six_years(s3, lake, five):
    bucket, key = split(lake.review(3))
    kept = s3.head_object(Bucket=bucket, Key=key)
    assert kept["ObjectLockMode"] == "GOVERNANCE"
    assert kept["ObjectLockRetainUntilDate"] > datetime.now(UTC) + timedelta(days=6 * 365)


@pytest.mark.parametrize("number", range(1, 6))
def test_an_altered_event_is_found(s3, lake, five, number):
    _rewrite(s3, lake, number, lambda document: document["said"].update(text="something else"))
    assert reviews.read(s3, lake).problems == (f"Event {number} was altered after it was written.",)


@pytest.mark.parametrize("number", range(1, 6))
def test_an_altered_event_with_a_new_hash_is_found(s3, lake, five, number):
    def forge(document):
        document["by"] = "somebody else"
        document["hash"] = Event(**document).digest()

    _rewrite(s3, lake, number, forge)
    assert reviews.read(s3, lake).problems


@pytest.mark.parametrize("number", range(1, 6))
def test_a_removed_event_is_found(s3, lake, five, number):
    bucket, key = split(lake.review(number))
    s3.delete_object(Bucket=bucket, Key=key)
    assert f"Event {number} is missing." in reviews.read(s3, lake).problems


def test_damaged_bytes_are_found(s3, lake, five):
    bucket, key = split(lake.review(3))
    s3.put_object(Bucket=bucket, Key=key, Body=b"{")
    assert "cannot be read" in reviews.read(s3, lake).problems[0]


def test_a_missing_note_of_the_newest_event_is_found(s3, lake, five):
    bucket, key = split(lake.review_head())
    s3.delete_object(Bucket=bucket, Key=key)
    assert reviews.read(s3, lake).problems


def test_what_is_known_is_read_again_only_when_it_changed(s3, lake, five):
    known = {}
    reviews.fetch(s3, lake, known)
    _rewrite(s3, lake, 2, lambda document: document["said"].update(text="later"))
    assert reviews.verify(*reviews.fetch(s3, lake, known)).problems


def test_two_writers_cannot_take_one_place(s3, lake, five):
    reviews.append(s3, lake, five, _said("mine"))
    with pytest.raises(Raced):
        reviews.append(s3, lake, five, _said("theirs"))
    assert reviews.read(s3, lake).problems == ()


KINDS = st.sampled_from(["finding_accepted", "finding_rejected", "acceptance_withdrawn", "query_opened"])


@given(st.lists(st.tuples(KINDS, st.sampled_from(["PAT-C01", "ENC-P05"]))))
def test_the_last_word_on_a_finding_counts(words):
    said = {"reason": "verified", "until": "2027-01-01", "rate": 0.1, "margin": 0.0}
    events = [
        Event(
            n, "", "lee", "clinician", kind, {"run_id": "r", "table_name": "patients", "rule_id": rule}, said
        )
        for n, (kind, rule) in enumerate(words, 1)
    ]
    last = {rule: kind for kind, rule in words if kind != "query_opened"}
    expected = {("patients", rule) for rule, kind in last.items() if kind == "finding_accepted"}
    assert set(reviews.acceptances(events)) == expected


def test_an_acceptance_covers_its_day_and_its_margin():
    made = reviews.Acceptance("patients", "PAT-C01", "lee", "verified", "2026-12-31", 0.1, 0.02, 1)
    assert made.covers(0.12, date(2026, 12, 31))
    assert not made.covers(0.13, date(2026, 12, 31))
    assert not made.covers(0.1, date(2027, 1, 1))
    assert not made.covers(None, date(2026, 12, 1))


def _rewrite(s3, lake, number, change):
    bucket, key = split(lake.review(number))
    document = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    change(document)
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(document))
