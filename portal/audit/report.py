"""The audit log as a table, for the page, the command line and exports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from portal.audit.events import LABELS, Action, AuditEvent


def row(event: AuditEvent) -> dict[str, Any]:
    """Return an event as a row with labels."""
    return {
        "Time (UTC)": event.at[:19].replace("T", " "),
        "Person": event.name,
        "Subject": event.subject,
        "Roles": ", ".join(role.replace("_", " ") for role in event.roles),
        "Action": LABELS[event.action] + (" (failed)" if event.is_failed else ""),
        "Object": event.target_text,
        "Patients": ", ".join(event.patients),
        "Reason": event.reason,
        "From": event.origin,
    }


COLUMNS = ("Time (UTC)", "Person", "Subject", "Roles", "Action", "Object", "Patients", "Reason", "From")


def trend(events: Sequence[AuditEvent], since: date, until: date) -> list[dict[str, Any]]:
    """Return the number of events per day, zero included, of each action that occurs in `events`."""
    counts: dict[tuple[date, Action], int] = {}
    for event in events:
        counts[event.date, event.action] = counts.get((event.date, event.action), 0) + 1
    days = [since + timedelta(days=number) for number in range((until - since).days + 1)]
    used = [action for action in LABELS if any(event.action == action for event in events)]
    return [
        {"Date": day, "Action": LABELS[action], "Events": counts.get((day, action), 0)}
        for action in used
        for day in days
    ]
