"""Queries that are overdue: not closed and due before today, with their last assignee."""

from __future__ import annotations

from datetime import date

from pipeline.reviews.events import Event
from pipeline.reviews.queries import overdue


def _event(kind, query_id, **payload):
    subject = {"run_id": "run-1", "table_name": "patients", "rule_id": "PAT-M01", "query_id": query_id}
    return Event(1, "2026-11-20T10:00:00+00:00", "lee", "clinician", kind, subject, payload)


def test_a_query_is_overdue_after_its_day_until_it_is_closed_and_again_when_it_is_reopened():
    log = [
        _event("query_opened", "Q-1", due="2026-11-27", assignee="kim"),
        _event("query_opened", "Q-2", due="2026-11-28", assignee=""),
        _event("query_opened", "Q-3", due="2026-11-26", assignee="lou"),
        _event("query_assigned", "Q-1", assignee="ana"),
        _event("query_answered", "Q-1", text="Ward 4."),
        _event("query_closed", "Q-3", reason="other", text="Done."),
    ]
    assert [(q.query_id, q.assignee) for q in overdue(log, date(2026, 11, 28))] == [("Q-1", "ana")]
    assert [q.query_id for q in overdue(log, date(2026, 11, 29))] == ["Q-1", "Q-2"]
    assert overdue(log, date(2026, 11, 27)) == []
    again = [*log, _event("query_reopened", "Q-3", text="It came again.")]
    assert [q.query_id for q in overdue(again, date(2026, 11, 28))] == ["Q-3", "Q-1"]
