"""Decide several findings at once: one event per finding, so that each can be withdrawn alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires
from portal.reviews import commands
from portal.reviews.decisions import Key

Verdict = Literal["accept", "must_fix", "dismiss", "query"]


@dataclass(frozen=True)
class Terms:
    """What applies to all findings: comment or question, terms of an acceptance, assignee of queries."""

    text: str
    reason: str = ""
    until: date | None = None
    assignee: str = ""


@requires("review")
def decide(
    context: Context,
    run_id: str,
    findings: Sequence[Key],
    verdict: Verdict,
    terms: Terms,
    *,
    seen: int | None = None,
) -> str:
    """Decide findings of a run, or raise a query on each; return what could not be done, or "".

    Raise `ServiceError` if no finding is selected, or if none could be decided. The acceptances have no
    margin: they lapse as soon as the rate gets worse.
    """
    if not findings:
        raise ServiceError("No finding is selected. Select findings in the list first.")
    refused: list[str] = []
    for finding in findings:
        try:
            _one(context, run_id, finding, verdict, terms, seen)
        except ServiceError as error:
            if len(findings) == 1:
                raise
            refused.append(f"{finding[1]} of {finding[0]}: {error}")
    if len(refused) == len(findings):
        raise ServiceError(f"None of the {len(findings)} findings was decided. {refused[0]}")
    if refused:
        return f"{len(findings) - len(refused)} of {len(findings)} findings were decided. {' '.join(refused)}"
    return ""


def _one(
    context: Context, run_id: str, finding: Key, verdict: Verdict, terms: Terms, seen: int | None
) -> None:
    if verdict == "must_fix":
        commands.reject(context, run_id, *finding, terms.text, seen=seen)
    elif verdict == "dismiss":
        commands.dismiss(context, run_id, *finding, terms.text, seen=seen)
    elif verdict == "query":
        commands.open_query(context, run_id, *finding, terms.text, assignee=terms.assignee, seen=seen)
    elif terms.until is None:
        raise ServiceError("An acceptance needs an expiry date. Select one.")
    else:
        commands.accept(
            context, run_id, *finding, reason=terms.reason, text=terms.text, until=terms.until, seen=seen
        )
