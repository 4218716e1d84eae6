"""What reviewers said, as a chain of events: appended, never changed, each bound to the one before by its hash.

One object an event below ``reviews/`` of the quality bucket, written on the condition that it is not there yet.
The design follows data clarification in clinical research (query, answer, close) and 21 CFR 11.10(e) and 11.50
(audit trail, signature with name, time and meaning). Standard library only: the audit job reads acceptances from it.

What the chain proves. An event that was altered, removed, moved or put in does not fit its neighbours, and the
newest events do not fit the anchors: ``reviews/head.json`` and its twin ``review_anchor.json`` name the newest
event (its number is also the count) and only ever go forward; each release's document and
``releases/current.json`` name the newest one of the moment at which they were written. A tail that was cut off, a
head that was rewritten, a folder that was emptied: each shows by an anchor that names more.

What it does not. There is no secret key in it: somebody who may rewrite every object of the bucket can write
another history, with all its anchors, that verifies; and an event whose writer was killed before it was anchored
can be cut off unseen until the next one. On AWS neither can be done: events are under Object Lock for six years,
and every object keeps its versions. On a laptop the folder is its owner's.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pipeline.lake.store import read_json, write_json
from pipeline.lake.uris import Lake, split

GENESIS = "0" * 64
RETENTION = timedelta(days=6 * 365 + 2)
"""How long S3's Object Lock keeps an event: six years, as 45 CFR 164.316(b)(2)(i) asks of such records."""


def fingerprint(document: Mapping[str, Any]) -> str:
    """SHA-256 of a document as JSON with sorted keys."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Event:
    """One thing that one person said or did.

    `subject` names what it is about: ``run_id`` always, then ``table_name`` and ``rule_id`` of a finding or
    ``query_id`` of a query. `said` holds what was said; keys of rows are in it, values of rows never.
    """

    number: int
    at: str
    by: str
    role: str
    kind: str
    subject: dict[str, str]
    said: dict[str, Any] = field(default_factory=dict)
    before: str = GENESIS
    hash: str = ""

    def sealed(self) -> Event:
        return replace(self, hash=self.digest())

    def digest(self) -> str:
        """Stands for everything but the hash itself."""
        content = asdict(self)
        del content["hash"]
        return fingerprint(content)

    @property
    def finding(self) -> tuple[str, str] | None:
        """Table and rule, where it is about a finding."""
        table, rule = self.subject.get("table_name"), self.subject.get("rule_id")
        return (table, rule) if table and rule else None


@dataclass(frozen=True)
class Log:
    """The events in order that fit their own hash, and in sentences what is wrong with the chain: empty where nothing is."""

    events: tuple[Event, ...] = ()
    problems: tuple[str, ...] = ()

    def of_run(self, run_id: str) -> list[Event]:
        return [event for event in self.events if event.subject.get("run_id") == run_id]


@dataclass(frozen=True)
class Anchor:
    """A note outside of the chain that names one of its events; `where` is the note's key."""

    where: str
    number: int
    hash: str


@dataclass(frozen=True)
class Found:
    """What lies in the lake, not yet verified: by key each event (None where it cannot be read), and the anchors."""

    events: tuple[tuple[str, Event | None], ...] = ()
    head: Anchor | None = None
    twin: Anchor | None = None
    releases: tuple[Anchor, ...] = ()
    damaged: tuple[str, ...] = ()


Known = dict[str, tuple[str, Any]]
"""What was read before, by key with its ETag, so that only objects that have changed are read again."""


def read(s3: Any, lake: Lake) -> Log:
    """The whole log, verified."""
    return verify(fetch(s3, lake, {}))


def fetch(s3: Any, lake: Lake, known: Known) -> Found:
    """Everything that `verify` looks at; `known` is brought up to date.

    The anchors come first: none may name an event that is written after the events were listed. The twin comes
    before the head, which is written first.
    """
    damaged: list[str] = []
    twin = _note(s3, lake.review_anchor(), damaged)
    head = _note(s3, lake.review_head(), damaged)
    releases = _objects(s3, lake.releases(), known, _release_anchor)
    events = _objects(s3, lake.reviews(), known, _event)
    damaged += [
        f"{key} cannot be read: it was altered or damaged." for key, found in releases if found is None
    ]
    return Found(
        events=tuple((key, event) for key, event in events if not key.endswith("/head.json")),
        head=head,
        twin=twin,
        releases=tuple(anchor for _, found in releases for anchor in found or ()),
        damaged=tuple(damaged),
    )


