"""Queries that are not closed, derived from the review log.

Standard library only, because the Lambda that reports overdue queries imports this module.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from pipeline.reviews.events import Event


@dataclass(frozen=True)
class Pending:
    """A query that is open or answered; `assignee` is empty if nobody was named."""

    query_id: str
    run_id: str
    table_name: str
    rule_id: str
    assignee: str
    due: date


def overdue(events: Iterable[Event], on: date) -> list[Pending]:
    """Return the queries that were due before the date `on` and are not closed, the oldest first."""
    pending: dict[str, Pending] = {}
    closed: set[str] = set()
    for event in events:
        query_id = event.subject.get("query_id", "")
        if event.kind == "query_opened":
            pending[query_id] = _pending(event)
        elif event.kind == "query_assigned" and query_id in pending:
            found = pending[query_id]
            pending[query_id] = replace(found, assignee=str(event.payload["assignee"]))
        elif event.kind == "query_closed":
            closed.add(query_id)
        elif event.kind == "query_reopened":
            closed.discard(query_id)
    late = [each for each in pending.values() if each.due < on and each.query_id not in closed]
    return sorted(late, key=lambda each: (each.due, each.query_id))


def _pending(event: Event) -> Pending:
    subject, payload = event.subject, event.payload
    return Pending(
        subject["query_id"],
        subject["run_id"],
        subject["table_name"],
        subject["rule_id"],
        str(payload.get("assignee") or ""),
        date.fromisoformat(payload["due"]),
    )
