"""Sign a release off: check that nothing is outstanding, append the signature, publish and notify."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import pandas as pd

from pipeline.releases.model import Release
from pipeline.reviews.events import Event
from portal.audit import service as audit_log
from portal.core.auth import Principal, User
from portal.core.context import Context
from portal.core.errors import ServiceError, explain, is_aws_error
from portal.core.rights import requires
from portal.quality import results as quality
from portal.releases import service as releases
from portal.releases import signatures
from portal.reviews import decisions, read_model
from portal.reviews.decisions import Finding
from portal.reviews.entry import append_event, clean_text, verified
from portal.reviews.read_model import DataQuery, Review
from portal.runs import service as runs

MEANINGS = {
    "approve": "I have reviewed this release and approve it for analysis.",
    "reject": "I have reviewed this release and reject it.",
}
"""The meaning of a signature, shown with it (21 CFR 11.50)."""


@dataclass(frozen=True)
class SignOff:
    """A recorded signature; `unfinished` says what remains to be done, and is empty if nothing does."""

    event: Event
    unfinished: str = ""


_STILL_SEEN = "Analysts still see this release. An engineer can roll back with 'hdp releases rollback'."


class Unconfirmed(ServiceError):
    """There are undecided findings that the signer has not confirmed; `code` confirms this list."""

    def __init__(self, undecided: Sequence[Finding], code: str) -> None:
        count = "1 finding is" if len(undecided) == 1 else f"{len(undecided)} findings are"
        super().__init__(
            f"{count} undecided: {'; '.join(map(str, undecided))}. "
            f"To sign anyway, confirm that you have seen them: --confirm {code}"
        )
        self.undecided = tuple(undecided)
        self.code = code


@dataclass(frozen=True)
class Outstanding:
    """The findings and open queries of a run before its approval; `code` confirms the undecided findings."""

    findings: tuple[Finding, ...]
    open_queries: tuple[DataQuery, ...]
    code: str

    @property
    def barring(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.bars_approval)

    @property
    def undecided(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.is_undecided)


@requires("query")
def outstanding(context: Context, review: Review, release: Release) -> Outstanding:
    """Return the findings and open queries of a release, from its rule results in the lake."""
    return of_results(quality.results(context, release.run_id), review, release)


def of_results(results: pd.DataFrame, review: Review, release: Release) -> Outstanding:
    """Return the findings and open queries of a release, from given rule results.

    Raise `ServiceError` if rule results are missing.
    """
    if results.empty:
        raise ServiceError(
            f"The rule results of run '{release.run_id}' are missing. Its findings cannot be reviewed."
        )
    found = decisions.of_results(results, release.reasons, review.decided, datetime.now(UTC).date())
    blocking = {(r["table"], r["rule_id"]) for r in release.reasons if r["severity"] == "block"}
    if lost := blocking - {finding.key for finding in found}:
        names = ", ".join(f"{rule} of {table}" for table, rule in sorted(lost))
        raise ServiceError(
            f"The audit of run '{release.run_id}' names {names}, but its rule results do not. "
            "Start a new run."
        )
    code = decisions.confirmation_code((finding for finding in found if finding.is_undecided), review.version)
    return Outstanding(found, review.open_queries, code)


@requires("review")
def sign(
    context: Context,
    run_id: str,
    verdict: Literal["approve", "reject"],
    text: str,
    *,
    confirmed: str = "",
    seen: int | None = None,
    signed_for: str = "",
) -> SignOff:
    """Sign a release off and notify subscribers. Approval publishes a held release.

    A release that was published before and then followed by another one is not published again.

    Raise `ServiceError` and record nothing if the signer must sign in again first, or if the signer or the
    clinician for whom a deputy signs started the run. For an approval, raise it also if a query is open, a
    blocking finding is undecided, a finding must be fixed, or a held release cannot be published
    (`releases.check_parent`, `releases.check_files`); raise `Unconfirmed` unless `confirmed` is the code of
    the other undecided findings. A deputy signs for the clinician `signed_for`, given by name or id.

    Once the signature is recorded, no error is raised: the result says what could not be done.
    """
    _check_recent_sign_in(context)
    principal = _principal(context.user, signed_for)
    release = releases.get(context, run_id)
    log = verified(context)
    review = read_model.review(log, run_id, signatures.fingerprint(context, release))
    _check_not_own_run(context, run_id, principal)
    undecided = _check_reviewed(context, review, release, confirmed) if verdict == "approve" else ()
    publishes = verdict == "approve" and release.decision == "hold" and not _is_superseded(context, run_id)
    if publishes:
        releases.check_parent(context, release)
        releases.check_files(context, release)
    payload = {
        "verdict": verdict,
        "meaning": meaning(verdict, principal),
        "signed_for": principal.person_id if principal else "",
        "text": clean_text(text, "A signature needs a comment"),
        "release": review.version,
        "undecided": [f"{finding.table_name}:{finding.rule_id}" for finding in undecided],
    }
    seen = review.seen if seen is None else min(seen, review.seen)
    signature = {"run": run_id, "verdict": verdict, "for": str(principal or "")}
    with audit_log.recorded(context, "sign_off", signature, reason=str(payload["text"])):
        event = append_event(context, "release_signed", {"run_id": run_id}, payload, seen, first_read=log)
    try:
        return SignOff(event, _publish_and_notify(context, release, verdict, event, publishes))
    except Exception as error:  # the signature remains recorded
        recorded = f"Your signature was recorded as event {event.sequence}."
        return SignOff(event, f"{recorded} A later step failed: {_explained(error)}")


def meaning(verdict: Literal["approve", "reject"], principal: Principal | None) -> str:
    """Return the meaning of a signature, with the clinician for whom a deputy signs."""
    return MEANINGS[verdict] + (f" Signed for {principal}." if principal else "")


def _principal(user: User, signed_for: str) -> Principal | None:
    """Return the clinician for whom the user signs as a deputy; None if users sign for themselves.

    Raise `ServiceError` if the user is no deputy of `signed_for`, or must choose between several clinicians.
    """
    named = [each for each in user.deputy_for if signed_for in {each.person_id, each.name}]
    if signed_for and not named:
        raise ServiceError(f"You are not a deputy of '{signed_for}' today. An administrator names deputies.")
    if signed_for or user.has_own("review"):
        return named[0] if signed_for else None
    if len(user.deputy_for) > 1:
        names = ", ".join(each.person_id for each in user.deputy_for)
        raise ServiceError(f"You are a deputy of {names}. Choose for whom you sign (--for on the terminal).")
    return user.deputy_for[0]


def _check_recent_sign_in(context: Context) -> None:
    """Raise `ServiceError` if a signature needs a sign-in that is more recent than the user's."""
    minutes, at = context.settings.sign_within_minutes, context.user.signed_in_at
    if not minutes or (at and datetime.now(UTC) - at <= timedelta(minutes=minutes)):
        return
    when = f"at {at:%H:%M} UTC" if at else "at an unknown time"
    raise ServiceError(
        f"You signed in {when}. A release must be signed within {minutes:g} minutes of the sign-in: "
        "sign out in the sidebar, sign in again, and then sign. Your comment is kept."
    )