def _objects(
    s3: Any, address: str, known: Known, parse: Callable[[str, bytes], Any]
) -> list[tuple[str, Any]]:
    """By key, in order, what `parse` makes of each object below `address`."""
    bucket, prefix = split(address)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    listed = [(item["Key"], item["ETag"]) for page in pages for item in page.get("Contents", [])]
    new = [(key, etag) for key, etag in listed if known.get(key, ("", None))[0] != etag]
    with ThreadPoolExecutor(8) as pool:
        bodies = pool.map(lambda item: s3.get_object(Bucket=bucket, Key=item[0])["Body"].read(), new)
        for (key, etag), body in zip(new, bodies, strict=True):
            known[key] = (etag, parse(key, body))
    return [(key, known[key][1]) for key, _ in sorted(listed)]


def _note(s3: Any, address: str, damaged: list[str]) -> Anchor | None:
    """The anchor that lies alone at `address`; a sentence in `damaged` where it cannot be read."""
    where = split(address)[1]
    try:
        found = read_json(s3, address)
    except ValueError:
        found = ({}, "")
    anchor = _anchor(where, found[0]) if found else None
    if found and anchor is None:
        damaged.append(f"{where} cannot be read: it was altered or damaged.")
    return anchor


def _anchor(where: str, document: Any) -> Anchor | None:
    if not isinstance(document, dict):
        return None
    number, digest = document.get("number"), document.get("hash")
    return Anchor(where, number, digest) if type(number) is int and isinstance(digest, str) else None


def _release_anchor(key: str, body: bytes) -> tuple[Anchor, ...] | None:
    """Of a release's document the anchor, if it has one; None where it cannot be read."""
    document = _json(body)
    if not isinstance(document, dict):
        return None
    if document.get("reviewed") is None:
        return ()
    anchor = _anchor(key, document["reviewed"])
    return None if anchor is None else (anchor,)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


_FIELDS = {"number": int, "at": str, "by": str, "role": str, "kind": str, "subject": dict, "said": dict, "before": str, "hash": str}  # fmt: skip
_NUMBER = (int, float)
_SAID: dict[str, dict[str, Any]] = {
    "query_opened": {"text": str, "assignee": str, "due": date, "record_keys": list},
    "query_assigned": {"assignee": str},
    "query_answered": {"text": str},
    "query_closed": {"text": str, "reason": str},
    "query_reopened": {"text": str},
    "finding_accepted": {"reason": str, "until": date, "rate": _NUMBER, "margin": _NUMBER},
    "rows_accepted": {"reason": str, "until": date, "row_hashes": list},
    "row_acceptance_withdrawn": {"row_hashes": list},
    "release_signed": {"text": str, "verdict": str, "meaning": str, "release": str},
}
"""What an event of a kind says at least, and of which type: readers count on it."""


def _event(_key: str, body: bytes) -> Event | None:
    """The event, or None where the bytes are none: readers never meet one that lacks what its kind says."""
    document = _json(body)
    if not isinstance(document, dict) or set(document) != set(_FIELDS):
        return None
    if not all(_is(document[name], kind) for name, kind in _FIELDS.items()):
        return None
    names = {"run_id"}
    if document["kind"].startswith("query_"):
        names |= {"query_id", "table_name", "rule_id"}
    said = _SAID.get(document["kind"], {})
    whole = all(_is(document["subject"].get(name), str) for name in names) and all(
        _is(document["said"].get(name), kind) for name, kind in said.items()
    )
    return Event(**document) if whole else None


def _is(value: Any, kind: Any) -> bool:
    if kind is date:
        try:
            return bool(date.fromisoformat(value))
        except (TypeError, ValueError):
            return False
    if kind is list:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    return isinstance(value, kind) and not isinstance(value, bool)


