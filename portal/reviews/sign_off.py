"""Signing a release off: what a signature says, what it waits for, and what follows from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import pandas as pd

from pipeline.releases.model import Release
from pipeline.reviews.events import Event
from portal.core.context import Context
from portal.core.errors import ServiceError, explain, is_aws_error
from portal.quality import results as quality
from portal.releases import service as releases
from portal.reviews import decisions
from portal.reviews.decisions import Finding
from portal.reviews.entry import say, sentence
from portal.reviews.read_model import Query, Review, of_run
from portal.runs import service as runs

MEANINGS = {
    "approve": "I have reviewed this release and approve it for analysis.",
    "reject": "I have reviewed this release and reject it.",
}
"""The meaning of a signature, shown with it (21 CFR 11.50)."""


class Unfinished(ServiceError):
    """What was done stands, and something is left for somebody to do."""


_STILL_SEEN = "Analysts still see this release. An engineer can roll back to the previous one ('hdp releases rollback')."


class Unconfirmed(ServiceError):
    """Undecided findings that the signer has not confirmed having seen; `code` confirms this very list."""

    def __init__(self, undecided: Sequence[Finding], code: str) -> None:
        super().__init__(
            f"{len(undecided)} findings are undecided: {'; '.join(map(str, undecided))}. "
            f"To sign all the same, confirm that you have seen them: --confirm {code}"
        )
        self.undecided = tuple(undecided)
        self.code = code


@dataclass(frozen=True)
class Outstanding:
    """What stands between a release and its approval, by the findings and queries of its run.

    `code` stands for the list of undecided findings: repeating it confirms having seen them.
    """

    findings: tuple[Finding, ...]
    open_queries: tuple[Query, ...]
    code: str

    @property
    def barring(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.bars_approval)

    @property
    def undecided(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.is_undecided)


def outstanding(context: Context, review: Review, made: Release) -> Outstanding:
    """What is undecided and what bars the approval of a release now, by its results in the lake."""
    return of_results(quality.results(context, made.run_id), review, made)


def of_results(results: pd.DataFrame, review: Review, made: Release) -> Outstanding:
    """As `outstanding`, by results that were read before."""
    if results.empty:
        raise ServiceError(
            f"The results of run '{made.run_id}' are not in the lake: its findings cannot be reviewed."
        )
    found = decisions.of_results(results, made.reasons, review.decided, datetime.now(UTC).date())
    blocking = {(r["table"], r["rule_id"]) for r in made.reasons if r["severity"] == "block"}
    if lost := blocking - {finding.key for finding in found}:
        names = ", ".join(f"{rule} of {table}" for table, rule in sorted(lost))
        raise ServiceError(
            f"The audit of run '{made.run_id}' names {names}, and its results do not: start a new run."
        )
    code = decisions.code((finding for finding in found if finding.is_undecided), review.version)
    return Outstanding(found, review.open_queries, code)


def sign(
    context: Context,
    run_id: str,
    verdict: Literal["approve", "reject"],
    text: str,
    *,
    confirmed: str = "",
    seen: int | None = None,
) -> Event:
    """Sign a release off. Approval publishes a held one; rejection leaves the previous one. Both notify.

    Approval is refused while a query is open, while a blocking finding is undecided and while any finding
    must be fixed; other undecided findings must be `confirmed` by the code of their list (`Unconfirmed`
    carries both). Rejecting a release that readers see leaves it to an engineer to roll back (`Unfinished`).
    """
    context.require("review")
    made = releases.get(context, run_id)
    review = of_run(context, run_id)
    _refuse_own_run(context, run_id)
    undecided = _refuse_unreviewed(context, review, made, confirmed) if verdict == "approve" else ()
    publishes = verdict == "approve" and made.decision == "hold" and not _is_followed(context, run_id)
    if publishes:
        releases.refuse_stale(context, made)
    said = {
        "verdict": verdict,
        "meaning": MEANINGS[verdict],
        "text": sentence(text, "A signature needs a comment"),
        "release": review.version,
        "undecided": [f"{finding.table_name}:{finding.rule_id}" for finding in undecided],
    }
    seen = review.seen if seen is None else min(seen, review.seen)
    event = say(context, "release_signed", {"run_id": run_id}, said, seen)
    return _follow_up(context, made, verdict, event, publishes)


def _refuse_own_run(context: Context, run_id: str) -> None:
    starter = (runs.plan(context, run_id) or {}).get("started_by")
    if starter == context.settings.user:
        raise ServiceError(f"{starter} started run '{run_id}': somebody else must sign its release off.")


def _refuse_unreviewed(
    context: Context, review: Review, made: Release, confirmed: str
) -> tuple[Finding, ...]:
    """The undecided findings that the signer has confirmed; `ServiceError` where anything bars the approval."""
    found = outstanding(context, review, made)
    if found.barring:
        names = "; ".join(map(str, found.barring))
        raise ServiceError(f"The release cannot be approved: {names}. Decide on each blocking finding first.")
    if found.open_queries:
        names = ", ".join(query.query_id for query in found.open_queries)
        raise ServiceError(f"{names} must be closed before the release can be approved.")
    if found.undecided and confirmed != found.code:
        raise Unconfirmed(found.undecided, found.code)
    return found.undecided


def _follow_up(
    context: Context, made: Release, verdict: Literal["approve", "reject"], event: Event, publishes: bool
) -> Event:
    """Publish what was approved, and notify; what is left to do is raised as `Unfinished`."""
    state = {"approve": "APPROVED", "reject": "REJECTED"}[verdict]
    refused = _refusal(context, made.run_id) if publishes else ""
    if publishes and not refused:
        state = "PUBLISHED"
    left = _STILL_SEEN if verdict == "reject" and _is_seen(context, made.run_id) else ""
    untold = _notify(context, made, state, event, left)
    if refused:
        raise ServiceError(
            f"Your approval is event {event.number} of the log, but: {refused} {untold}".strip()
        )
    if left or untold:
        rest = " ".join(filter(None, [left, untold]))
        raise Unfinished(f"Signed, as event {event.number}, and {state.lower()}. {rest}")
    return event


def _is_seen(context: Context, release_id: str) -> bool:
    present = releases.current(context)
    return present is not None and present.release_id == release_id


def _is_followed(context: Context, release_id: str) -> bool:
    """Whether it was published before and others followed: approved again, it can be gone back to."""
    present = releases.current(context)
    return present is not None and release_id in present.line


def _refusal(context: Context, run_id: str) -> str:
    """Publish what was just signed; why it was not published, where it was not."""
    try:
        publish_signed(context, run_id)
    except Exception as error:
        if not isinstance(error, ServiceError) and not is_aws_error(error):
            raise
        return explain(error)
    return ""


def publish_signed(context: Context, run_id: str) -> None:
    """Publish what a reviewer has approved; to be repeated where a publisher was killed half-way."""
    signature = of_run(context, run_id).signature
    if signature is None or signature.verdict != "approve" or not signature.stands:
        raise ServiceError(
            f"Release '{run_id}' was held: a clinician must approve it before it is published."
        )
    made = releases.get(context, run_id)
    releases.refuse_stale(context, made)
    releases.publish_approved(context, made, reason=f"approved by {signature.by} (event {signature.event})")


def _notify(context: Context, made: Release, state: str, event: Event, why: str) -> str:
    """Tell the subscribers; a sentence where that failed, for what was done stands all the same."""
    outcome = {
        "release_id": made.release_id,
        "decision": made.decision,
        "published": state == "PUBLISHED",
        "state": state,
        "reviewed_by": event.by,
        "why": why,
        "reasons": [reason["rule_id"] for reason in made.reasons],
    }
    sentence = "The notification could not be sent ({}): tell those who wait for it."
    try:
        answer = context.client("lambda").invoke(
            FunctionName=context.lake.function("sns_notify_success"),
            Payload=json.dumps({"run_id": made.run_id, "release": outcome}).encode(),
        )
    except Exception as error:
        if not is_aws_error(error):
            raise
        return sentence.format(explain(error).rstrip("."))
    return sentence.format("its Lambda failed") if answer.get("FunctionError") else ""