def _check_not_own_run(context: Context, run_id: str, principal: Principal | None) -> None:
    starter = (runs.plan(context, run_id) or {}).get("started_by")
    signers = {context.settings.user, *((principal.person_id, principal.name) if principal else ())}
    if starter in signers:
        raise ServiceError(f"{starter} started run '{run_id}'. Another person must sign its release.")


def _check_reviewed(
    context: Context, review: Review, release: Release, confirmed: str
) -> tuple[Finding, ...]:
    """Return the confirmed undecided findings; raise `ServiceError` if anything prevents the approval."""
    found = outstanding(context, review, release)
    if found.barring:
        names = "; ".join(map(str, found.barring))
        raise ServiceError(
            f"The release cannot be approved: {names}. "
            "Decide each blocking finding, and resolve each one marked 'must be fixed'."
        )
    if found.open_queries:
        names = ", ".join(query.query_id for query in found.open_queries)
        raise ServiceError(f"{names} must be closed before the release can be approved.")
    if found.undecided and confirmed != found.code:
        raise Unconfirmed(found.undecided, found.code)
    return found.undecided


def _publish_and_notify(
    context: Context, release: Release, verdict: Literal["approve", "reject"], event: Event, publishes: bool
) -> str:
    """Publish the release if `publishes`, and notify subscribers; return what remains to be done, or ""."""
    state = {"approve": "APPROVED", "reject": "REJECTED"}[verdict]
    publish_error = _publish(context, release, event) if publishes else ""
    if publishes and not publish_error:
        state = "PUBLISHED"
    still_seen = _STILL_SEEN if verdict == "reject" and _is_published(context, release.run_id) else ""
    notify_error = _notify(context, release, state, event, still_seen)
    if publish_error:
        recorded = f"Your approval was recorded as event {event.sequence}"
        return f"{recorded}, but publication failed: {publish_error} {notify_error}".strip()
    rest = " ".join(filter(None, [still_seen, notify_error]))
    return f"Your signature was recorded as event {event.sequence} ({state.lower()}). {rest}" if rest else ""


def _is_published(context: Context, release_id: str) -> bool:
    published = releases.current(context)
    return published is not None and published.release_id == release_id


def _is_superseded(context: Context, release_id: str) -> bool:
    """Return whether a release is in the history of the published one.

    Such a release was published and then followed by another; its approval does not publish it again.
    """
    published = releases.current(context)
    return published is not None and release_id in published.history


def _publish(context: Context, release: Release, event: Event) -> str:
    """Publish the release that `event` approved; return an error message, or "" if it was published."""
    try:
        releases.check_parent(context, release)
        reason = f"approved by {event.by} (event {event.sequence})"
        releases.publish_approved(context, release, reason=reason)
    except Exception as error:  # the signature remains recorded
        return _explained(error)
    return ""


def _explained(error: Exception) -> str:
    is_known = isinstance(error, ServiceError) or is_aws_error(error)
    return explain(error) if is_known else f"unexpected error ({type(error).__name__})."


def _notify(context: Context, release: Release, state: str, event: Event, why: str) -> str:
    """Notify subscribers; return an error message, or "" if they were notified.

    Errors are not raised, because the signature was recorded.
    """
    outcome = {
        "release_id": release.release_id,
        "decision": release.decision,
        "published": state == "PUBLISHED",
        "state": state,
        "reviewed_by": event.by,
        "why": why,
        "reasons": [reason["rule_id"] for reason in release.reasons],
    }
    message = "The notification could not be sent ({}). Inform the subscribers yourself."
    try:
        answer = context.client("lambda").invoke(
            FunctionName=context.lake.function("sns_notify_success"),
            Payload=json.dumps({"run_id": release.run_id, "release": outcome}).encode(),
        )
    except Exception as error:  # the signature remains recorded
        return message.format(_explained(error).rstrip("."))
    return message.format("its Lambda failed") if answer.get("FunctionError") else ""