def verify(found: Found) -> Log:
    """The events, with every place where the chain or an anchor does not hold."""
    problems, events, before, last = list(found.damaged), [], GENESIS, 0
    for key, event in found.events:
        name = key.rpartition("/")[2]
        place = int(name[:8]) if re.fullmatch(r"\d{8}\.json", name) else 0
        if not place:
            problems.append(f"{name} is not the place of an event: it was put there by hand.")
            continue
        if place > last + 1:
            problems.append(_missing(last + 1, place - 1))
            before = ""
        last = place
        if event is None:
            problems.append(f"Event {name} cannot be read: it was altered or damaged.")
        elif event.number != place:
            problems.append(f"{name} holds event {event.number}: it was moved or copied there.")
        elif event.digest() != event.hash:
            problems.append(f"Event {place} was altered after it was written.")
        elif before and event.before != before:
            problems.append(f"Event {place} does not follow the one before it.")
            events.append(event)
        else:
            events.append(event)
        before = event.hash if event and event.number == place else ""
    return Log(tuple(events), (*problems, *_against_anchors(found, events, last)))


def _against_anchors(found: Found, events: Sequence[Event], last: int) -> list[str]:
    """Where an anchor names another event than is there, or one that is not there any more."""
    problems = []
    notes = [note for note in (found.head, found.twin) if note]
    newest = max((anchor.number for anchor in (*notes, *found.releases)), default=0)
    if newest > last:
        problems.append(_missing(last + 1, newest))
    hashes = {event.number: event.hash for event in events}
    for anchor in (*notes, *found.releases):
        if hashes.get(anchor.number, anchor.hash) != anchor.hash or anchor.number < 1:
            problems.append(
                f"Event {anchor.number} is not the one that {anchor.where} names: one of the two was replaced."
            )
    damaged = " ".join(found.damaged)
    for note, where, is_due in (
        (found.head, "reviews/head.json", last > 1 or found.twin),
        (found.twin, "review_anchor.json", last > 1),
    ):
        if note is None and is_due and where not in damaged:
            problems.append(f"The note of the newest event ({where}) is missing.")
    if found.head and found.twin and found.head.number < found.twin.number:
        problems.append("The note of the newest event (reviews/head.json) was put back to an earlier one.")
    return problems


def _missing(first: int, last: int) -> str:
    return f"Event {first} is missing." if first == last else f"Events {first} to {last} are missing."


class Raced(Exception):
    """Somebody else's event was written first; nothing was written."""


def append(s3: Any, lake: Lake, log: Log, event: Event) -> Event:
    """Write `event` as the next one after `log`, which verifies; `Raced` where that place is taken."""
    last = log.events[-1] if log.events else None
    number = last.number + 1 if last else 1
    sealed = replace(event, number=number, before=last.hash if last else GENESIS).sealed()
    lock = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": datetime.now(UTC) + RETENTION}
    if not write_json(s3, lake.review(number), asdict(sealed), IfNoneMatch="*", **lock):
        raise Raced
    for address in (lake.review_head(), lake.review_anchor()):
        _forward(s3, address, sealed)
    return sealed


def _forward(s3: Any, address: str, event: Event) -> None:
    """Let the note at `address` name `event`, unless it names a later one: a slower writer puts nothing back."""
    while True:
        found = read_json(s3, address)
        if found and found[0]["number"] >= event.number:
            return
        condition = {"IfMatch": found[1]} if found else {"IfNoneMatch": "*"}
        if write_json(s3, address, {"number": event.number, "hash": event.hash}, **condition):
            return


def newest(log: Log) -> dict[str, Any] | None:
    """The newest event as an anchor, for others to keep; None where there is none that can be trusted."""
    if log.problems or not log.events:
        return None
    return {"number": log.events[-1].number, "hash": log.events[-1].hash}


def event(by: str, role: str, kind: str, subject: dict[str, str], said: dict[str, Any]) -> Event:
    """An event of this moment, not yet written."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Event(0, at, by, role, kind, subject, said)
