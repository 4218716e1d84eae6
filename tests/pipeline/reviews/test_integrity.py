"""The hash chain: any alteration, removal or reordering of events is detected."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from dataclasses import asdict

from hypothesis import given
from hypothesis import strategies as st

from pipeline.reviews.events import GENESIS, Event, parse_event
from pipeline.reviews.integrity import Head, StoredLog, verify


def _chain(count):
    """Return a valid chain of events, as documents, and their keys."""
    documents, previous_hash = [], GENESIS
    for number in range(1, count + 1):
        event = Event(
            number,
            "t",
            "lee",
            "clinician",
            "release_noted",
            {"run_id": "r"},
            {"text": f"w{number}"},
            previous_hash,
        )
        documents.append(asdict(event.sealed()))
        previous_hash = documents[-1]["hash"]
    return [f"reviews/{d['sequence']:08d}.json" for d in documents], documents


def _verified(keys, documents, last):
    bodies = [json.dumps(document).encode() for document in documents]
    return verify(
        StoredLog(
            events=tuple((key, parse_event(body)) for key, body in zip(keys, bodies, strict=True)),
            head=Head(last["sequence"], last["hash"]),
        )
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(st.data(), st.integers(1, 6))
def test_any_single_alteration_is_detected(data, count):
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
def test_any_removal_or_reordering_is_detected(data, count):
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
