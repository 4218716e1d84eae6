"""Review commands: queries, decisions on findings, unmasking. Each appends an event to the review log."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pipeline.reviews.acceptances import acceptances, row_acceptances
from pipeline.reviews.events import Event
from portal.audit import service as audit_log
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.pseudonyms import labels, labels_of_either
from portal.core.rights import requires
from portal.quality import results as quality
from portal.quality import rule_texts
from portal.reviews import read_model
from portal.reviews.entry import append_event, clean_text, finding_subject, verified
from portal.reviews.read_model import DataQuery, log

REASONS = {
    "false_alarm": "False alarm: the rule is wrong here",
    "source_corrected": "Corrected at the source",
    "duplicate": "Duplicate of another query",
    "out_of_range": "Truly out of range: excluded from analysis",
    "verified": "Confirmed as correct",
    "known_limitation": "Known limitation of the source",
    "other": "Other (say in the comment)",
}
"""Reasons for accepting a finding or closing a query."""

DUE = timedelta(days=7)
LONGEST = timedelta(days=366)


# `seen` is the sequence number of the newest event on the reviewer's screen (see `append_event`)


@requires("review")
def open_query(
    context: Context,
    run_id: str,
    table_name: str,
    rule_id: str,
    text: str,
    *,
    assignee: str = "",
    rows: Sequence[str] = (),
    seen: int | None = None,
) -> Event:
    """Open a query on a finding, or on those of its rows whose pseudonyms or keys are in `rows`."""
    finding = finding_subject(run_id, table_name, rule_id)
    _result(context, run_id, table_name, rule_id)
    subject = {**finding, "query_id": f"Q-{secrets.token_hex(3)}"}
    payload = {
        "text": clean_text(text, "A query needs a question"),
        "assignee": assignee.strip(),
        "due": str(datetime.now(UTC).date() + DUE),
        "record_keys": labels_of_either(context, table_name, rows),
    }
    return append_event(context, "query_opened", subject, payload, seen)


@requires("review")
def assign(context: Context, query_id: str, assignee: str, *, seen: int | None = None) -> Event:
    """Assign an open or answered query to a user."""
    query = _query(context, query_id, {"open", "answered"})
    payload = {"assignee": clean_text(assignee, "A query needs an assignee")}
    return append_event(context, "query_assigned", _subject(query), payload, seen)


@requires("query")
def answer(context: Context, query_id: str, text: str, *, seen: int | None = None) -> Event:
    """Answer a query; one that was answered before gets a further answer."""
    query = _query(context, query_id, {"open", "answered"})
    payload = {"text": clean_text(text, "An answer needs a text")}
    return append_event(context, "query_answered", _subject(query), payload, seen)


@requires("review")
def close(context: Context, query_id: str, reason: str, text: str, *, seen: int | None = None) -> Event:
    """Close an open or answered query with a reason and a comment."""
    query = _query(context, query_id, {"open", "answered"})
    payload = {"reason": _reason(reason), "text": clean_text(text, "Closing needs a comment")}
    return append_event(context, "query_closed", _subject(query), payload, seen)


@requires("review")
def reopen(context: Context, query_id: str, text: str, *, seen: int | None = None) -> Event:
    """Reopen a closed or answered query."""
    query = _query(context, query_id, {"closed", "answered"})
    payload = {"text": clean_text(text, "Reopening needs a reason")}
    return append_event(context, "query_reopened", _subject(query), payload, seen)


@requires("review")
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
    """Accept a finding until a date; the acceptance lapses earlier if the rate worsens by more than `margin`.

    The margin is a share (0 to 1) for rules in percent, else a number in the rule's unit. Raise
    `ServiceError` if the rule did not fail, or if date or margin are out of range.
    """
    found = _failed_result(context, run_id, table_name, rule_id, "accepted")
    rule = rule_texts.rules().get((table_name, rule_id))
    unit = rule.unit if rule else "percent"
    if unit == "percent" and not 0 <= margin <= 1:
        raise ServiceError(f"The margin is {margin:.0%}. It must be between 0 and 100 percent.")
    if not 0 <= margin < float("inf"):
        raise ServiceError(f"The margin is {margin:g} {unit}. It must be 0 or more.")
    payload = {
        "reason": _reason(reason),
        "text": clean_text(text, "An acceptance needs a comment"),
        "until": _until(until),
        "rate": float(found["rate"]),
        "margin": margin,
        "floor": float(rule.floor if rule else 0),
        "threshold": float(rule.threshold if rule else found["threshold"]),
        "unit": unit,
    }
    finding = finding_subject(run_id, table_name, rule_id)
    return append_event(context, "finding_accepted", finding, payload, seen)


@requires("review")
def accept_rows(
    context: Context,
    run_id: str,
    table_name: str,
    rule_id: str,
    rows: Sequence[str],
    *,
    reason: str,
    text: str,
    until: date,
    seen: int | None = None,
) -> Event:
    """Confirm stored failing rows of a rule as correct until a date: later runs do not count them."""
    _result(context, run_id, table_name, rule_id)
    labelled = labels_of_either(context, table_name, rows)
    if not labelled:
        raise ServiceError("No row is selected. Select the rows that are correct.")
    if unknown := set(labelled) - set(quality.stored_rows(context, run_id, table_name, rule_id)):
        raise ServiceError(
            f"{len(unknown)} of {len(labelled)} rows are not among the stored failing rows of {rule_id} "
            f"in run '{run_id}', or have no key. Accept the finding instead."
        )
    payload = {
        "reason": _reason(reason),
        "text": clean_text(text, "An acceptance needs a comment"),
        "until": _until(until),
        "row_hashes": labelled,
    }
    return append_event(context, "rows_accepted", finding_subject(run_id, table_name, rule_id), payload, seen)


@requires("review")
def withdraw_rows(
    context: Context,
    run_id: str,
    table_name: str,
    rule_id: str,
    rows: Sequence[str],
    text: str,
    *,
    seen: int | None = None,
) -> Event:
    """Withdraw the confirmation of rows; raise `ServiceError` unless all of them are confirmed as correct."""
    standing = row_acceptances(log(context).events).get((table_name, rule_id), {})
    labelled = labels_of_either(context, table_name, rows)
    if not labelled or not set(labelled) <= set(standing):
        raise ServiceError(
            f"Not all of these rows of {table_name} are confirmed for {rule_id}. Select confirmed rows."
        )
    payload = {"text": clean_text(text, "A withdrawal needs a comment"), "row_hashes": labelled}
    finding = finding_subject(run_id, table_name, rule_id)
    return append_event(context, "row_acceptance_withdrawn", finding, payload, seen)


@requires("review")
def reject(
    context: Context, run_id: str, table_name: str, rule_id: str, text: str, *, seen: int | None = None
) -> Event:
    """Mark a finding as "must be fixed".

    This ends its acceptance and prevents approval. If no query on the finding is open, one is opened.
    """
    _result(context, run_id, table_name, rule_id)
    subject = finding_subject(run_id, table_name, rule_id)
    payload = {"text": clean_text(text, "A finding that must be fixed needs a comment")}
    event = append_event(context, "finding_rejected", subject, payload, seen)
    queries = read_model.all_queries(log(context))
    asked = {(query.run_id, query.table_name, query.rule_id) for query in queries if query.state != "closed"}
    if (run_id, table_name, rule_id) not in asked:
        open_query(context, run_id, table_name, rule_id, text)
    return event


@requires("review")
def dismiss(
    context: Context, run_id: str, table_name: str, rule_id: str, text: str, *, seen: int | None = None
) -> Event:
    """Mark a finding as "not a problem" in this run; raise `ServiceError` if the rule did not fail."""
    _failed_result(context, run_id, table_name, rule_id, "dismissed")
    payload = {"text": clean_text(text, "A finding that is not a problem needs a comment")}
    finding = finding_subject(run_id, table_name, rule_id)
    return append_event(context, "finding_dismissed", finding, payload, seen)


@requires("review")
def withdraw(
    context: Context, run_id: str, table_name: str, rule_id: str, text: str, *, seen: int | None = None
) -> Event:
    """Withdraw the acceptance of a finding; raise `ServiceError` if it is not accepted."""
    if (table_name, rule_id) not in acceptances(log(context).events):
        raise ServiceError(f"{rule_id} of {table_name} has no acceptance to withdraw.")
    payload = {"text": clean_text(text, "A withdrawal needs a comment")}
    finding = finding_subject(run_id, table_name, rule_id)
    return append_event(context, "acceptance_withdrawn", finding, payload, seen)


@requires("see_phi")
def unmask(
    context: Context, run_id: str, table_name: str, rule_id: str, position: int, why: str
) -> dict[str, Any]:
    """Record user and reason, then return the failing row at `position` (from 0), unmasked."""
    reason = clean_text(why, "A reason for access is required")
    rows = quality.identified_rows(context, run_id, table_name, rule_id)
    if not 0 <= position < len(rows):
        raise ServiceError(
            f"There is no record {position + 1} among the {len(rows)} failing rows of {rule_id}."
        )
    record = {str(name): value for name, value in rows.iloc[position].to_dict().items()}
    [label] = labels_of_either(context, table_name, [str(record["row"])])
    payload = {"why": reason, "rows": 1, "row_hash": label}
    target = {"run": run_id, "table": table_name, "rule": rule_id, "record": label}
    patient_id = record.get("patient_id")
    patients = labels(context, "patients", [patient_id] if isinstance(patient_id, str) else [])
    with audit_log.recorded(context, "unmask", target, reason=reason, patients=patients):
        append_event(context, "rows_unmasked", finding_subject(run_id, table_name, rule_id), payload, None)
    return {"pseudonym": label, **record}


# checks


def _query(context: Context, query_id: str, states: set[str]) -> DataQuery:
    found = read_model.query(verified(context), query_id)
    if found.state not in states:
        raise ServiceError(f"Query {query_id} is {found.state}. It must be {' or '.join(sorted(states))}.")
    return found


def _subject(query: DataQuery) -> dict[str, str]:
    return {**finding_subject(query.run_id, query.table_name, query.rule_id), "query_id": query.query_id}


def _result(context: Context, run_id: str, table_name: str, rule_id: str) -> dict[str, Any]:
    frame = quality.results(context, run_id)
    found = frame[(frame["table_name"] == table_name) & (frame["rule_id"] == rule_id)]
    if found.empty:
        raise ServiceError(f"Run '{run_id}' has no result of rule {rule_id} on {table_name}.")
    return {str(name): value for name, value in found.iloc[0].to_dict().items()}


def _failed_result(
    context: Context, run_id: str, table_name: str, rule_id: str, decision: str
) -> dict[str, Any]:
    found = _result(context, run_id, table_name, rule_id)
    if found["status"] not in {"fail", "pass_with_failures"}:
        outcome = found["status"]
        raise ServiceError(f"{rule_id} of {table_name} cannot be {decision}: its outcome is {outcome}.")
    return found


def _until(day: date) -> str:
    today = datetime.now(UTC).date()
    if not today <= day <= today + LONGEST:
        raise ServiceError(f"The expiry date is {day}. It must be between today and a year from now.")
    return str(day)


def _reason(reason: str) -> str:
    if not reason:
        raise ServiceError("Select a reason first.")
    if reason not in REASONS:
        raise ServiceError(f"'{reason}' is not a valid reason. Use one of {', '.join(REASONS)}.")
    return reason
