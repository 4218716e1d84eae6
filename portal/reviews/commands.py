"""Reviewing a release: ask, answer, accept, reject. Every word becomes an event of `pipeline.reviews`."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pipeline.reviews.acceptances import acceptances, row_acceptances, row_hash
from pipeline.reviews.events import Event
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.quality import results as quality
from portal.quality import rule_texts
from portal.reviews import read_model as review_log
from portal.reviews.entry import finding_of, say, sentence, verified
from portal.reviews.read_model import Query, log

REASONS = {
    "false_alarm": "False alarm: the rule is wrong here",
    "source_corrected": "Corrected at the source",
    "duplicate": "Duplicate of another query",
    "out_of_range": "Truly out of range: excluded from analysis",
    "verified": "Confirmed as correct",
    "known_limitation": "Known limitation of the source",
    "other": "Other (say in the comment)",
}
"""Why a finding is accepted or a query closed."""

DUE = timedelta(days=7)
LONGEST = timedelta(days=366)


# what a reviewer does; `seen` is the number of the newest event that the reviewer's screen showed


def open_query(
    context: Context,
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
    finding = finding_of(run_id, table_name, rule_id)
    _result(context, run_id, table_name, rule_id)
    subject = {**finding, "query_id": f"Q-{secrets.token_hex(3)}"}
    said = {
        "text": sentence(text, "A query needs its question"),
        "assignee": assignee.strip(),
        "due": str(datetime.now(UTC).date() + DUE),
        "record_keys": list(record_keys),
    }
    return say(context, "query_opened", subject, said, seen)


def assign(context: Context, query_id: str, assignee: str, *, seen: int | None = None) -> Event:
    query = _query(context, query_id, {"open", "answered"})
    said = {"assignee": sentence(assignee, "Say to whom the query goes")}
    return say(context, "query_assigned", _subject(query), said, seen)


def answer(context: Context, query_id: str, text: str, *, seen: int | None = None) -> Event:
    query = _query(context, query_id, {"open", "answered"})
    return say(
        context,
        "query_answered",
        _subject(query),
        {"text": sentence(text, "An answer needs a text")},
        seen,
        right="query",
    )


def close(context: Context, query_id: str, reason: str, text: str, *, seen: int | None = None) -> Event:
    query = _query(context, query_id, {"open", "answered"})
    said = {"reason": _reason(reason), "text": sentence(text, "Closing needs a comment")}
    return say(context, "query_closed", _subject(query), said, seen)


def reopen(context: Context, query_id: str, text: str, *, seen: int | None = None) -> Event:
    query = _query(context, query_id, {"closed", "answered"})
    return say(
        context,
        "query_reopened",
        _subject(query),
        {"text": sentence(text, "A reopened query needs its reason")},
        seen,
    )


def accept(
    context: Context,
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
    found = _result(context, run_id, table_name, rule_id)
    if found["status"] not in {"fail", "pass_with_failures"}:
        raise ServiceError(
            f"{rule_id} of {table_name} has nothing to accept: its outcome is {found['status']}."
        )
    rule = rule_texts.rules().get((table_name, rule_id))
    unit = rule.unit if rule else "percent"
    if unit == "percent" and not 0 <= margin <= 1:
        raise ServiceError(f"The margin is {margin:.0%}: it must lie between 0 and 100 percent.")
    if not 0 <= margin < float("inf"):
        raise ServiceError(f"The margin is {margin:g} {unit}: it must be 0 or more.")
    said = {
        "reason": _reason(reason),
        "text": sentence(text, "An acceptance needs a comment"),
        "until": _until(until),
        "rate": float(found["rate"]),
        "margin": margin,
        "floor": float(rule.floor if rule else 0),
        "threshold": float(rule.threshold if rule else found["threshold"]),
        "unit": unit,
    }
    return say(context, "finding_accepted", finding_of(run_id, table_name, rule_id), said, seen)


def accept_rows(
    context: Context,
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
    known = set(_result(context, run_id, table_name, rule_id)["sample_keys"])
    if not record_keys:
        raise ServiceError("No row is chosen: choose those that are true as they are.")
    if strange := set(record_keys) - known:
        raise ServiceError(
            f"{len(strange)} of {len(set(record_keys))} rows are not among the failing rows of {rule_id} "
            f"that run '{run_id}' has kept, or have no key: accept the finding instead."
        )
    said = {
        "reason": _reason(reason),
        "text": sentence(text, "An acceptance needs a comment"),
        "until": _until(until),
        "row_hashes": _hashes(record_keys),
    }
    return say(context, "rows_accepted", finding_of(run_id, table_name, rule_id), said, seen)


def withdraw_rows(
    context: Context,
    run_id: str,
    table_name: str,
    rule_id: str,
    record_keys: Sequence[str],
    text: str,
    *,
    seen: int | None = None,
) -> Event:
    """Take the acceptance of single rows back: later runs count them again."""
    standing = row_acceptances(log(context).events).get((table_name, rule_id), {})
    hashes = _hashes(record_keys)
    if not hashes or not set(hashes) <= set(standing):
        raise ServiceError(
            f"Not all of these rows of {table_name} are accepted under {rule_id}: choose accepted ones."
        )
    said = {"text": sentence(text, "A withdrawal needs a comment"), "row_hashes": hashes}
    return say(context, "row_acceptance_withdrawn", finding_of(run_id, table_name, rule_id), said, seen)


def reject(
    context: Context, run_id: str, table_name: str, rule_id: str, text: str, *, seen: int | None = None
) -> Event:
    """Mark a finding as "must be fixed": an acceptance of it ends, approval is barred and a query is open."""
    _result(context, run_id, table_name, rule_id)
    subject = finding_of(run_id, table_name, rule_id)
    said = {"text": sentence(text, "A finding that must be fixed needs a comment")}
    event = say(context, "finding_rejected", subject, said, seen)
    queries = review_log.all_queries(log(context))
    if not any(
        finding_of(q.run_id, q.table_name, q.rule_id) == subject and q.state != "closed" for q in queries
    ):
        open_query(context, run_id, table_name, rule_id, text)
    return event


def dismiss(
    context: Context, run_id: str, table_name: str, rule_id: str, text: str, *, seen: int | None = None
) -> Event:
    """Mark a finding as "not a problem" in this run; in a later run it is to be decided again."""
    found = _result(context, run_id, table_name, rule_id)
    if found["status"] not in {"fail", "pass_with_failures"}:
        raise ServiceError(
            f"{rule_id} of {table_name} has nothing to dismiss: its outcome is {found['status']}."
        )
    said = {"text": sentence(text, "A finding that is not a problem needs a comment")}
    return say(context, "finding_dismissed", finding_of(run_id, table_name, rule_id), said, seen)


def withdraw(
    context: Context, run_id: str, table_name: str, rule_id: str, text: str, *, seen: int | None = None
) -> Event:
    """End an acceptance before its day."""
    if (table_name, rule_id) not in acceptances(log(context).events):
        raise ServiceError(f"{rule_id} of {table_name} is not accepted: there is nothing to withdraw.")
    said = {"text": sentence(text, "A withdrawal needs a comment")}
    return say(context, "acceptance_withdrawn", finding_of(run_id, table_name, rule_id), said, seen)


def unmask(
    context: Context, run_id: str, table_name: str, rule_id: str, position: int, why: str
) -> dict[str, Any]:
    """One identified row, by its position among the failing rows; who saw it, when and why is recorded first."""
    context.require("see_phi")
    reason = sentence(why, "A reason for access is required")
    rows = quality.identified_rows(context, run_id, table_name, rule_id)
    if not 0 <= position < len(rows):
        raise ServiceError(
            f"There is no record {position + 1} among the {len(rows)} failing rows of {rule_id}."
        )
    record = {str(name): value for name, value in rows.iloc[position].to_dict().items()}
    said = {"why": reason, "rows": 1, "row_hash": row_hash(str(record["row"]))}
    say(context, "rows_unmasked", finding_of(run_id, table_name, rule_id), said, None, right="see_phi")
    return record


# how


def _query(context: Context, query_id: str, states: set[str]) -> Query:
    found = review_log.query(verified(context), query_id)
    if found.state not in states:
        raise ServiceError(
            f"Query {query_id} is {found.state}: only {' or '.join(sorted(states))} ones can be."
        )
    return found


def _subject(query: Query) -> dict[str, str]:
    return {**finding_of(query.run_id, query.table_name, query.rule_id), "query_id": query.query_id}


def _result(context: Context, run_id: str, table_name: str, rule_id: str) -> dict[str, Any]:
    frame = quality.results(context, run_id)
    found = frame[(frame["table_name"] == table_name) & (frame["rule_id"] == rule_id)]
    if found.empty:
        raise ServiceError(f"Run '{run_id}' has no result of rule {rule_id} on {table_name}.")
    return {str(name): value for name, value in found.iloc[0].to_dict().items()}


def _hashes(record_keys: Sequence[str]) -> list[str]:
    return sorted({row_hash(key) for key in record_keys})


def _until(day: date) -> str:
    today = datetime.now(UTC).date()
    if not today <= day <= today + LONGEST:
        raise ServiceError(f"The last day is {day}: it must lie between today and a year from now.")
    return str(day)


def _reason(reason: str) -> str:
    if not reason:
        raise ServiceError("Choose a reason first.")
    if reason not in REASONS:
        raise ServiceError(f"'{reason}' is not a reason: choose one of {', '.join(REASONS)}.")
    return reason
