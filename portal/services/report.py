"""A run's quality as one printable page: HTML with its own style, no row of data in it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape

import pandas as pd

from pipeline.contracts import all_contracts
from pipeline.release import Release
from portal.services.review_log import Review
from portal.services.reviews import REASONS

_STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; color: #14202b; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; margin-top: 2rem; border-bottom: 1px solid #c3d0d8 }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .3rem .5rem; vertical-align: top;
border-bottom: 1px solid #dfe6ea } td.n { text-align: right; white-space: nowrap } .sign { border: 2px solid #14202b;
padding: 1rem; margin-top: 1rem; break-inside: avoid } .small { color: #3b4a54; font-size: .85rem }
@media print { body { margin: 0; max-width: none } h2 { break-after: avoid } tr { break-inside: avoid } }
"""

_OUTCOMES = {
    "pass": "Passed",
    "pass_with_failures": "Passed, some rows fail",
    "fail": "Failed",
    "error": "Rule broke",
    "not_applicable": "Nothing to check",
}

_DECISIONS = {
    "publish": "passed the audit",
    "publish_with_warnings": "passed the audit with warnings",
    "hold": "was held by the audit for review",
}


def html(made: Release, results: pd.DataFrame, review: Review) -> str:
    """The report of one release: decision, signature, findings, queries, rules in full, and the log's state."""
    counted = results["status"].value_counts()
    summary = ", ".join(f"{counted.get(key, 0)} {words.lower()}" for key, words in _OUTCOMES.items())
    found = results[results["status"].isin(["fail", "error", "pass_with_failures"])]
    parts = [
        f"<h1>Data quality of release {escape(made.release_id)}</h1>",
        f"<p>Made {escape(made.created_at)} of {len(made.batch_ids)} batches, "
        f"{sum(made.tables.values()):,} rows in gold. It {_DECISIONS[made.decision]}.</p>",
        f"<p>{len(results)} rules: {summary}.</p>",
        _signature(review),
        "<h2>Findings</h2>",
        _table(found) if len(found) else "<p>Every rule passed.</p>",
        "<h2>Queries</h2>",
        _queries(review),
        "<h2>All rules</h2>",
        _table(results),
        f"<p class=small>Printed {datetime.now(UTC):%Y-%m-%d %H:%M} UTC. The log of reviews "
        f"{'does not verify: ' + escape(review.problems[0]) if review.problems else 'verifies'}. "
        "Rates are failing rows of the rows to which a rule applies. No row of data is in this report.</p>",
    ]
    head = f"<title>Data quality of {escape(made.release_id)}</title><style>{_STYLE}</style>"
    return f'<!doctype html><html lang="en"><head><meta charset="utf-8">{head}</head><body>{"".join(parts)}</body></html>'


def _signature(review: Review) -> str:
    signature = review.signature
    if signature is None:
        lines = ["Not signed.", "Name: ______________________", "Role: ____________", "Date: ____________"]
        return f'<div class="sign">{"<br>".join(lines)}</div>'
    state = (
        ""
        if signature.stands
        else f"<br><strong>The signature no longer counts. {escape(signature.why_not)}</strong>"
    )
    return (
        f'<div class="sign"><strong>{escape(signature.meaning)}</strong><br>{escape(signature.comment)}<br>'
        f"Signed by {escape(signature.by)} ({escape(signature.role)}) on {escape(signature.at)}, "
        f"event {signature.event}.{state}</div>"
    )


def _table(frame: pd.DataFrame) -> str:
    known = {(c.table, rule.id): rule for c in all_contracts() for rule in c.rules}
    rows = []
    for row in frame.sort_values(["table_name", "rule_id"]).to_dict("records"):
        rule = known.get((row["table_name"], row["rule_id"]))
        rate = "–" if pd.isna(row["rate"]) else f"{row['rate']:.4g}"
        rows.append(
            [
                escape(str(row["rule_id"])),
                escape(str(row["table_name"])),
                escape(rule.description if rule else ""),
                escape(str(row["severity"])),
                _OUTCOMES[str(row["status"])],
                f"{row['failed']:,} of {row['checked']:,}",
                rate,
            ]
        )
    return _rows(["Rule", "Table", "What is checked", "Severity", "Outcome", "Failing", "Rate"], rows)


def _queries(review: Review) -> str:
    if not review.queries:
        return "<p>No query was opened.</p>"
    rows = []
    for query in review.queries:
        said = "<br>".join(
            f"{escape(event.at[:16])} {escape(event.by)}: {escape(str(event.said.get('text', '')))}"
            + (f" ({escape(REASONS[event.said['reason']])})" if "reason" in event.said else "")
            for event in query.events
        )
        rows.append([query.query_id, escape(query.table_name), escape(query.rule_id), query.state, said])
    return _rows(["Query", "Table", "Rule", "State", "Conversation"], rows)


def _rows(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    top = "".join(f"<th>{name}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
