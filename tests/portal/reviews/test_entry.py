"""Appending under retries and concurrency: each event is written once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from botocore.exceptions import ReadTimeoutError

from portal.core.clients import Clients
from portal.core.context import Context
from portal.reviews import entry
from portal.reviews import read_model as review_log
from portal.reviews.entry import ReviewConflict, append_event

SUBJECT = {"run_id": "r", "table_name": "patients", "rule_id": "X-1"}


@pytest.fixture
def lee(portal, lake_prefix):
    settings = replace(
        portal.settings, prefix=lake_prefix, buckets=lake_prefix, user="dr.lee", role="clinician"
    )
    aws = Context(settings, portal._clients)
    aws.client("s3").create_bucket(Bucket=aws.lake.bucket("quality"))
    return aws


def _dismiss(aws, text, seen=None, subject=SUBJECT):
    return append_event(aws, "finding_dismissed", subject, {"text": text}, seen)


class _Lossy:
    """An S3 client whose responses to the first writes of events are lost, after the object was written.

    The SDK tries again, as it does after a time-out, or gives up and finds nothing readable.
    """

    def __init__(self, s3, lost, sdk_retries):
        self._s3, self._lost, self._retries = s3, lost, sdk_retries

    def __getattr__(self, name):
        return getattr(self._s3, name)

    def put_object(self, **request):
        answer = self._s3.put_object(**request)
        if self._lost and "head" not in request["Key"]:
            self._lost -= 1
            if self._retries:
                return self._s3.put_object(**request)
            self._unreadable = True
            raise ReadTimeoutError(endpoint_url="https://s3")
        return answer

    _unreadable = False

    def get_object(self, **request):
        if self._unreadable:
            self._unreadable = False
            raise ReadTimeoutError(endpoint_url="https://s3")
        return self._s3.get_object(**request)


def _with_s3(aws, s3):
    return Context(aws.settings, Clients(_clients={"s3": s3}))


def test_a_retry_of_the_sdk_leaves_one_event(lee):
    lossy = _with_s3(lee, _Lossy(lee.client("s3"), 3, sdk_retries=True))
    assert _dismiss(lossy, "Once.").sequence == 1
    assert len(review_log.log(lee).events) == 1


def test_sending_a_form_again_after_a_lost_response_returns_the_recorded_event(lee):
    lossy = _with_s3(lee, _Lossy(lee.client("s3"), 1, sdk_retries=False))
    with pytest.raises(ReadTimeoutError):
        _dismiss(lossy, "Once.", seen=0)
    assert _dismiss(lossy, "Once.", seen=0).sequence == 1
    assert len(review_log.log(lee).events) == 1


def test_the_same_text_of_another_user_or_later_is_another_event(lee):
    kim = replace(lee, settings=replace(lee.settings, user="dr.kim"))
    assert _dismiss(lee, "Fine.", seen=0).sequence == 1
    with pytest.raises(ReviewConflict, match=r"dr\.lee made a change"):
        _dismiss(kim, "Fine.", seen=0)
    assert _dismiss(kim, "Fine.", seen=1).sequence == 2
    assert _dismiss(lee, "Fine.", seen=2).sequence == 3


def test_a_query_sent_again_keeps_the_id_of_the_first(lee):
    payload = {"text": "Why?", "assignee": "", "due": "2026-01-02", "record_keys": []}
    first, second = (
        append_event(lee, "query_opened", {**SUBJECT, "query_id": name}, payload, 0)
        for name in ("Q-1", "Q-2")
    )
    assert (first.subject["query_id"], second) == ("Q-1", first)


def test_200_concurrent_writers_leave_200_events(lee):
    with ThreadPoolExecutor(200) as pool:
        list(pool.map(lambda n: _dismiss(lee, f"Text {n}."), range(200)))
    found = review_log.log(lee)
    assert found.problems == ()
    assert sorted(event.payload["text"] for event in found.events) == sorted(f"Text {n}." for n in range(200))


def test_writers_of_other_processes_take_turns_by_retrying(lee, monkeypatch):
    monkeypatch.setattr(entry, "_writers", _NoTurns())
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda n: _dismiss(lee, f"Text {n}."), range(30)))
    found = review_log.log(lee)
    assert (len(found.events), found.problems) == (30, ())


class _NoTurns(dict):
    """A lock for each writer of its own, as processes have."""

    def setdefault(self, _key, lock):
        return lock
