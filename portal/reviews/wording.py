"""What reviewers did, in words: for the page, the report and the terminal alike."""

from __future__ import annotations

import re
from typing import Any

from pipeline.reviews.events import Event
from portal.reviews.commands import REASONS

KINDS = {
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
}


def moment(at: str) -> str:
    """An event's time as people read it."""
    return f"{at[:16].replace('T', ' ')} UTC"


def text(event: Event) -> str:
    """What was said, with its reason where one was chosen; empty for an event without words."""
    said = event.said
    parts = [f"for {said['assignee']}"] if said.get("assignee") else []
    if "until" in said:
        parts.append(f"until {said['until']}{_margin(said)}")
    if "row_hashes" in said:
        parts.append(f"{len(said['row_hashes'])} row{'s' if len(said['row_hashes']) > 1 else ''}")
    if "reason" in said:
        parts.append(REASONS.get(said["reason"], said["reason"]))
    words = str(said.get("text") or said.get("why") or "")
    return ": ".join(part for part in (" · ".join(parts), words) if part)


def _margin(said: dict[str, Any]) -> str:
    if "margin" not in said:
        return ""
    unit = said.get("unit", "percent")
    much = f"{100 * said['margin']:g} points" if unit == "percent" else f"{said['margin']:g} {unit}"
    return f", while it gets worse by at most {much}"


def line(event: Event) -> str:
    """One event as a line of Markdown; what a person typed cannot become a link or a picture."""
    did = f"**{plain(event.by)}** ({event.role}) {KINDS.get(event.kind, event.kind)}, {moment(event.at)}"
    said = text(event)
    return f"{did} · {plain(said)}" if said else did


def plain(typed: str) -> str:
    """Typed text with every sign escaped that Markdown gives a meaning."""
    return _apart(re.sub(r"[\\`*_{}\[\]()#+!|<>~$:&]", r"\\\g<0>", " ".join(typed.split())))


def unlinked(text: str) -> str:
    """Text in which nothing becomes a link or a picture: a name from the address may stand in it."""
    return _apart(re.sub(r"[\\\[\]<>&]", r"\\\g<0>", text))


def _apart(text: str) -> str:
    """Addresses with a word joiner inside: the browser makes links of bare ones, whatever is escaped in them."""
    return re.sub(r"(?<=:)(?=//)|(?<=www)(?=\.)", "\u2060", text, flags=re.IGNORECASE)
