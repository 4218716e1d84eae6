"""Parsing of events: invalid bytes are rejected without an exception."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pipeline.reviews.events import parse_event, parse_json
from pipeline.reviews.integrity import StoredLog, parse_head, verify

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_parsing_accepts_any_bytes(body):
    found = StoredLog(events=(("reviews/00000001.json", parse_event(body)),))
    assert verify(found).problems
    assert parse_head(parse_json(body)) is None
