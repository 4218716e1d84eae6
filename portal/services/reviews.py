"""Reviewing a release: ask, answer, accept, reject, sign. Every word becomes an event of `pipeline.reviews`."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import pandas as pd

from pipeline import reviews as chain
from pipeline.release import Release
from pipeline.reviews import Event, Log
from portal.services import measures, quality, releases, review_log, runs
from portal.services.aws import Aws, ServiceError, explain, is_aws
from portal.services.review_log import Query, log, of_run

REASONS = {
    "false_alarm": "False alarm: the rule is wrong here",
    "source_corrected": "Corrected at the source",
    "duplicate": "Duplicate of another query",
    "out_of_range": "Truly out of range: excluded from analysis",
    "verified": "Verified as true",
    "known_limitation": "Known limitation of the source",
    "other": "Other (say in the comment)",
}
"""Why a finding is accepted or a query closed."""

MEANINGS = {
    "approve": "I have reviewed this release and approve it for analysis.",
    "reject": "I have reviewed this release and reject it.",
}
"""The meaning of a signature, shown with it (21 CFR 11.50)."""

DUE = timedelta(days=7)
LONGEST = timedelta(days=366)
_TEXT = 2000


class ReviewConflict(ServiceError):
    """Somebody else said something about the same thing first. Nothing was written; `changes` is what they said."""

    def __init__(self, changes: Sequence[Event]) -> None:
        who = ", ".join(sorted({event.by for event in changes})) or "somebody else"
        super().__init__(
            f"{who} was here first: read what changed, then send again. What you typed is still here."
        )
        self.changes = tuple(changes)


class Untold(ServiceError):
    """What was done stands, and nobody could be told of it."""


# what a reviewer does; `seen` is the number of the newest event that the reviewer's screen showed


def open_query(
    aws: Aws,
    run_id: str,
    table_name: str,
    rule_id: str,
    text: str,
    *,
    assignee: str = "",
    record_keys: Sequence[str] = (),
    seen: int | None = None,
) -> Event:
    """Ask about a finding, or about the rows with `record_keys`."""
    finding = _finding(run_id, table_name, rule_id)
    _result(aws, run_id, table_name, rule_id)
    subject = {**finding, "query_id": f"Q-{secrets.token_hex(3)}"}
    said = {
        "text": _text(text, "A query needs its question"),
        "assignee": assignee.strip(),
        "due": str(datetime.now(UTC).date() + DUE),
        "record_keys": list(record_keys),
    }
    return _say(aws, "query_opened", subject, said, seen)


def assign(aws: Aws, query_id: str, assignee: str, *, seen: int | None = None) -> Event:
    query = _query(aws, query_id, {"open", "answered"})
    said = {"assignee": _text(assignee, "Say to whom the query goes")}
    return _say(aws, "query_assigned", _subject(query), said, seen)


def answer(aws: Aws, query_id: str, text: str, *, seen: int | None = None) -> Event:
    query = _query(aws, query_id, {"open", "answered"})
    return _say(
        aws,
        "query_answered",
        _subject(query),
        {"text": _text(text, "An answer needs a text")},
        seen,
        right="query",
    )


def close(aws: Aws, query_id: str, reason: str, text: str, *, seen: int | None = None) -> Event:
    query = _query(aws, query_id, {"open", "answered"})
    said = {"reason": _reason(reason), "text": _text(text, "Closing needs a comment")}
    return _say(aws, "query_closed", _subject(query), said, seen)


def reopen(aws: Aws, query_id: str, text: str, *, seen: int | None = None) -> Event:
    query = _query(aws, query_id, {"closed", "answered"})
    return _say(
        aws, "query_reopened", _subject(query), {"text": _text(text, "Say why it is open again")}, seen
    )


def send_back(aws: Aws, query_id: str, text: str, *, seen: int | None = None) -> Event:
    """Say that an answer does not do: the query is open again."""
    query = _query(aws, query_id, {"answered"})
    said = {"text": _text(text, "Say what the answer lacks")}
    return _say(aws, "query_reopened", _subject(query), said, seen)


def accept(
    aws: Aws,
    run_id: str,
    table_name: str,
    rule_id: str,
    *,
    reason: str,
    text: str,
    until: date,
    margin: float = 0.0,
    seen: int | None = None,
) -> Event:
    """Take responsibility for a finding until a day, and until its measure is worse by more than `margin`.

    The margin is a share for rules in percent, and in the rule's own unit for others.
    """
    found = _result(aws, run_id, table_name, rule_id)
    if found["status"] not in {"fail", "pass_with_failures"}:
        raise ServiceError(
            f"{rule_id} of {table_name} has nothing to accept: its outcome is {found['status']}."
        )
    rule = measures.rules().get((table_name, rule_id))
    unit = rule.unit if rule else "percent"
    if unit == "percent" and not 0 <= margin <= 1:
        raise ServiceError(f"The margin is {margin:.0%}: it must lie between 0 and 100 percent.")
    if not 0 <= margin < float("inf"):
        raise ServiceError(f"The margin is {margin:g} {unit}: it must be 0 or more.")
    said = {
        "reason": _reason(reason),
        "text": _text(text, "An acceptance needs a comment"),
        "until": _until(until),
        "rate": float(found["rate"]),
        "margin": margin,
        "floor": float(rule.floor if rule else 0),
        "threshold": float(rule.threshold if rule else found["threshold"]),
        "unit": unit,
    }
    return _say(aws, "finding_accepted", _finding(run_id, table_name, rule_id), said, seen)


def accept_rows(
    aws: Aws,
    run_id: str,
    table_name: str,
    rule_id: str,
    record_keys: Sequence[str],
    *,
    reason: str,
    text: str,
    until: date,
    seen: int | None = None,
) -> Event:
    """Say of single rows that they are true as they are: later runs do not count them, until a day."""
    known = set(_result(aws, run_id, table_name, rule_id)["sample_keys"])
    if not record_keys:
        raise ServiceError("No row is chosen: choose those that are true as they are.")
    if strange := set(record_keys) - known:
        raise ServiceError(
            f"{len(strange)} of {len(set(record_keys))} rows are not among the failing rows of {rule_id} "
            f"that run '{run_id}' has kept, or have no key: accept the finding instead."
        )
    said = {
        "reason": _reason(reason),
        "text": _text(text, "An acceptance needs a comment"),
        "until": _until(until),
        "row_hashes": _hashes(record_keys),
    }
    return _say(aws, "rows_accepted", _finding(run_id, table_name, rule_id), said, seen)


def withdraw_rows(
    aws: Aws,
    run_id: str,
    table_name: str,
    rule_id: str,
    record_keys: Sequence[str],
    text: str,
    *,
    seen: int | None = None,
) -> Event:
    """Take the acceptance of single rows back: later runs count them again."""
    standing = chain.row_acceptances(log(aws).events).get((table_name, rule_id), {})
    hashes = _hashes(record_keys)
    if not hashes or not set(hashes) <= set(standing):
        raise ServiceError(
            f"Not all of these rows of {table_name} are accepted under {rule_id}: choose accepted ones."
        )
    said = {"text": _text(text, "A withdrawal needs a comment"), "row_hashes": hashes}
    return _say(aws, "row_acceptance_withdrawn", _finding(run_id, table_name, rule_id), said, seen)


def reject(
    aws: Aws, run_id: str, table_name: str, rule_id: str, text: str, *, seen: int | None = None
) -> Event:
    """Say that a finding must be put right; an acceptance of it ends."""
    _result(aws, run_id, table_name, rule_id)
    said = {"text": _text(text, "A rejection needs a comment")}
    return _say(aws, "finding_rejected", _finding(run_id, table_name, rule_id), said, seen)


def withdraw(
    aws: Aws, run_id: str, table_name: str, rule_id: str, text: str, *, seen: int | None = None
) -> Event:
    """End an acceptance before its day."""
    if (table_name, rule_id) not in chain.acceptances(log(aws).events):
        raise ServiceError(f"{rule_id} of {table_name} is not accepted: there is nothing to withdraw.")
    said = {"text": _text(text, "A withdrawal needs a comment")}
    return _say(aws, "acceptance_withdrawn", _finding(run_id, table_name, rule_id), said, seen)


def sign(
    aws: Aws,
    run_id: str,
    verdict: Literal["approve", "reject"],
    text: str,
    *,
    seen: int | None = None,
) -> Event:
    """Sign a release off. Approval publishes one that was held; rejection leaves the former one. Both notify.

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
        "text": _text(text, "A signature needs a comment"),
        "release": review.version,
    }
    event = _say(aws, "release_signed", {"run_id": run_id}, said, review.seen if seen is None else seen)
    state = {"approve": "APPROVED", "reject": "REJECTED"}[verdict]
    refused = _refusal(aws, run_id) if publishes else ""
    if publishes and not refused:
        state = "PUBLISHED"
    untold = _notify(aws, made, state, event)
    if refused:
        raise ServiceError(
            f"Your approval is event {event.number} of the log, but: {refused} {untold}".strip()
        )
    if untold:
        raise Untold(f"Signed, as event {event.number}, and {state.lower()}. {untold}")
    return event


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


