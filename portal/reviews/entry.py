"""How a word gets into the log of reviews: who may say it, what it must be, and that nobody else was first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pipeline.reviews import events as chain
from pipeline.reviews.events import Event, Log
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.reviews.read_model import log

_TEXT = 2000


class ReviewConflict(ServiceError):
    """Somebody else said something about the same thing first. Nothing was written; `changes` is what they said."""

    def __init__(self, changes: Sequence[Event]) -> None:
        who = ", ".join(sorted({event.by for event in changes})) or "somebody else"
        super().__init__(
            f"{who} was here first: read what changed, then send again. What you typed is still here."
        )
        self.changes = tuple(changes)


def say(
    context: Context,
    kind: str,
    subject: dict[str, str],
    said: dict[str, Any],
    seen: int | None,
    right: Literal["review", "query", "see_phi"] = "review",
) -> Event:
    """Append an event; `ReviewConflict` where others spoke of the same subject after `seen`."""
    context.require(right)
    while True:
        whole = verified(context)
        changes = [e for e in whole.events if seen is not None and e.number > seen and _touches(e, subject)]
        if changes:
            raise ReviewConflict(changes)
        event = chain.event(context.settings.user, context.settings.role or "viewer", kind, subject, said)
        try:
            return chain.append(context.client("s3"), context.lake, whole, event)
        except chain.Raced:
            continue


def verified(context: Context) -> Log:
    """The whole log; `ServiceError` where it does not verify."""
    whole = log(context)
    if whole.problems:
        raise ServiceError(
            f"Audit trail integrity check failed: {whole.problems[0]} "
            "Nothing can be added until an engineer has looked into it: hdp reviews verify."
        )
    return whole


def _touches(event: Event, subject: dict[str, str]) -> bool:
    """Whether an event changes what somebody who speaks of `subject` has read; a look at rows changes nothing.

    A decision on a finding or on its rows holds in every run, whichever it was made in; a signature (its
    subject names no rule) is about every finding.
    """
    holds_everywhere = event.kind.startswith(("finding_", "rows_accepted", "row_acceptance", "acceptance_"))
    is_of_run = event.subject.get("run_id") == subject["run_id"]
    if event.kind == "rows_unmasked" or not (is_of_run or holds_everywhere):
        return False
    shared = {"table_name", "rule_id"} & set(event.subject) & set(subject)
    return all(event.subject[name] == subject[name] for name in shared)


def finding_of(run_id: str, table_name: str, rule_id: str) -> dict[str, str]:
    """The subject of an event about a finding."""
    return {"run_id": run_id, "table_name": table_name, "rule_id": rule_id}


def sentence(text: str, lacking: str) -> str:
    """`text` without blanks around it; `ServiceError` that begins with `lacking` where there is none."""
    cleaned = text.strip()
    if not cleaned:
        raise ServiceError(f"{lacking}: write a sentence.")
    if len(cleaned) > _TEXT:
        raise ServiceError(f"The text has {len(cleaned):,} characters: at most {_TEXT:,} are kept.")
    return cleaned
