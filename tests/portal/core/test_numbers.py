"""Numbers of runs, releases and batches: given once, oldest first, and the same in every process."""

from __future__ import annotations

import itertools

import pytest
from botocore.exceptions import ClientError

from portal.core import numbers
from portal.core.context import Context
from portal.core.settings import Settings

SETTINGS = Settings(prefix="hdp", buckets="hdp", state_machine_arn="arn", user="kim", role="viewer")
ARN = "s3://hdp-quality/numbers/run.json"


class Store:
    """The stored numbers, with a version for each write, as conditional writes see it."""

    def __init__(self, **known):
        self.known, self.version = dict(known), 1 if known else 0

    def read(self, _, uri):
        assert uri == ARN
        return (dict(self.known), str(self.version)) if self.version else None

    def write(self, _, uri, document, **condition):
        assert uri == ARN
        expected = {"IfMatch": str(self.version)} if self.version else {"IfNoneMatch": "*"}
        if condition != expected:
            return False
        self.known, self.version = dict(document), self.version + 1
        return True


@pytest.fixture
def opened(monkeypatch):
    """Return a function that opens a process on the stored numbers."""

    def process(store):
        monkeypatch.setattr(numbers, "read_json", store.read)
        monkeypatch.setattr(numbers, "write_json", store.write)
        monkeypatch.setattr(Context, "client", lambda *_: None)
        return Context(SETTINGS)

    return process


def test_the_oldest_has_number_one_and_a_new_one_the_next(opened):
    store, ids = Store(), ["c", "b", "a"]
    context = opened(store)
    assert [numbers.number(context, "run", name, lambda: ids) for name in "abc"] == [1, 2, 3]
    assert numbers.number(context, "run", "d", lambda: ["d", *ids]) == 4
    assert store.known == {"a": 1, "b": 2, "c": 3, "d": 4}


def test_a_number_stays_after_what_it_names_was_deleted(opened):
    context = opened(Store(a=1, b=2))
    assert numbers.number(context, "run", "c", lambda: ["c"]) == 3
    assert numbers.number(context, "run", "a", lambda: ["c"]) == 1


def test_two_processes_give_the_same_numbers(opened):
    store = Store(a=1)
    first, second = opened(store), opened(store)
    assert numbers.number(first, "run", "b", lambda: ["b", "a"]) == 2
    assert numbers.number(second, "run", "c", lambda: ["c", "b", "a"]) == 3
    assert numbers.number(first, "run", "c", lambda: ["c", "b", "a"]) == 3


def test_a_write_between_reading_and_writing_loses_no_number(opened, monkeypatch):
    store = Store(a=1)
    context, turns = opened(store), itertools.count()

    def write(*args, **condition):
        if next(turns) == 0:
            store.known, store.version = {"a": 1, "b": 2}, store.version + 1  # another process was first
        return store.write(*args, **condition)

    monkeypatch.setattr(numbers, "write_json", write)
    assert numbers.number(context, "run", "c", lambda: ["c", "b", "a"]) == 3
    assert store.known == {"a": 1, "b": 2, "c": 3}


def test_known_names_are_answered_without_a_request(opened, monkeypatch):
    context = opened(Store(a=1))
    assert numbers.number(context, "run", "a", list) == 1
    monkeypatch.setattr(numbers, "read_json", lambda *_: pytest.fail("a request for a known name"))
    assert numbers.number(context, "run", "a", list) == 1


def test_an_unknown_name_is_not_looked_for_at_every_redraw(opened):
    context, listed = opened(Store(a=1)), []
    for _ in range(5):
        assert numbers.number(context, "run", "nowhere", lambda: listed.append(1) or ["a"]) is None
    assert len(listed) == 1


def test_a_resumed_run_first_in_the_list_hides_no_new_one(opened):
    context = opened(Store(a=1, b=2))
    assert numbers.number(context, "run", "c", lambda: ["a", "c", "b"]) == 3


def test_a_listing_stops_where_all_is_known(opened):
    known = {f"r{n}": n for n in range(1, 1001)}
    context, read = opened(Store(**known)), []

    def every():
        for n in range(1001, 0, -1):
            read.append(n)
            yield f"r{n}"

    assert numbers.number(context, "run", "r1001", every) == 1001
    assert len(read) < 100


def test_without_the_right_to_write_there_is_no_number(opened, monkeypatch):
    context = opened(Store())

    def refused(*_, **__):
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "PutObject")

    monkeypatch.setattr(numbers, "write_json", refused)
    assert numbers.number(context, "run", "a", lambda: ["a"]) is None
