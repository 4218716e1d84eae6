"""Printable HTML report on the quality of a release, without any row of data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from html import escape
from typing import Any

import pandas as pd

from pipeline.releases.model import Release
from pipeline.rules.outcomes import FOUND
from portal.core.vocabulary import OUTCOMES, QUERY_STATES, SEVERITIES, without_symbol
from portal.quality import rule_texts
from portal.releases.signatures import Signature
from portal.reviews import wording
from portal.reviews.read_model import DataQuery, Review

_STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; color: #14202b; background: #fff; max-width: 76rem; margin: 2rem
auto; padding: 0 1rem } h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; margin-top: 2rem; border-bottom: 1px
solid #c3d0d8 } .wide { overflow-x: auto } table { border-collapse: collapse; width: 100% } th, td {
text-align: left; padding: .3rem .5rem; vertical-align: top; border-bottom: 1px solid #dfe6ea; overflow-wrap:
break-word } td:first-child, td.n { white-space: nowrap } th { white-space: nowrap } .sign { border: 2px solid
#14202b; padding: 1rem; margin-top: 1rem; break-inside: avoid } .wrong { border: 3px double #8a1c00; padding:
1rem } .small, code { color: #3b4a54; font-size: .85rem } @page { size: A4 landscape; margin: 14mm }
@media print { body { margin: 0; max-width: none; font-size: 10px } h2 { break-after: avoid } tr {
break-inside: avoid } thead { display: table-header-group } .wide { overflow: visible } }
"""

_DECISIONS = {
    "publish": "passed the audit",
    "publish_with_warnings": "passed the audit with warnings",
    "hold": "was held by the audit for review",
}


def html(release: Release, results: pd.DataFrame, changed: Iterable[str], review: Review) -> str:
    """Return the report: decision, signature, findings, queries and all rules.

    `changed` is the change of each result since the previous run, in the order of `results`.
    """
    results = results.assign(change=list(changed)).sort_values(["table_name", "rule_id"])
    counted = results["status"].value_counts()
    summary = "; ".join(
        f"{counted.get(key, 0)} {without_symbol(label).lower()}" for key, label in OUTCOMES.items()
    )
    severe = results["severity"].map(list(SEVERITIES).index)
    found = results[results["status"].isin(FOUND)].assign(rank=severe).sort_values("rank", kind="stable")
    now = datetime.now(UTC)
    parts = [
        f"<h1>Data quality of release {escape(release.release_id)}</h1>",
        f"<p>Created {escape(release.created_at)} from {len(release.batch_ids)} batches "
        f"({escape(', '.join(release.batch_ids))}), "
        f"{sum(release.tables.values()):,} rows in gold. It {_DECISIONS[release.decision]}.</p>",
        f"<p>{len(results)} rules: {summary}. A rule error is not a pass; rules that are not applicable "
        "do not count.</p>",
        _log_state(review),
        "<h2>Signature</h2>",
        _signature(review.signature),
        f"<p class=small>Current fingerprint of the release: <code>{review.version}</code></p>",
        "<h2>Findings</h2>",
        _table(found, review, now.date()) if len(found) else "<p>Every rule passed.</p>",
        "<h2>Decisions on findings, and unmasked rows</h2>",
        _decisions(review),
        "<h2>Queries</h2>",
        _queries(review.queries),
        "<h2>All rules</h2>",
        _table(results, review, now.date()),
        f"<p class=small>Printed {now:%Y-%m-%d %H:%M} UTC. This report contains no rows of data; "
        "pseudonyms identify rows.</p>",
    ]
    head = f"<title>Data quality of {escape(release.release_id)}</title><style>{_STYLE}</style>"
    meta = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    return f'<!doctype html><html lang="en"><head>{meta}{head}</head><body>{"".join(parts)}</body></html>'


def _log_state(review: Review) -> str:
    if review.problems:
        problems = "<br>".join(escape(problem) for problem in review.problems)
        return f'<div class="wrong"><strong>Audit trail integrity check failed.</strong><br>{problems}</div>'
    newest = (
        f"; hash of the newest event of this run: <code>{review.events[-1].hash}</code>"
        if review.events
        else ""
    )
    return (
        f"<p class=small>The integrity of the review log was verified up to event {review.seen}{newest}.</p>"
    )


