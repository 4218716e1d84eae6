"""Read the review log: queries with their states, acceptances, decisions and signatures."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from pipeline.lake.pseudonyms import is_label
from pipeline.reviews import log as review_log
from pipeline.reviews.acceptances import Acceptance, RowAcceptance, acceptances, row_acceptances
from pipeline.reviews.events import Event
from pipeline.reviews.integrity import Log, verify
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires
from portal.releases import signatures
from portal.releases.signatures import Signature
from portal.reviews.decisions import last_decisions

QueryState = Literal["open", "answered", "closed"]


@dataclass(frozen=True)
class DataQuery:
    """A reviewer's query on a finding or on some of its rows; its state follows from its events.

    `rows` are the pseudonyms of the rows. Older events may have keys instead; these are left out.
    """

    query_id: str
    run_id: str
    table_name: str
    rule_id: str
    state: QueryState
    opened_by: str
    opened_at: str
    assignee: str
    due: date
    rows: tuple[str, ...]
    events: tuple[Event, ...]

    @property
    def question(self) -> str:
        return str(self.events[0].payload["text"])

    def is_due(self, on: date) -> bool:
        return self.state != "closed" and self.due <= on


@dataclass(frozen=True)
class Review:
    """The review of a run: its events, queries, decisions and signature.

    `seen` is the sequence number of the newest event, `work_list` the queries of all runs. `version` is the
    current fingerprint of the release (`signatures.version`), which a signature records.
    """

    run_id: str
    seen: int
    version: str
    queries: tuple[DataQuery, ...] = ()
    work_list: tuple[DataQuery, ...] = ()
    accepted: dict[tuple[str, str], Acceptance] = field(default_factory=dict)
    accepted_rows: dict[tuple[str, str], dict[str, RowAcceptance]] = field(default_factory=dict)
    decided: dict[tuple[str, str], Event] = field(default_factory=dict)
    signature: Signature | None = None
    events: tuple[Event, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def open_queries(self) -> tuple[DataQuery, ...]:
        return tuple(query for query in self.queries if query.state != "closed")


@dataclass
class _Known:
    """Cached events; an event is read again only if its object changed."""

    objects: review_log.ObjectCache = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


_known: dict[str, _Known] = {}


@requires("see_charts")
def log(context: Context) -> Log:
    """Return the review log: all events, and the problems that its integrity check found."""
    known = _known.setdefault(context.lake.reviews(), _Known())
    with known.lock:
        return verify(review_log.fetch(context.client("s3"), context.lake, known.objects))


@requires("see_charts")
def of_run(context: Context, run_id: str) -> Review:
    """Return the review of a run from one read of the log."""
    return review(log(context), run_id, signatures.version(context, run_id))


def review(verified_log: Log, run_id: str, version: str) -> Review:
    """Return the review of a run; `version` is the present fingerprint of its release."""
    queries = all_queries(verified_log)
    return Review(
        run_id=run_id,
        version=version,
        seen=verified_log.events[-1].sequence if verified_log.events else 0,
        queries=tuple(query for query in queries if query.run_id == run_id),
        work_list=tuple(queries),
        accepted=acceptances(verified_log.events),
        accepted_rows=row_acceptances(verified_log.events),
        decided=last_decisions(verified_log.events, run_id),
        signature=signatures.of_run(verified_log, run_id, version),
        events=tuple(verified_log.of_run(run_id)),
        problems=verified_log.problems,
    )


def all_queries(verified_log: Log) -> list[DataQuery]:
    """Return the queries of all runs: closed ones last, each group oldest first."""
    return sorted(_queries(verified_log.events), key=lambda query: (query.state == "closed", query.opened_at))


def query(verified_log: Log, query_id: str) -> DataQuery:
    """Return a query with its conversation; raise `ServiceError` if it does not exist."""
    found = next((each for each in all_queries(verified_log) if each.query_id == query_id), None)
    if found is None:
        raise ServiceError(f"There is no query '{query_id}'. 'hdp reviews list' lists the queries.")
    return found


def _queries(events: Sequence[Event]) -> list[DataQuery]:
    grouped: dict[str, list[Event]] = {}
    for event in events:
        if query_id := event.subject.get("query_id"):
            grouped.setdefault(query_id, []).append(event)
    return [
        _as_query(query_id, events)
        for query_id, events in grouped.items()
        if events[0].kind == "query_opened"
    ]


_STATE_AFTER: dict[str, QueryState] = {
    "query_opened": "open",
    "query_answered": "answered",
    "query_closed": "closed",
    "query_reopened": "open",
}


def _as_query(query_id: str, events: list[Event]) -> DataQuery:
    first = events[0]
    states = [_STATE_AFTER[event.kind] for event in events if event.kind in _STATE_AFTER]
    assignees = [event.payload["assignee"] for event in events if "assignee" in event.payload]
    return DataQuery(
        query_id=query_id,
        run_id=first.subject["run_id"],
        table_name=first.subject["table_name"],
        rule_id=first.subject["rule_id"],
        state=states[-1],
        opened_by=first.by,
        opened_at=first.at,
        assignee=assignees[-1],
        due=date.fromisoformat(first.payload["due"]),
        rows=tuple(row for row in first.payload["record_keys"] if is_label(row)),
        events=tuple(events),
    )
