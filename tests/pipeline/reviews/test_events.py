"""The chain of review events: whatever is altered, removed or put in is found."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.lake.uris import Lake, split
from pipeline.releases import model as release
from pipeline.releases import publish
from pipeline.releases.model import Release
from pipeline.reviews import events
from pipeline.reviews.events import GENESIS, Anchor, Event, Found, Log, Raced


@pytest.fixture
def lake(aws, lake_prefix):
    lake = Lake(lake_prefix)
    aws.client("s3").create_bucket(Bucket=lake.bucket("quality"))
    return lake


@pytest.fixture
def s3(aws):
    return aws.client("s3")


def _said(number):
    return events.event("lee", "clinician", "release_noted", {"run_id": "r"}, {"text": f"word {number}"})


@pytest.fixture
def five(s3, lake):
    for number in range(5):
        events.append(s3, lake, events.read(s3, lake), _said(number))
    return events.read(s3, lake)


def test_an_empty_log_verifies(s3, lake):
    assert events.read(s3, lake) == Log()


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
    assert events.read(s3, lake).problems == (f"Event {number} was altered after it was written.",)


@pytest.mark.parametrize("number", range(1, 6))
def test_an_altered_event_with_a_new_hash_is_found(s3, lake, five, number):
    def forge(document):
        document["by"] = "somebody else"
        document["hash"] = Event(**document).digest()

    _rewrite(s3, lake, number, forge)
    assert events.read(s3, lake).problems


@pytest.mark.parametrize("number", range(1, 6))
def test_a_removed_event_is_found(s3, lake, five, number):
    bucket, key = split(lake.review(number))
    s3.delete_object(Bucket=bucket, Key=key)
    assert f"Event {number} is missing." in events.read(s3, lake).problems


def test_damaged_bytes_are_found(s3, lake, five):
    _put(s3, lake.review(3), b"{")
    assert "cannot be read" in events.read(s3, lake).problems[0]


@pytest.mark.parametrize("note", [Lake.review_head, Lake.review_anchor])
def test_a_missing_note_of_the_newest_event_is_found(s3, lake, five, note):
    _delete(s3, note(lake))
    assert "is missing" in events.read(s3, lake).problems[0]


@pytest.mark.parametrize("note", [Lake.review_head, Lake.review_anchor])
@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"null", b"{}", b'{"number": "5", "hash": ""}', b'{"number": 5}']
)
def test_a_damaged_note_is_found(s3, lake, five, note, body):
    _put(s3, note(lake), body)
    (problem,) = events.read(s3, lake).problems
    assert "cannot be read" in problem


def test_the_last_event_cut_off_and_the_head_rewritten_is_found(s3, lake, five):
    _delete(s3, lake.review(5))
    _put_json(s3, lake.review_head(), {"number": 4, "hash": five.events[3].hash})
    assert "Event 5 is missing." in events.read(s3, lake).problems


@pytest.mark.parametrize("count", [1, 5])
def test_a_folder_that_was_emptied_is_found(s3, lake, count):
    for number in range(count):
        events.append(s3, lake, events.read(s3, lake), _said(number))
    for number in range(1, count + 1):
        _delete(s3, lake.review(number))
    _delete(s3, lake.review_head())
    missing = "Event 1 is missing." if count == 1 else "Events 1 to 5 are missing."
    assert missing in events.read(s3, lake).problems


def test_a_release_remembers_the_log_that_it_was_made_under(s3, lake, five):
    made = Release("r1", "r1", [], "publish", "", reviewed=events.newest(five))
    release.write(s3, lake, made)
    for address in (*map(lake.review, range(1, 6)), lake.review_head(), lake.review_anchor()):
        _delete(s3, address)
    assert events.read(s3, lake).problems == ("Events 1 to 5 are missing.",)
    for number in range(5):
        events.append(s3, lake, _no_problems(events.read(s3, lake)), _said(f"other {number}"))
    (problem,) = events.read(s3, lake).problems
    assert "Event 5 is not the one that releases/r1.json names" in problem


def test_what_is_published_remembers_the_log_too(s3, lake, five):
    release.write(s3, lake, Release("r1", "r1", [], "publish", ""))
    publish.publish(
        s3, lake, "r1", expect=None, by="lee", reason="", refresh_views=str, reviewed=events.newest(five)
    )
    for address in (lake.review(5), lake.review_head(), lake.review_anchor()):
        _delete(s3, address)
    assert "Event 5 is missing." in events.read(s3, lake).problems


def test_a_second_event_under_the_same_number_is_found(s3, lake, five):
    forged = json.loads(_get(s3, lake.review(5)))
    forged["said"]["text"] = "forged"
    forged["hash"] = Event(**forged).digest()
    _put_json(s3, lake.review(5).replace("00000005", "00000005b"), forged)
    (problem,) = events.read(s3, lake).problems
    assert problem == "00000005b.json is not the place of an event: it was put there by hand."
    assert [event.said["text"] for event in events.read(s3, lake).events][-1] == "word 4"


def test_an_event_copied_to_the_next_place_is_found(s3, lake, five):
    _put(s3, lake.review(6), _get(s3, lake.review(5)))
    assert events.read(s3, lake).problems == ("00000006.json holds event 5: it was moved or copied there.",)


@pytest.mark.parametrize(
    "change",
    [
        {"number": "3"}, {"number": True}, {"said": []}, {"subject": {}}, {"by": None}, {"kind": 7},
        {"kind": "query_opened"}, {"kind": "finding_accepted"}, {"extra": 1},
    ],
)  # fmt: skip
def test_an_event_of_the_wrong_shape_is_found_and_shown_to_nobody(s3, lake, five, change):
    _rewrite(s3, lake, 3, lambda document: document.update(change))
    log = events.read(s3, lake)
    assert log.problems
    assert 3 not in [event.number for event in log.events]


def test_a_slower_writer_puts_no_note_back(s3, lake, five):
    late = five.events[1]
    for address in (lake.review_head(), lake.review_anchor()):
        events._forward(s3, address, late)
        assert json.loads(_get(s3, address))["number"] == 5


def test_a_head_put_back_by_hand_is_found(s3, lake, five):
    _put_json(s3, lake.review_head(), {"number": 3, "hash": five.events[2].hash})
    assert "put back" in events.read(s3, lake).problems[0]


def test_an_event_whose_writer_was_killed_before_its_notes_is_no_problem(s3, lake, five):
    for address in (lake.review_head(), lake.review_anchor()):
        _put_json(s3, address, {"number": 4, "hash": five.events[3].hash})
    assert events.read(s3, lake).problems == ()
    events.append(s3, lake, events.read(s3, lake), _said("next"))
    assert json.loads(_get(s3, lake.review_head()))["number"] == 6


def _chain(count):
    """Events that follow one another, as documents, with their keys."""
    documents, before = [], GENESIS
    for number in range(1, count + 1):
        event = Event(
            number, "t", "lee", "clinician", "release_noted", {"run_id": "r"}, {"text": f"w{number}"}, before
        )
        documents.append(asdict(event.sealed()))
        before = documents[-1]["hash"]
    return [f"reviews/{d['number']:08d}.json" for d in documents], documents


def _verified(keys, documents, last):
    bodies = [json.dumps(document).encode() for document in documents]
    note = {"number": last["number"], "hash": last["hash"]}
    return events.verify(
        Found(
            events=tuple((key, events._event(key, body)) for key, body in zip(keys, bodies, strict=True)),
            head=Anchor("reviews/head.json", **note),
            twin=Anchor("review_anchor.json", **note),
        )
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(st.data(), st.integers(1, 6))
def test_any_single_alteration_is_found(data, count):
    keys, documents = _chain(count)
    assert _verified(keys, documents, documents[-1]).problems == ()
    last, changed = documents[-1], copy.deepcopy(documents)
    which = data.draw(st.integers(0, count - 1))
    name = data.draw(st.sampled_from(sorted(changed[which])))
    changed[which][name] = data.draw(
        JSON.filter(lambda v: json.dumps(v) != json.dumps(documents[which][name]))
    )
    if data.draw(st.booleans(), "with a new hash"):
        with suppress(TypeError, AttributeError):
            changed[which]["hash"] = Event(**changed[which]).digest()
    if changed != documents:
        assert _verified(keys, changed, last).problems


@given(st.data(), st.integers(1, 6))
def test_any_removal_or_other_order_is_found(data, count):
    keys, documents = _chain(count)
    order = data.draw(
        st.lists(st.integers(0, count - 1), max_size=count).filter(lambda o: o != list(range(count)))
    )
    moved = [documents[n] for n in order]
    assert _verified(keys[: len(order)], moved, documents[-1]).problems, "moved up"
    kept = sorted(set(order))
    if len(kept) < count:
        assert _verified([keys[n] for n in kept], [documents[n] for n in kept], documents[-1]).problems, (
            "left out"
        )


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_break_the_reading(body):
    found = Found(events=(("reviews/00000001.json", events._event("", body)),))
    assert events.verify(found).problems
    assert events._release_anchor("releases/x.json", body) in {(), None}


def test_what_is_known_is_read_again_only_when_it_changed(s3, lake, five):
    known = {}
    events.fetch(s3, lake, known)
    _rewrite(s3, lake, 2, lambda document: document["said"].update(text="later"))
    assert events.verify(events.fetch(s3, lake, known)).problems


def test_two_writers_cannot_take_one_place(s3, lake, five):
    events.append(s3, lake, five, _said("mine"))
    with pytest.raises(Raced):
        events.append(s3, lake, five, _said("theirs"))
    assert events.read(s3, lake).problems == ()


def _no_problems(log):
    return Log(log.events)


def _get(s3, address):
    bucket, key = split(address)
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def _put(s3, address, body):
    bucket, key = split(address)
    s3.put_object(Bucket=bucket, Key=key, Body=body)


def _put_json(s3, address, document):
    _put(s3, address, json.dumps(document))


def _delete(s3, address):
    bucket, key = split(address)
    s3.delete_object(Bucket=bucket, Key=key)


def _rewrite(s3, lake, number, change):
    bucket, key = split(lake.review(number))
    document = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    change(document)
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(document))