def unmask(aws: Aws, run_id: str, table_name: str, rule_id: str, why: str) -> pd.DataFrame:
    """The identified rows that fail a rule; who saw how many, when and why is written down first."""
    aws.require("see_phi")
    reason = _text(why, "Say why you need to see who these patients are")
    rows = quality.identified_rows(aws, run_id, table_name, rule_id)
    said = {"why": reason, "rows": len(rows)}
    _say(aws, "rows_unmasked", _finding(run_id, table_name, rule_id), said, None, right="see_phi")
    return rows


# how


def _say(
    aws: Aws,
    kind: str,
    subject: dict[str, str],
    said: dict[str, Any],
    seen: int | None,
    right: Literal["review", "query", "see_phi"] = "review",
) -> Event:
    """Append an event; `ReviewConflict` where others spoke of the same subject after `seen`."""
    aws.require(right)
    while True:
        whole = _verified(aws)
        changes = [e for e in whole.events if seen is not None and e.number > seen and _touches(e, subject)]
        if changes:
            raise ReviewConflict(changes)
        event = chain.event(aws.settings.user, aws.settings.role or "viewer", kind, subject, said)
        try:
            return chain.append(aws.client("s3"), aws.lake, whole, event)
        except chain.Raced:
            continue


def _verified(aws: Aws) -> Log:
    """The whole log; `ServiceError` where it does not verify."""
    whole = log(aws)
    if whole.problems:
        raise ServiceError(
            f"The log of reviews does not verify ({whole.problems[0]}) "
            "Nothing can be added until an engineer has looked into it: hdp review verify."
        )
    return whole


