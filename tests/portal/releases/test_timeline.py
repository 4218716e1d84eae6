"""The timeline of releases: publications, rollbacks and signatures, and the state of each release."""

from __future__ import annotations

import pytest

from pipeline.releases.model import LOG_LIMIT, Published, Release
from pipeline.reviews.events import Event
from portal.releases import timeline


def release(name, decision="publish"):
    return Release(name, name, ["b"], decision, "2026-01-01T00:00:00Z")


def signed(name, verdict, at="2026-01-03T00:00:00.000Z", text="Seen."):
    payload = {"verdict": verdict, "text": text, "meaning": "I have reviewed it."}
    return Event(1, at, "dr.lee", "clinician", "release_signed", {"run_id": name}, payload)


FIRST = Published("r1", "2026-01-01T00:00:00Z", "pipeline", "audit decided: publish")
SECOND = FIRST.followed_by("r2", "2026-01-02T00:00:00Z", "kim", "Corrected doses.")
BACK = SECOND.followed_by("r1", "2026-01-04T00:00:00Z", "kim", "Readers asked.")


def test_a_rollback_leaves_its_trace_with_person_and_reason():
    found = timeline.entries(BACK, [signed("r2", "approve")])
    assert [(e.action, e.release_id, e.by, e.reason, e.replaced) for e in found] == [
        ("rolled back", "r1", "kim", "Readers asked.", "r2"),
        ("approved", "r2", "dr.lee", "Seen.", None),
        ("published", "r2", "kim", "Corrected doses.", "r1"),
        ("published", "r1", "pipeline", "No finding", None),
    ]
    assert BACK.history == []
    assert BACK.previous_release_id is None


def test_a_record_of_an_older_installation_has_its_last_publication():
    old = Published("r2", "2026-01-02T00:00:00Z", "kim", "Corrected.", ["r1"])
    assert [(e.action, e.release_id) for e in timeline.entries(old, [])] == [("published", "r2")]
    assert [e.release_id for e in old.followed_by("r3", "2026-01-03T00:00:00Z", "k", "").publications] == [
        "r3",
        "r2",
    ]


def test_the_log_keeps_the_newest():
    published = FIRST
    for n in range(2, LOG_LIMIT + 20):
        published = published.followed_by(f"r{n}", f"{n:06d}", "kim", "")
    assert len(published.log) == LOG_LIMIT
    assert published.publications[0].release_id == f"r{LOG_LIMIT + 19}"


@pytest.mark.parametrize(
    ("name", "decision", "published", "events", "state"),
    [
        ("r2", "publish", SECOND, [], "published"),
        ("r1", "publish", SECOND, [], "published earlier"),
        ("r2", "publish", BACK, [], "rolled back"),
        ("r3", "hold", SECOND, [], "held"),
        ("r3", "hold", SECOND, [signed("r3", "approve")], "approved"),
        ("r3", "hold", None, [signed("r3", "approve"), signed("r3", "reject")], "rejected"),
        ("r3", "publish_with_warnings", None, [], "not published"),
    ],
)
def test_the_state_is_what_readers_see_else_what_people_decided(name, decision, published, events, state):
    assert timeline.state(release(name, decision), published, events) == state


def test_without_anything_there_is_nothing():
    assert timeline.entries(None, []) == []
