"""Whoever is assigned a query is notified, without a word of the question."""

from __future__ import annotations

import json

import pytest

from pipeline.reviews.events import Event
from portal.core.auth import User
from portal.core.clients import Clients
from portal.core.context import Context
from portal.core.settings import Settings
from portal.reviews import notifications

SUBJECT = {"run_id": "run-1", "table_name": "patients", "rule_id": "PAT-M01", "query_id": "Q-1"}


class Lambda:
    """Records what it is invoked with; fails if `answer` is an exception."""

    def __init__(self, answer):
        self.answer, self.sent = answer, []

    def invoke(self, FunctionName, Payload):
        self.sent.append((FunctionName, json.loads(Payload)))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def _notify(kind, payload, answer):
    client = Lambda(answer)
    base = Context(Settings("t", "t", "", "ann", "viewer"), Clients(_clients={"lambda": client}))
    event = Event(7, "2026-11-29T10:00:00+00:00", "dr.lee", "clinician", kind, SUBJECT, payload)
    lee = base.on_behalf_of(User("dr.lee", "clinician"))
    return notifications.notify_assignee(lee, event), client.sent


@pytest.mark.parametrize("kind", ["query_opened", "query_assigned"])
def test_the_assignee_is_named_with_query_and_due_date_and_the_question_is_not_sent(kind):
    payload = {"text": "Is Ann Lee on ward 4?", "assignee": "kim@hospital.org", "due": "2026-12-06"}
    is_sent, sent = _notify(kind, payload, {})
    query = SUBJECT | {"assignee": "kim@hospital.org", "by": "dr.lee", "due": "2026-12-06"}
    assert (is_sent, sent) == (True, [("t-sns-notify-success", {"query": query})])


@pytest.mark.parametrize(
    ("kind", "payload", "answer", "calls"),
    [
        ("query_opened", {"text": "Why?", "assignee": ""}, {}, 0),
        ("query_answered", {"text": "So.", "assignee": "kim"}, {}, 0),
        ("query_assigned", {"assignee": "kim"}, {"FunctionError": "Unhandled"}, 1),
        ("query_assigned", {"assignee": "kim"}, RuntimeError("no network"), 1),
    ],
)
def test_nobody_is_notified_without_an_assignee_and_a_failure_loses_no_assignment(
    kind, payload, answer, calls
):
    is_sent, sent = _notify(kind, payload, answer)
    assert not is_sent
    assert len(sent) == calls
