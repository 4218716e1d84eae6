"""Texts of review events for pages, the report and the command line."""

from __future__ import annotations

import re
from typing import Any

from pipeline.reviews.events import Event
from portal.reviews.commands import REASONS

EVENT_LABELS = {
    "query_opened": "raised a query",
    "query_assigned": "assigned it",
    "query_answered": "answered",
    "query_closed": "closed it",
    "query_reopened": "reopened it",
    "finding_accepted": "accepted the finding",
    "finding_rejected": "marked it: must be fixed",
    "finding_dismissed": "marked it: not a problem",
    "acceptance_withdrawn": "withdrew the acceptance",
    "rows_accepted": "confirmed records as correct",
    "row_acceptance_withdrawn": "withdrew a confirmation",
    "release_signed": "signed",
    "rows_unmasked": "unmasked identifiers",
    "text_redacted": "removed texts in a purge",
}


def timestamp(at: str) -> str:
    """Return the timestamp of an event as text."""
    return f"{at[:16].replace('T', ' ')} UTC"


def summary(event: Event) -> str:
    """Return as text the assignee, expiry, number of rows, reason and comment of an event, where present."""
    payload = event.payload
    parts = [f"for {payload['assignee']}"] if payload.get("assignee") else []
    if "until" in payload:
        parts.append(f"until {payload['until']}{_margin(payload)}")
    if rows := payload.get("row_hashes"):
        parts.append(f"{len(rows)} row{'s' if len(rows) > 1 else ''}")
    if "reason" in payload:
        parts.append(REASONS.get(payload["reason"], payload["reason"]))
    words = str(payload.get("text") or payload.get("why") or "")
    return ": ".join(part for part in (" · ".join(parts), words) if part)


def _margin(payload: dict[str, Any]) -> str:
    if "margin" not in payload:
        return ""
    unit = payload.get("unit", "percent")
    much = f"{100 * payload['margin']:g} points" if unit == "percent" else f"{payload['margin']:g} {unit}"
    return f", while it gets worse by at most {much}"


def as_markdown(event: Event) -> str:
    """Return an event as a line of Markdown, without links or images from user input."""
    label = EVENT_LABELS.get(event.kind, event.kind)
    did = f"**{escape_markdown(event.by)}** ({event.role}) {label}, {timestamp(event.at)}"
    details = summary(event)
    return f"{did} · {escape_markdown(details)}" if details else did


def escape_markdown(typed: str) -> str:
    """Return user input on one line, with all Markdown syntax escaped."""
    return _break_urls(re.sub(r"[\\`*_{}\[\]()#+!|<>~$:&]", r"\\\g<0>", " ".join(typed.split())))


def without_links(text: str) -> str:
    """Return a text that can contain user input, with links, images and HTML escaped."""
    return _break_urls(re.sub(r"[\\\[\]<>&]", r"\\\g<0>", text))


def _break_urls(text: str) -> str:
    """Return a text with word joiners in bare URLs, because Streamlit turns even escaped URLs into links."""
    return re.sub(r"(?<=:)(?=//)|(?<=www)(?=\.)", "\u2060", text, flags=re.IGNORECASE)