def _signature(signature: Signature | None) -> str:
    if signature is None:
        lines = [
            "Not signed.",
            "Name: ______________________",
            "Role: ____________",
            "Date: ____________",
            "Meaning: I have reviewed this release and ☐ approve it for analysis ☐ reject it.",
        ]
        return f'<div class="sign">{"<br>".join(lines)}</div>'
    changed = f"<br><strong>No longer valid. {escape(signature.invalid_reason)}</strong>"
    return (
        f'<div class="sign"><strong>{escape(signature.meaning)}</strong><br>{escape(signature.comment)}<br>'
        f"Signed by {escape(signature.by)} ({escape(signature.role)}), {wording.timestamp(signature.at)}, "
        f"event {signature.event} of the log.{'' if signature.is_valid else changed}</div>"
    )


def _table(frame: pd.DataFrame, review: Review, on: date) -> str:
    head = [
        "Rule",
        "Table",
        "What is checked",
        "Severity",
        "Outcome",
        "Change",
        "Failing",
        "Rate",
        "Threshold",
        "Review",
    ]
    return _rows(head, (_result(row, review, on) for row in frame.to_dict("records")))


def _result(row: Mapping[Any, Any], review: Review, on: date) -> list[str]:
    finding = (str(row["table_name"]), str(row["rule_id"]))
    rule, acceptance = rule_texts.rules().get(finding), review.accepted.get(finding)
    unit = rule.unit if rule else "percent"
    rejected = [e for e in review.events if e.finding == finding and e.kind == "finding_rejected"]
    outcomes = (
        [rule_texts.acceptance_status(acceptance, row["rate"], on) + f" ({acceptance.by})"]
        if acceptance
        else []
    )
    outcomes += [f"Rejected by {rejected[-1].by}"] if rejected and not acceptance else []
    cells = [
        finding[1],
        finding[0],
        rule.description if rule else "This rule is no longer in the contracts.",
        without_symbol(SEVERITIES[str(row["severity"])]),
        without_symbol(OUTCOMES[str(row["status"])]),
        str(row["change"]),
        rule_texts.count_text(rule, finding[0], int(row["failed"]), int(row["checked"])),
        rule_texts.rate_text(row["rate"], unit),
        rule_texts.threshold_text(rule) if rule else "–",
        "; ".join(filter(None, [*outcomes, rule_texts.null_markers(row.get("detail"))])),
    ]
    return [escape(cell).replace(" %", "&nbsp;%") for cell in cells]


def _decisions(review: Review) -> str:
    """Return an HTML table of the run's decisions and unmasked rows."""
    rows = [
        [
            escape(cell)
            for cell in (
                wording.timestamp(event.at),
                *event.finding,
                event.by,
                event.role,
                wording.EVENT_LABELS.get(event.kind, event.kind),
                wording.summary(event),
            )
        ]
        for event in review.events
        if event.finding and "query_id" not in event.subject
    ]
    head = ["Time", "Table", "Rule", "User", "Role", "Action", "Details"]
    return _rows(head, rows) if rows else "<p>None.</p>"


def _queries(queries: Iterable[DataQuery]) -> str:
    rows = []
    for query in queries:
        entries = "<br>".join(
            escape(
                f"{wording.timestamp(event.at)} {event.by} ({event.role}) "
                f"{wording.EVENT_LABELS.get(event.kind, event.kind)}: {wording.summary(event)}"
            )
            for event in query.events
        )
        about = ", ".join(query.rows) or "the finding"
        state = QUERY_STATES[query.state]
        cells = [
            query.query_id,
            query.table_name,
            query.rule_id,
            state,
            query.assignee or "Unassigned",
            str(query.due),
            about,
        ]
        rows.append([*(escape(cell) for cell in cells), entries])
    head = ["Query", "Table", "Rule", "State", "Assignee", "Due", "About", "Conversation"]
    return _rows(head, rows) if rows else "<p>No queries.</p>"


def _rows(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return an HTML table; cells must be escaped HTML."""
    top = "".join(f'<th scope="col">{name}</th>' for name in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
