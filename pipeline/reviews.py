"""What reviewers said, as a chain of events: appended, never changed, each bound to the one before by its hash.

One object an event below ``reviews/`` of the quality bucket, written on the condition that it is not there yet;
``reviews/head.json`` names the newest, so that an event cut off at the end shows too. The design follows data
clarification in clinical research (query, answer, close) and 21 CFR 11.10(e) and 11.50 (audit trail, signature
with name, time and meaning). Standard library only: the audit job reads acceptances from it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pipeline.lake import Lake, split
from pipeline.release import read_json, write_json

GENESIS = "0" * 64
RETENTION = timedelta(days=6 * 365 + 2)
"""How long S3's Object Lock keeps an event: six years, as 45 CFR 164.316(b)(2)(i) asks of such records."""


def fingerprint(document: Mapping[str, Any]) -> str:
    """SHA-256 of a document as JSON with sorted keys."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


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
    """Every event in order, and in sentences what is wrong with the chain: empty where nothing is."""

    events: tuple[Event, ...] = ()
    problems: tuple[str, ...] = ()

    def of_run(self, run_id: str) -> list[Event]:
        return [event for event in self.events if event.subject.get("run_id") == run_id]


@dataclass(frozen=True)
class Acceptance:
    """A finding that a reviewer has taken responsibility for, with its limits.

    It covers later runs through the day `until`, while the rate is at most `rate` + `margin` (shares, 0 to 1).
    """

    table_name: str
    rule_id: str
    by: str
    reason: str
    until: str
    rate: float
    margin: float
    event: int

    def covers(self, rate: float | None, on: date) -> bool:
        in_time = on <= date.fromisoformat(self.until)
        return in_time and rate is not None and rate <= self.rate + self.margin + 1e-12


def read(s3: Any, lake: Lake) -> Log:
    """The whole log, verified."""
    return verify(*fetch(s3, lake, {}))


def fetch(
    s3: Any, lake: Lake, known: dict[str, tuple[str, Event]]
) -> tuple[list[tuple[str, Event | None]], dict[str, Any] | None]:
    """By key each event (None where it cannot be read), and the head.

    `known` spares the reading of objects that have not changed: by key the ETag and the event, brought up to date.
    """
    head = read_json(
        s3, lake.review_head()
    )  # before the events: it must not name one that was listed too early
    bucket, prefix = split(lake.reviews())
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    listed = [(item["Key"], item["ETag"]) for page in pages for item in page.get("Contents", [])]
    listed = [(key, etag) for key, etag in listed if not key.endswith("head.json")]
    missing = [(key, etag) for key, etag in listed if known.get(key, ("", None))[0] != etag]
    for key, _ in missing:
        known.pop(key, None)
    with ThreadPoolExecutor(8) as pool:
        bodies = pool.map(lambda item: s3.get_object(Bucket=bucket, Key=item[0])["Body"].read(), missing)
        for (key, etag), body in zip(missing, bodies, strict=True):
            event = _event(body)
            if event is not None:
                known[key] = (etag, event)
    return [(key, known[key][1] if key in known else None) for key, _ in listed], head[0] if head else None


def _event(body: bytes) -> Event | None:
    try:
        return Event(**json.loads(body))
    except (ValueError, TypeError):
        return None


def verify(found: Sequence[tuple[str, Event | None]], head: Mapping[str, Any] | None) -> Log:
    """The readable events, with every place where the chain does not hold."""
    problems, events, before, expected = [], [], GENESIS, 1
    for key, event in found:
        name = key.rpartition("/")[2]
        if event is None:
            problems.append(f"Event {name} cannot be read: it was altered or damaged.")
            before, expected = "", expected + 1
            continue
        events.append(event)
        problems += [f"Event {n} is missing." for n in range(expected, event.number)]
        if event.digest() != event.hash:
            problems.append(f"Event {event.number} was altered after it was written.")
        elif event.number == expected and before and event.before != before:
            problems.append(f"Event {event.number} does not follow the one before it.")
        before, expected = event.hash, event.number + 1
    if head and (int(head["number"]) >= expected):
        problems += [f"Event {n} is missing." for n in range(expected, int(head["number"]) + 1)]
    if head is None and len(events) > 1:
        problems.append("The note of the newest event (reviews/head.json) is missing.")
    elif head and not problems:
        noted = next((event.hash for event in events if event.number == head["number"]), None)
        if noted != head["hash"]:
            problems.append("The note of the newest event (reviews/head.json) does not fit the events.")
    return Log(tuple(events), tuple(problems))


class Raced(Exception):
    """Somebody else's event was written first; nothing was written."""


def append(s3: Any, lake: Lake, log: Log, event: Event) -> Event:
    """Write `event` as the next one after `log`; `Raced` where that place is taken."""
    last = log.events[-1] if log.events else None
    number = last.number + 1 if last else 1
    sealed = replace(event, number=number, before=last.hash if last else GENESIS).sealed()
    lock = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": datetime.now(UTC) + RETENTION}
    if not write_json(s3, lake.review(number), asdict(sealed), IfNoneMatch="*", **lock):
        raise Raced
    write_json(s3, lake.review_head(), {"number": number, "hash": sealed.hash})
    return sealed


def event(by: str, role: str, kind: str, subject: dict[str, str], said: dict[str, Any]) -> Event:
    """An event of this moment, not yet written."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Event(0, at, by, role, kind, subject, said)


def acceptances(events: Iterable[Event]) -> dict[tuple[str, str], Acceptance]:
    """By table and rule the acceptance that stands: the last word on a finding counts."""
    standing: dict[tuple[str, str], Acceptance] = {}
    for each in events:
        if each.finding is None:
            continue
        if each.kind == "finding_accepted":
            said = each.said
            standing[each.finding] = Acceptance(
                *each.finding,
                by=each.by,
                reason=said["reason"],
                until=said["until"],
                rate=said["rate"],
                margin=said["margin"],
                event=each.number,
            )
        elif each.kind in {"finding_rejected", "acceptance_withdrawn"}:
            standing.pop(each.finding, None)
    return standing
