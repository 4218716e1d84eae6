"""Append events to the review log, with checks of rights, integrity and conflicts."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from itertools import count
from typing import Any

from pipeline.reviews import log as review_log
from pipeline.reviews.events import Event, new_event
from pipeline.reviews.integrity import Log
from portal.core.auth import Right
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires
from portal.reviews.notifications import notify_assignee
from portal.reviews.read_model import log

_LONGEST_TEXT = 2000

_RIGHTS: dict[str, Right] = {"query_answered": "query", "rows_unmasked": "see_phi", "text_redacted": "purge"}
"""The rights that events of these kinds require; all other kinds require the right to review."""


class ReviewConflict(ServiceError):
    """Another user appended events about the same subject first; nothing was written."""

    def __init__(self, changes: Sequence[Event]) -> None:
        who = ", ".join(sorted({event.by for event in changes})) or "Another user"
        super().__init__(
            f"{who} made a change at the same time. Check it, then send again. Your text was not lost."
        )
        self.changes = tuple(changes)


@requires("query")
def append_event(
    context: Context,
    kind: str,
    subject: dict[str, str],
    payload: dict[str, Any],
    seen: int | None,
    first_read: Log | None = None,
) -> Event:
    """Append an event and return it; notify the assignee of a query.

    `seen` is the sequence number of the newest event that the user has seen: raise `ReviewConflict` if there
    are later ones about the subject. If `seen` is None, later events are ignored. If a later event equals
    this one, return it: it was sent before, and the response was lost. `first_read` is the log if the caller
    has read and verified it. Raise `ServiceError` if the user lacks the right or the log has a problem.
    """
    context.require(_RIGHTS.get(kind, "review"))
    event = new_event(context.settings.user, context.settings.role or "viewer", kind, subject, payload)
    with _writers.setdefault(context.lake.reviews(), threading.RLock()):
        for attempt in count():
            verified_log = first_read if first_read and attempt == 0 else verified(context)
            later = [e for e in verified_log.events if seen is not None and e.sequence > seen]
            if repeated := next((e for e in later if _content(e) == _content(event)), None):
                return repeated
            if changes := [e for e in later if _touches(e, subject)]:
                raise ReviewConflict(changes)
            try:
                recorded = review_log.append(context.client("s3"), context.lake, verified_log, event)
                break
            except review_log.AppendConflict:
                time.sleep(random.uniform(0, 0.02 * 2 ** min(attempt, 6)))  # noqa: S311
    notify_assignee(context, recorded)
    return recorded


_writers: dict[str, threading.RLock] = {}
"""Locks by log: writers of one process take turns; those of several processes retry at random times."""


def _content(event: Event) -> tuple[Any, ...]:
    """Return what the author sent, without the id of a query being opened: each attempt draws another id."""
    about = {name: value for name, value in event.subject.items() if name != "query_id"}
    return event.by, event.kind, about if event.kind == "query_opened" else event.subject, event.payload


@requires("see_charts")
def verified(context: Context) -> Log:
    """Return the log; raise `ServiceError` if its integrity check fails."""
    verified_log = log(context)
    if verified_log.problems:
        raise ServiceError(
            f"Audit trail integrity check failed: {verified_log.problems[0]} "
            "Events cannot be added until an engineer has checked it with 'hdp reviews verify'."
        )
    return verified_log


def _touches(event: Event, subject: dict[str, str]) -> bool:
    """Return whether an event conflicts with a new event about `subject`.

    Decisions on findings and rows apply to all runs; a signature, whose subject has no rule, is about all
    findings. Unmasking rows never conflicts.
    """
    is_of_all_runs = event.kind.startswith(("finding_", "rows_accepted", "row_acceptance", "acceptance_"))
    is_of_run = event.subject.get("run_id") == subject["run_id"]
    if event.kind in {"rows_unmasked", "text_redacted"} or not (is_of_run or is_of_all_runs):
        return False
    shared = {"table_name", "rule_id"} & set(event.subject) & set(subject)
    return all(event.subject[name] == subject[name] for name in shared)


def finding_subject(run_id: str, table_name: str, rule_id: str) -> dict[str, str]:
    """Return the subject of an event about a finding."""
    return {"run_id": run_id, "table_name": table_name, "rule_id": rule_id}


def clean_text(text: str, requirement: str) -> str:
    """Return `text` without surrounding whitespace; raise `ServiceError` if it is empty or too long."""
    cleaned = text.strip()
    if not cleaned:
        raise ServiceError(f"{requirement}. Enter a sentence.")
    if len(cleaned) > _LONGEST_TEXT:
        raise ServiceError(f"The text has {len(cleaned):,} characters. The maximum is {_LONGEST_TEXT:,}.")
    return cleaned
