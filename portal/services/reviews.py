"""Reviewing a release: queries on findings, acceptances, sign-off. Every word is an event of `pipeline.reviews`."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from pipeline import reviews as chain
from pipeline.release import Release
from pipeline.reviews import Acceptance, Event, Log
from portal.services import quality, releases, runs
from portal.services.aws import Aws, ServiceError

REASONS = {
    "false_alarm": "False alarm: the rule is wrong here",
    "source_corrected": "Corrected at the source",
    "duplicate": "Duplicate of another query",
    "out_of_range": "Truly out of range: excluded from analysis",
    "verified": "Verified as true",
    "known_limitation": "Known limitation of the source",
    "other": "Other (say in the comment)",
}
"""Why a finding is accepted or a query closed."""

MEANINGS = {
    "approve": "I have reviewed this release and approve it for analysis.",
    "reject": "I have reviewed this release and reject it.",
}
"""The meaning of a signature, shown with it (21 CFR 11.50)."""

DUE = timedelta(days=7)
LONGEST = timedelta(days=366)
_TEXT = 2000

QueryState = Literal["open", "answered", "closed"]


class ReviewConflict(ServiceError):
    """Somebody else said something about the same thing first. Nothing was written; `changes` is what they said."""

    def __init__(self, changes: Sequence[Event]) -> None:
        who = ", ".join(sorted({event.by for event in changes})) or "somebody else"
        super().__init__(
            f"{who} was here first: read what changed, then send again. What you typed is still here."
        )
        self.changes = tuple(changes)


@dataclass(frozen=True)
class Query:
    """A question about a finding, or about some of its rows; its state is that of its newest event."""

    query_id: str
    run_id: str
    table_name: str
    rule_id: str
    state: QueryState
    opened_by: str
    opened_at: str
    assignee: str
    due: date
    record_keys: tuple[str, ...]
    events: tuple[Event, ...]

    @property
    def question(self) -> str:
        return str(self.events[0].said["text"])

    def is_due(self, on: date) -> bool:
        return self.state != "closed" and self.due <= on


@dataclass(frozen=True)
class Signature:
    """Who signed a release off, and whether what was signed is still what is there."""

    by: str
    role: str
    at: str
    meaning: str
    verdict: Literal["approve", "reject"]
    comment: str
    event: int
    stands: bool


@dataclass(frozen=True)
class Review:
    """Everything that was said of one run's release."""

    run_id: str
    seen: int
    queries: tuple[Query, ...] = ()
    signature: Signature | None = None
    events: tuple[Event, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def open_queries(self) -> tuple[Query, ...]:
        return tuple(query for query in self.queries if query.state != "closed")


@dataclass
class _Known:
    """Events read before, by key with their ETag: an event does not change, and a changed one is read again."""

    events: dict[str, tuple[str, Event]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


_known: dict[str, _Known] = {}


def log(aws: Aws) -> Log:
    """Every event, verified."""
    known = _known.setdefault(aws.lake.reviews(), _Known())
    with known.lock:
        return chain.verify(*chain.fetch(aws.client("s3"), aws.lake, known.events))


def of_run(aws: Aws, run_id: str) -> Review:
    whole = log(aws)
    events = whole.of_run(run_id)
    seen = whole.events[-1].number if whole.events else 0
    return Review(
        run_id=run_id,
        seen=seen,
        queries=tuple(_queries(events)),
        signature=_signature(aws, run_id, events),
        events=tuple(events),
        problems=whole.problems,
    )


def all_queries(aws: Aws) -> list[Query]:
    """Every query of every run, the longest open first."""
    return sorted(_queries(log(aws).events), key=lambda query: (query.state == "closed", query.opened_at))


def acceptances(aws: Aws) -> dict[tuple[str, str], Acceptance]:
    return chain.acceptances(log(aws).events)


# what a reviewer does; `seen` is the number of the newest event that the reviewer's screen showed


def open_query(
    aws: Aws,
    run_id: str,
    table_name: str,
    rule_id: str,
    text: str,
    *,
    assignee: str = "",
    record_keys: Sequence[str] = (),
    seen: int | None = None,
) -> Event:
    """Ask about a finding, or about the rows with `record_keys`."""
    finding = _finding(run_id, table_name, rule_id)
    _result(aws, run_id, table_name, rule_id)
    subject = {**finding, "query_id": f"Q-{secrets.token_hex(3)}"}
    said = {
        "text": _text(text, "A query needs its question"),
        "assignee": assignee.strip(),
        "due": str(datetime.now(UTC).date() + DUE),
        "record_keys": list(record_keys),
    }
    return _say(aws, "query_opened", subject, said, seen)


def assign(aws: Aws, query_id: str, assignee: str, *, seen: int | None = None) -> Event:
    query = _query(aws, query_id, {"open", "answered"})
    said = {"assignee": _text(assignee, "Say to whom the query goes")}
    return _say(aws, "query_assigned", _subject(query), said, seen)


def answer(aws: Aws, query_id: str, text: str, *, seen: int | None = None) -> Event:
    query = _query(aws, query_id, {"open", "answered"})
    return _say(
        aws,
        "query_answered",
        _subject(query),
        {"text": _text(text, "An answer needs a text")},
        seen,
        right="query",
    )


def close(aws: Aws, query_id: str, reason: str, text: str, *, seen: int | None = None) -> Event:
    query = _query(aws, query_id, {"open", "answered"})
    said = {"reason": _reason(reason), "text": _text(text, "Closing needs a comment")}
    return _say(aws, "query_closed", _subject(query), said, seen)


def reopen(aws: Aws, query_id: str, text: str, *, seen: int | None = None) -> Event:
    query = _query(aws, query_id, {"closed", "answered"})
    return _say(
        aws, "query_reopened", _subject(query), {"text": _text(text, "Say why it is open again")}, seen
    )


def accept(
    aws: Aws,
    run_id: str,
    table_name: str,
    rule_id: str,
    *,
    reason: str,
    text: str,
    until: date,
    margin: float = 0.0,
    seen: int | None = None,
) -> Event:
    """Take responsibility for a finding until a day, and until its rate grows by more than `margin` (a share)."""
    found = _result(aws, run_id, table_name, rule_id)
    if found["status"] not in {"fail", "pass_with_failures"}:
        raise ServiceError(
            f"{rule_id} of {table_name} has nothing to accept: its outcome is {found['status']}."
        )
    today = datetime.now(UTC).date()
    if not today <= until <= today + LONGEST:
        raise ServiceError(f"The last day is {until}: it must lie between today and a year from now.")
    if not 0 <= margin <= 1:
        raise ServiceError(f"The margin is {margin:.0%}: it must lie between 0 and 100 percent.")
    said = {
        "reason": _reason(reason),
        "text": _text(text, "An acceptance needs a comment"),
        "until": str(until),
        "rate": float(found["rate"]),
        "margin": margin,
    }
    return _say(aws, "finding_accepted", _finding(run_id, table_name, rule_id), said, seen)


def reject(
    aws: Aws, run_id: str, table_name: str, rule_id: str, text: str, *, seen: int | None = None
) -> Event:
    """Say that a finding must be put right; an acceptance of it ends."""
    _result(aws, run_id, table_name, rule_id)
    said = {"text": _text(text, "A rejection needs a comment")}
    return _say(aws, "finding_rejected", _finding(run_id, table_name, rule_id), said, seen)


def withdraw(aws: Aws, run_id: str, table_name: str, rule_id: str, text: str) -> Event:
    """End an acceptance before its day."""
    if (table_name, rule_id) not in acceptances(aws):
        raise ServiceError(f"{rule_id} of {table_name} is not accepted: there is nothing to withdraw.")
    said = {"text": _text(text, "A withdrawal needs a comment")}
    return _say(aws, "acceptance_withdrawn", _finding(run_id, table_name, rule_id), said, None)


def sign(
    aws: Aws,
    run_id: str,
    verdict: Literal["approve", "reject"],
    text: str,
    *,
    seen: int | None = None,
) -> Event:
    """Sign a release off. Approval publishes one that was held; rejection leaves the former one. Both notify."""
    aws.require("review")
    made = releases.get(aws, run_id)
    review = of_run(aws, run_id)
    starter = (runs.plan(aws, run_id) or {}).get("started_by")
    if starter == aws.settings.user:
        raise ServiceError(f"{starter} started run '{run_id}': somebody else must sign its release off.")
    if verdict == "approve" and review.open_queries:
        names = ", ".join(query.query_id for query in review.open_queries)
        raise ServiceError(f"{names} must be closed before the release can be approved.")
    said = {
        "verdict": verdict,
        "meaning": MEANINGS[verdict],
        "text": _text(text, "A signature needs a comment"),
        "release": _fingerprint(made),
    }
    event = _say(aws, "release_signed", {"run_id": run_id}, said, seen)
    if verdict == "approve" and made.decision == "hold":
        publish_signed(aws, run_id)
    _notify(aws, made, "PUBLISHED" if verdict == "approve" else "REJECTED", event)
    return event


def publish_signed(aws: Aws, run_id: str) -> None:
    """Publish what a reviewer has approved; to be repeated where a publisher was killed half-way."""
    signature = of_run(aws, run_id).signature
    if signature is None or signature.verdict != "approve" or not signature.stands:
        raise ServiceError(
            f"Release '{run_id}' was held: a clinician must approve it before it is published."
        )
    releases.publish_approved(aws, run_id, reason=f"approved by {signature.by} (event {signature.event})")


def note_unmasking(aws: Aws, run_id: str, table_name: str, rule_id: str, why: str, rows: int) -> Event:
    """Write down that somebody looked at identified rows: who, when, why, how many."""
    said = {"why": _text(why, "Say why you need to see who these patients are"), "rows": rows}
    return _say(aws, "rows_unmasked", _finding(run_id, table_name, rule_id), said, None, right="see_phi")


# how


def _say(
    aws: Aws,
    kind: str,
    subject: dict[str, str],
    said: dict[str, Any],
    seen: int | None,
    right: Literal["review", "query", "see_phi"] = "review",
) -> Event:
    """Append an event; `ReviewConflict` where others spoke of the same subject after `seen`."""
    aws.require(right)
    while True:
        whole = log(aws)
        if whole.problems:
            raise ServiceError(
                f"The log of reviews does not verify ({whole.problems[0]}) "
                "Nothing can be added until an engineer has looked into it: hdp review verify."
            )
        changes = [e for e in whole.events if seen is not None and e.number > seen and _touches(e, subject)]
        if changes:
            raise ReviewConflict(changes)
        event = chain.event(aws.settings.user, aws.settings.role or "viewer", kind, subject, said)
        try:
            return chain.append(aws.client("s3"), aws.lake, whole, event)
        except chain.Raced:
            continue


def _touches(event: Event, subject: dict[str, str]) -> bool:
    """Whether an event changes what somebody who speaks of `subject` has read; a look at rows changes nothing."""
    if event.kind == "rows_unmasked" or event.subject.get("run_id") != subject["run_id"]:
        return False
    shared = {"table_name", "rule_id"} & set(event.subject) & set(subject)
    return all(event.subject[name] == subject[name] for name in shared)


def _queries(events: Sequence[Event]) -> list[Query]:
    grouped: dict[str, list[Event]] = {}
    for event in events:
        if query_id := event.subject.get("query_id"):
            grouped.setdefault(query_id, []).append(event)
    return [_as_query(query_id, said) for query_id, said in grouped.items() if said[0].kind == "query_opened"]


_STATE_AFTER: dict[str, QueryState] = {
    "query_opened": "open",
    "query_answered": "answered",
    "query_closed": "closed",
    "query_reopened": "open",
}


def _as_query(query_id: str, events: list[Event]) -> Query:
    first = events[0]
    states = [_STATE_AFTER[event.kind] for event in events if event.kind in _STATE_AFTER]
    assignees = [event.said["assignee"] for event in events if "assignee" in event.said]
    return Query(
        query_id=query_id,
        run_id=first.subject["run_id"],
        table_name=first.subject["table_name"],
        rule_id=first.subject["rule_id"],
        state=states[-1],
        opened_by=first.by,
        opened_at=first.at,
        assignee=assignees[-1],
        due=date.fromisoformat(first.said["due"]),
        record_keys=tuple(first.said["record_keys"]),
        events=tuple(events),
    )


def _signature(aws: Aws, run_id: str, events: Sequence[Event]) -> Signature | None:
    signed = [event for event in events if event.kind == "release_signed"]
    if not signed:
        return None
    last = signed[-1]
    try:
        now = _fingerprint(releases.get(aws, run_id))
    except ServiceError:
        now = ""
    return Signature(
        by=last.by,
        role=last.role,
        at=last.at,
        meaning=last.said["meaning"],
        verdict=last.said["verdict"],
        comment=last.said["text"],
        event=last.number,
        stands=now == last.said["release"],
    )


def _fingerprint(made: Release) -> str:
    """Stands for what the reviewer saw: the release's tables, decision, reasons and time of making."""
    return chain.fingerprint(asdict(made))


def _query(aws: Aws, query_id: str, states: set[str]) -> Query:
    found = next((query for query in all_queries(aws) if query.query_id == query_id), None)
    if found is None:
        raise ServiceError(f"There is no query '{query_id}': 'hdp review list' lists those there are.")
    if found.state not in states:
        raise ServiceError(
            f"Query {query_id} is {found.state}: only {' or '.join(sorted(states))} ones can be."
        )
    return found


def _subject(query: Query) -> dict[str, str]:
    return {**_finding(query.run_id, query.table_name, query.rule_id), "query_id": query.query_id}


def _finding(run_id: str, table_name: str, rule_id: str) -> dict[str, str]:
    return {"run_id": run_id, "table_name": table_name, "rule_id": rule_id}


def _result(aws: Aws, run_id: str, table_name: str, rule_id: str) -> dict[str, Any]:
    frame = quality.results(aws, run_id)
    found = frame[(frame["table_name"] == table_name) & (frame["rule_id"] == rule_id)]
    if found.empty:
        raise ServiceError(f"Run '{run_id}' has no result of rule {rule_id} on {table_name}.")
    return {str(name): value for name, value in found.iloc[0].to_dict().items()}


def _reason(reason: str) -> str:
    if reason not in REASONS:
        raise ServiceError(f"'{reason}' is no reason: choose {', '.join(REASONS)}.")
    return reason


def _text(text: str, sentence: str) -> str:
    cleaned = text.strip()
    if not cleaned:
        raise ServiceError(f"{sentence}: write a sentence.")
    if len(cleaned) > _TEXT:
        raise ServiceError(f"The text has {len(cleaned):,} characters: at most {_TEXT:,} are kept.")
    return cleaned


def _notify(aws: Aws, made: Release, state: str, event: Event) -> None:
    outcome = {
        "release_id": made.release_id,
        "decision": made.decision,
        "published": state == "PUBLISHED",
        "state": state,
        "reviewed_by": event.by,
        "reasons": [reason["rule_id"] for reason in made.reasons],
    }
    aws.client("lambda").invoke(
        FunctionName=aws.lake.function("sns_notify_success"),
        Payload=json.dumps({"run_id": made.run_id, "release": outcome}).encode(),
    )
