"""The timeline of releases: who published, signed and rolled back what, when and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.releases.model import Publication, Published, Release
from pipeline.reviews.events import Event

Action = Literal["published", "rolled back", "approved", "rejected"]


@dataclass(frozen=True)
class Entry:
    """One action on a release. For a rollback, `replaced` is the release that was published until then."""

    at: str
    action: Action
    release_id: str
    by: str
    reason: str
    replaced: str | None = None


_AUTOMATIC = {
    "audit decided: publish": "No finding",
    "audit decided: publish_with_warnings": "No blocking finding",
}
"""Reasons of the pipeline's own publications, in words."""


def reason(publication: Publication) -> str:
    """Return why a release was published."""
    return _AUTOMATIC.get(publication.reason, publication.reason)


def entries(published: Published | None, events: Sequence[Event]) -> list[Entry]:
    """Return the publications, rollbacks and signatures, newest first."""
    changes = published.publications if published else []
    found = [
        Entry(each.at, "rolled back" if each.is_rollback else "published", each.release_id, each.by,
              reason(each), each.before)
        for each in changes
    ]  # fmt: skip
    found += [_signed(event) for event in events if event.kind == "release_signed"]
    return sorted(found, key=lambda entry: entry.at, reverse=True)


def _signed(event: Event) -> Entry:
    action: Action = "approved" if event.payload["verdict"] == "approve" else "rejected"
    return Entry(event.at, action, event.subject["run_id"], event.by, event.payload["text"])


State = Literal[
    "published", "published earlier", "rolled back", "rejected", "approved", "held", "not published"
]


def state(release: Release, published: Published | None, events: Sequence[Event]) -> State:
    """Return the state of a release: what readers see, else the last signature, else the audit's decision."""
    name = release.release_id
    if published and published.release_id == name:
        return "published"
    if published and name in published.history:
        return "published earlier"
    if published and any(each.is_rollback and each.before == name for each in published.publications):
        return "rolled back"
    signed = [e for e in events if e.kind == "release_signed" and e.subject["run_id"] == release.run_id]
    if signed:
        return "approved" if signed[-1].payload["verdict"] == "approve" else "rejected"
    return "held" if release.decision == "hold" else "not published"
