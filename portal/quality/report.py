"""Printable HTML report on the quality of a release, without any row of data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from pipeline.releases.model import Release
from pipeline.reviews.events import Event
from pipeline.rules.outcomes import FOUND
from portal.core.vocabulary import DECISIONS, HARMS, OUTCOMES, QUERY_STATES, SEVERITIES, without_symbol
from portal.quality import rule_texts
from portal.reviews import decisions, headline, wording
from portal.reviews.read_model import DataQuery, Review

_MOST_ON_FIRST_PAGE = 12
"""Findings on the first page; all of them are in the annex."""

FINDING_HEAD = ("Finding", "Share", "Harm", "Decision")
RULE_HEAD = (
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
)
QUERY_HEAD = ("Query", "Table", "Rule", "State", "Assignee", "Due", "About", "Conversation")
DECISION_HEAD = ("Time", "Table", "Rule", "User", "Role", "Action", "Details")


def html(content: Mapping[str, Any]) -> str:
    """Return the report as HTML, from the result of the function `content`."""
    return _template().render(content)


def content(
    release: Release, results: pd.DataFrame, changed: Iterable[str], review: Review, *, is_published: bool
) -> dict[str, Any]:
    """Return what the report says in both of its formats: one page with the decision, and an annex.

    The annex has the findings, decisions, queries and all rules. `changed` is the change of each result since
    the previous run, in the order of `results`.
    """
    results = results.assign(change=list(changed)).sort_values(["table_name", "rule_id"])
    counted = results["status"].value_counts()
    severe = results["severity"].map(list(SEVERITIES).index)
    found = results[results["status"].isin(FOUND)].assign(rank=severe).sort_values("rank", kind="stable")
    now = datetime.now(UTC)
    ranked = sorted(
        decisions.of_results(results, release.reasons, review.decided, now.date()),
        key=lambda each: (not each.is_blocking, not each.is_undecided, each.harm, -each.failed),
    )
    line = headline.of_release(release.decision, ranked, review.signature, is_published=is_published)
    return {
        "release": release,
        "review": review,
        "headline": line,
        "first": [_first(each) for each in ranked[:_MOST_ON_FIRST_PAGE]],
        "rest": max(0, len(ranked) - _MOST_ON_FIRST_PAGE),
        "decision": DECISIONS[release.decision],
        "summary": "; ".join(f"{counted.get(k, 0)} {without_symbol(v).lower()}" for k, v in OUTCOMES.items()),
        "findings": [_result(row, review, now.date()) for row in found.to_dict("records")],
        "decisions": list(_decisions(review)),
        "queries": [_query(query) for query in review.queries],
        "rules": [_result(row, review, now.date()) for row in results.to_dict("records")],
        "printed": f"{now:%Y-%m-%d %H:%M} UTC",
        "timestamp": wording.timestamp,
        "finding_head": FINDING_HEAD,
        "rule_head": RULE_HEAD,
        "query_head": QUERY_HEAD,
        "decision_head": DECISION_HEAD,
    }


def _first(finding: decisions.Finding) -> list[str]:
    """Return a finding as a row of the first page."""
    unit = finding.rule.unit if finding.rule else "percent"
    blocks = " (blocking)" if finding.is_blocking else ""
    return [
        finding.sentence + blocks,
        rule_texts.rate_text(finding.rate, unit),
        list(HARMS.values())[finding.harm] if finding.harm < len(HARMS) else "–",
        decisions.LABELS[finding.decision],
    ]


@cache
def _template() -> Template:
    source = (files("portal.quality") / "report.html.j2").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source)


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
    return [cell.replace(" %", "\N{NO-BREAK SPACE}%") for cell in cells]


def _decisions(review: Review) -> Iterator[tuple[str, ...]]:
    """Yield the decisions and the unmaskings of the run."""
    for event in review.events:
        if event.finding and "query_id" not in event.subject:
            at, did = wording.timestamp(event.at), _label(event)
            yield (at, *event.finding, event.by, event.role, did, wording.summary(event))


def _query(query: DataQuery) -> list[str]:
    entries = [
        f"{wording.timestamp(event.at)} {event.by} ({event.role}) {_label(event)}: {wording.summary(event)}"
        for event in query.events
    ]
    return [
        query.query_id,
        query.table_name,
        query.rule_id,
        QUERY_STATES[query.state],
        query.assignee or "Unassigned",
        str(query.due),
        ", ".join(query.rows) or "the finding",
        Markup("<br>").join(entries),
    ]


def _label(event: Event) -> str:
    return wording.EVENT_LABELS.get(event.kind, event.kind)