def _touches(event: Event, subject: dict[str, str]) -> bool:
    """Whether an event changes what somebody who speaks of `subject` has read; a look at rows changes nothing."""
    if event.kind == "rows_unmasked" or event.subject.get("run_id") != subject["run_id"]:
        return False
    shared = {"table_name", "rule_id"} & set(event.subject) & set(subject)
    return all(event.subject[name] == subject[name] for name in shared)


def _query(aws: Aws, query_id: str, states: set[str]) -> Query:
    found = review_log.query(_verified(aws), query_id)
    if found.state not in states:
        raise ServiceError(
            f"Query {query_id} is {found.state}: only {' or '.join(sorted(states))} ones can be."
        )
    return found


def _subject(query: Query) -> dict[str, str]:
    return {**_finding(query.run_id, query.table_name, query.rule_id), "query_id": query.query_id}


def _finding(run_id: str, table_name: str, rule_id: str) -> dict[str, str]:
    return {"run_id": run_id, "table_name": table_name, "rule_id": rule_id}


def _result(aws: Aws, run_id: str, table_name: str, rule_id: str) -> dict[str, Any]:
    frame = quality.results(aws, run_id)
    found = frame[(frame["table_name"] == table_name) & (frame["rule_id"] == rule_id)]
    if found.empty:
        raise ServiceError(f"Run '{run_id}' has no result of rule {rule_id} on {table_name}.")
    return {str(name): value for name, value in found.iloc[0].to_dict().items()}


def _hashes(record_keys: Sequence[str]) -> list[str]:
    return sorted({chain.row_hash(key) for key in record_keys})


def _until(day: date) -> str:
    today = datetime.now(UTC).date()
    if not today <= day <= today + LONGEST:
        raise ServiceError(f"The last day is {day}: it must lie between today and a year from now.")
    return str(day)


def _reason(reason: str) -> str:
    if reason not in REASONS:
        raise ServiceError(f"'{reason}' is no reason: choose {', '.join(REASONS)}.")
    return reason


def _text(text: str, sentence: str) -> str:
    cleaned = text.strip()
    if not cleaned:
        raise ServiceError(f"{sentence}: write a sentence.")
    if len(cleaned) > _TEXT:
        raise ServiceError(f"The text has {len(cleaned):,} characters: at most {_TEXT:,} are kept.")
    return cleaned


def _notify(aws: Aws, made: Release, state: str, event: Event) -> str:
    """Tell the subscribers; a sentence where that failed, for what was done stands all the same."""
    outcome = {
        "release_id": made.release_id,
        "decision": made.decision,
        "published": state == "PUBLISHED",
        "state": state,
        "reviewed_by": event.by,
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
