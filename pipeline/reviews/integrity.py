"""Verify the hash chain of the review log and its head.

Detected: an event that was altered, removed, moved or inserted does not match the hashes of its neighbors.
The head, ``reviews/head.json``, names the newest event and never goes back, so that the removal of the newest
events is detected too.

An event that lost texts in a purge is accepted if a later event of the chain records its present content.

Not detected: no secret key is involved, so a person who can rewrite every object of the bucket can write a
different history that verifies, or remove the newest events with the head. On AWS, Object Lock (six years)
and object versions prevent both; on a laptop the owner of the directory is trusted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from pipeline.reviews.events import GENESIS, Event

HEAD = "reviews/head.json"


@dataclass(frozen=True)
class Log:
    """The events with a valid hash, in order, and one sentence per integrity problem."""

    events: tuple[Event, ...] = ()
    problems: tuple[str, ...] = ()

    def of_run(self, run_id: str) -> list[Event]:
        """Return the events of one run."""
        return [event for event in self.events if event.subject.get("run_id") == run_id]


@dataclass(frozen=True)
class Head:
    """The record that names the newest event of the chain; it is stored outside the chain."""

    sequence: int
    hash: str


@dataclass(frozen=True)
class StoredLog:
    """The content of the bucket before verification.

    `events` are pairs of key and event (None if unreadable); `problems` are sentences about an unreadable
    head.
    """

    events: tuple[tuple[str, Event | None], ...] = ()
    head: Head | None = None
    problems: tuple[str, ...] = ()


def unreadable(key: str) -> str:
    """Return the sentence that reports an object that cannot be parsed."""
    return f"{key} cannot be read: it was altered or damaged."


def parse_head(document: Any) -> Head | None:
    """Return the head, or None if the document is not one."""
    if not isinstance(document, dict):
        return None
    sequence, digest = document.get("sequence"), document.get("hash")
    return Head(sequence, digest) if type(sequence) is int and isinstance(digest, str) else None


def verify(stored: StoredLog) -> Log:
    """Return the verified log: the events with a valid hash, and a sentence per problem of chain and head."""
    chain = _Chain(redacted=_redacted(stored))
    for key, event in stored.events:
        chain.add(key.rpartition("/")[2], event)
    return Log(tuple(chain.events), (*stored.problems, *chain.problems, *_head_problems(stored, chain)))


REDACTED = "text_redacted"
"""Kind of the event that records that an earlier one lost texts in a purge.

Its payload has the sequence number of that event, and the hash that its content has since then. The redacted
event keeps its own hash, so that the chain stays whole.
"""


def _redacted(stored: StoredLog) -> dict[int, str]:
    """Return the hash of the present content of each redacted event, by sequence number."""
    events = [event for _, event in stored.events if event and event.kind == REDACTED]
    return {
        event.payload["event"]: event.payload["content"] for event in events if event.digest() == event.hash
    }


@dataclass
class _Chain:
    """Events and problems found so far.

    `last` is the sequence number of the last object, `previous_hash` the hash of its event; empty if unknown.
    """

    events: list[Event] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    redacted: dict[int, str] = field(default_factory=dict)
    last: int = 0
    previous_hash: str = GENESIS

    def add(self, name: str, event: Event | None) -> None:
        """Verify the next object: its file name, and its event (None if unreadable)."""
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
        elif event.digest() != event.hash and event.digest() != self.redacted.get(sequence):
            self.problems.append(f"Event {sequence} was altered after it was written.")
        else:
            if self.previous_hash and event.previous_hash != self.previous_hash:
                self.problems.append(f"Event {sequence} does not follow the previous event.")
            self.events.append(event)


def _head_problems(stored: StoredLog, chain: _Chain) -> list[str]:
    """Return the problems of the head, which may lag behind events whose writers are still at work."""
    if stored.head is None:
        is_missing = chain.last > 1 and not stored.problems
        return [f"The head of the review log ({HEAD}) is missing."] if is_missing else []
    sequence, digest = stored.head.sequence, stored.head.hash
    if sequence > chain.last:
        return [_missing(chain.last + 1, sequence)]
    hashes = {event.sequence: event.hash for event in chain.events}
    if sequence < 1 or hashes.get(sequence, digest) != digest:
        return [f"Event {sequence} is not the event that {HEAD} names: one of the two was replaced."]
    return []


def _missing(first: int, last: int) -> str:
    return f"Event {first} is missing." if first == last else f"Events {first} to {last} are missing."
