"""Verify the hash chain of the review log and its anchors.

Detected: an event that was altered, removed, moved or inserted does not match the hashes of its neighbors.
Anchors detect the removal of the newest events: ``reviews/head.json`` and ``review_anchor.json`` name the
newest event and never go back; each release and ``releases/current.json`` name the event that was newest when
they were written.

Not detected: no secret key is involved, so a person who can rewrite every object of the bucket can write a
different history that verifies. The newest event can be removed undetected if its writer was killed before it
updated the anchors. On AWS, Object Lock (six years) and object versions prevent both; on a laptop the owner
of the directory is trusted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.reviews.events import GENESIS, Event, parse_json


@dataclass(frozen=True)
class Log:
    """The events with a valid hash, in order, and one sentence per integrity problem."""

    events: tuple[Event, ...] = ()
    problems: tuple[str, ...] = ()

    def of_run(self, run_id: str) -> list[Event]:
        """Return the events of one run."""
        return [event for event in self.events if event.subject.get("run_id") == run_id]

    def newest(self) -> dict[str, Any] | None:
        """Return sequence number and hash of the newest event; None if the log is empty or has problems."""
        if self.problems or not self.events:
            return None
        return {"sequence": self.events[-1].sequence, "hash": self.events[-1].hash}


@dataclass(frozen=True)
class Anchor:
    """A record outside the chain that names one of its events; `key` is the S3 key of the record."""

    key: str
    sequence: int
    hash: str


@dataclass(frozen=True)
class StoredLog:
    """The content of the bucket before verification: events by key (None if unreadable), and anchors.

    `head` and `twin` are the two anchors of the newest event, ``reviews/head.json`` and
    ``review_anchor.json``.
    """

    events: tuple[tuple[str, Event | None], ...] = ()
    head: Anchor | None = None
    twin: Anchor | None = None
    releases: tuple[Anchor, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def anchors(self) -> list[Anchor]:
        """Return all anchors."""
        return [anchor for anchor in (self.head, self.twin, *self.releases) if anchor]


def unreadable(key: str) -> str:
    """Return the problem of an object that cannot be parsed."""
    return f"{key} cannot be read: it was altered or damaged."


def parse_anchor(key: str, document: Any) -> Anchor | None:
    """Return the anchor, or None if the document is not one."""
    if not isinstance(document, dict):
        return None
    sequence, digest = document.get("sequence"), document.get("hash")
    return Anchor(key, sequence, digest) if type(sequence) is int and isinstance(digest, str) else None


def parse_release_anchor(key: str, body: bytes) -> tuple[Anchor, ...] | None:
    """Return the anchor in a release document, if it has one; None if the document cannot be parsed."""
    document = parse_json(body)
    if not isinstance(document, dict):
        return None
    if document.get("reviewed") is None:
        return ()
    anchor = parse_anchor(key, document["reviewed"])
    return None if anchor is None else (anchor,)


def verify(stored: StoredLog) -> Log:
    """Return the verified log: events with a valid hash, and every break of the chain or of an anchor."""
    chain = _Chain()
    for key, event in stored.events:
        chain.add(key.rpartition("/")[2], event)
    problems = [*stored.problems, *chain.problems, *_anchor_problems(stored, chain.events, chain.last)]
    return Log(tuple(chain.events), tuple(problems))


@dataclass
class _Chain:
    """The events verified so far; `previous_hash` is empty when the hash of the last event is unknown."""

    events: list[Event] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    last: int = 0
    previous_hash: str = GENESIS

    def add(self, name: str, event: Event | None) -> None:
        """Verify the next object, named `name`."""
        if not re.fullmatch(r"\d{8}\.json", name) or int(name[:8]) == 0:
            self.problems.append(f"{name} is not a valid event key: it was put there by hand.")
            return
        sequence = int(name[:8])
        if sequence > self.last + 1:
            self.problems.append(_missing(self.last + 1, sequence - 1))
            self.previous_hash = ""
        self.last = sequence
        self._verify(name, sequence, event)
        self.previous_hash = event.hash if event and event.sequence == sequence else ""

    def _verify(self, name: str, sequence: int, event: Event | None) -> None:
        if event is None:
            self.problems.append(f"Event {name} cannot be read: it was altered or damaged.")
        elif event.sequence != sequence:
            self.problems.append(f"{name} contains event {event.sequence}: it was moved or copied there.")
        elif event.digest() != event.hash:
            self.problems.append(f"Event {sequence} was altered after it was written.")
        else:
            if self.previous_hash and event.previous_hash != self.previous_hash:
                self.problems.append(f"Event {sequence} does not follow the previous event.")
            self.events.append(event)


def _anchor_problems(stored: StoredLog, events: Sequence[Event], last: int) -> list[str]:
    """Return one sentence per anchor that names a missing or different event, and per missing anchor."""
    problems = []
    newest = max((anchor.sequence for anchor in stored.anchors), default=0)
    if newest > last:
        problems.append(_missing(last + 1, newest))
    hashes = {event.sequence: event.hash for event in events}
    problems += [
        f"Event {anchor.sequence} is not the event that {anchor.key} names: one of the two was replaced."
        for anchor in stored.anchors
        if hashes.get(anchor.sequence, anchor.hash) != anchor.hash or anchor.sequence < 1
    ]
    return problems + _head_problems(stored, last)


def _head_problems(stored: StoredLog, last: int) -> list[str]:
    """Return the problems of the two anchors that name the newest event: missing, or set back."""
    unread = " ".join(stored.problems)
    missing = []
    if stored.head is None and (last > 1 or stored.twin):
        missing.append("reviews/head.json")
    if stored.twin is None and last > 1:
        missing.append("review_anchor.json")
    problems = [f"The anchor of the newest event ({key}) is missing." for key in missing if key not in unread]
    if stored.head and stored.twin and stored.head.sequence < stored.twin.sequence:
        problems.append(
            "The anchor of the newest event (reviews/head.json) was set back to an earlier event."
        )
    return problems


def _missing(first: int, last: int) -> str:
    return f"Event {first} is missing." if first == last else f"Events {first} to {last} are missing."
