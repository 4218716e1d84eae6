"""Signing a release off: what a signature says, what it waits for, and what follows from it."""

from __future__ import annotations

import json
from typing import Literal

from pipeline.release import Release
from pipeline.reviews import Event
from portal.services import releases, runs
from portal.services.aws import Aws, ServiceError, explain, is_aws
from portal.services.review_entry import say, sentence
from portal.services.review_log import of_run

MEANINGS = {
    "approve": "I have reviewed this release and approve it for analysis.",
    "reject": "I have reviewed this release and reject it.",
}
"""The meaning of a signature, shown with it (21 CFR 11.50)."""


class Unfinished(ServiceError):
    """What was done stands, and something is left for somebody to do."""


_STILL_SEEN = "Readers still see this release: an engineer goes back to the former one ('hdp rollback')."


def sign(
    aws: Aws,
    run_id: str,
    verdict: Literal["approve", "reject"],
    text: str,
    *,
    seen: int | None = None,
) -> Event:
    """Sign a release off. Approval publishes one that was held; rejection leaves the former one. Both notify.

    A release that readers see already is taken back by an engineer, who is told (`Unfinished`).

    Neither is signed while a query is open: the answer may change the verdict, and a held release waits meanwhile.
    """
    aws.require("review")
    made = releases.get(aws, run_id)
    review = of_run(aws, run_id)
    starter = (runs.plan(aws, run_id) or {}).get("started_by")
    if starter == aws.settings.user:
        raise ServiceError(f"{starter} started run '{run_id}': somebody else must sign its release off.")
    if review.open_queries:
        names = ", ".join(query.query_id for query in review.open_queries)
        done = "approved" if verdict == "approve" else "rejected"
        raise ServiceError(f"{names} must be closed before the release can be {done}.")
    publishes = verdict == "approve" and made.decision == "hold" and not _is_followed(aws, run_id)
    if publishes:
        releases.refuse_stale(aws, made)
    said = {
        "verdict": verdict,
        "meaning": MEANINGS[verdict],
        "text": sentence(text, "A signature needs a comment"),
        "release": review.version,
    }
    event = say(aws, "release_signed", {"run_id": run_id}, said, review.seen if seen is None else seen)
    state = {"approve": "APPROVED", "reject": "REJECTED"}[verdict]
    refused = _refusal(aws, run_id) if publishes else ""
    if publishes and not refused:
        state = "PUBLISHED"
    left = _STILL_SEEN if verdict == "reject" and _is_seen(aws, run_id) else ""
    untold = _notify(aws, made, state, event, left)
    if refused:
        raise ServiceError(
            f"Your approval is event {event.number} of the log, but: {refused} {untold}".strip()
        )
    if left or untold:
        rest = " ".join(filter(None, [left, untold]))
        raise Unfinished(f"Signed, as event {event.number}, and {state.lower()}. {rest}")
    return event


def _is_seen(aws: Aws, release_id: str) -> bool:
    present = releases.current(aws)
    return present is not None and present.release_id == release_id


def _is_followed(aws: Aws, release_id: str) -> bool:
    """Whether it was published before and others followed: approved again, it can be gone back to."""
    present = releases.current(aws)
    return present is not None and release_id in present.line


def _refusal(aws: Aws, run_id: str) -> str:
    """Publish what was just signed; why it was not published, where it was not."""
    try:
        publish_signed(aws, run_id)
    except Exception as error:
        if not isinstance(error, ServiceError) and not is_aws(error):
            raise
        return explain(error)
    return ""


def publish_signed(aws: Aws, run_id: str) -> None:
    """Publish what a reviewer has approved; to be repeated where a publisher was killed half-way."""
    signature = of_run(aws, run_id).signature
    if signature is None or signature.verdict != "approve" or not signature.stands:
        raise ServiceError(
            f"Release '{run_id}' was held: a clinician must approve it before it is published."
        )
    made = releases.get(aws, run_id)
    releases.refuse_stale(aws, made)
    releases.publish_approved(aws, made, reason=f"approved by {signature.by} (event {signature.event})")


def _notify(aws: Aws, made: Release, state: str, event: Event, why: str) -> str:
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
        answer = aws.client("lambda").invoke(
            FunctionName=aws.lake.function("sns_notify_success"),
            Payload=json.dumps({"run_id": made.run_id, "release": outcome}).encode(),
        )
    except Exception as error:
        if not is_aws(error):
            raise
        return sentence.format(explain(error).rstrip("."))
    return sentence.format("its Lambda failed") if answer.get("FunctionError") else ""
