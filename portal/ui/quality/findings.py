"""Build tables and figures of rule results; no function here runs a query."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from functools import partial
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from pipeline.contracts.model import Rule
from pipeline.reviews.acceptances import Acceptance
from pipeline.rules.outcomes import FOUND
from portal.core.vocabulary import CHANGES, OUTCOMES, SEVERITIES
from portal.quality import rule_texts
from portal.reviews.read_model import DataQuery
from portal.ui.names import run as run_name
from portal.ui.quality.findings_list import most_urgent
from portal.ui.theme import GRID, MEASURE, REFERENCE, SEVERITY_COLORS

_RANKED = {
    "Severity": list(SEVERITIES.values()),
    "Outcome": list(OUTCOMES.values()),
    "Change": list(CHANGES.values()),
}
"""Labels in order of rank, by column. The cells of these columns are ranks, so that they sort by rank."""

_WIDTHS = {"Severity": 140, "Outcome": 150, "Change": 105}


def overview(
    frame: pd.DataFrame,
    changed: pd.Series,
    accepted: Mapping[tuple[str, str], Acceptance],
    queries: Iterable[DataQuery],
    on: date,
) -> pd.DataFrame:
    """Return one row per rule, findings first, then by severity.

    The columns `finding` and `is_found` are not displayed. `on` is the day for which acceptances are checked.
    """
    by_finding = _by_finding(queries)
    rows = []
    for row, change in zip(frame.to_dict("records"), changed, strict=True):
        finding = (row["table_name"], row["rule_id"])
        rule, acceptance = rule_texts.rules().get(finding), accepted.get(finding)
        unit = rule.unit if rule else "percent"
        rows.append(
            {
                "finding": finding,
                "is_found": row["status"] in FOUND,
                "Severity": list(SEVERITIES).index(row["severity"]),
                "Outcome": list(OUTCOMES).index(row["status"]),
                "Change": list(CHANGES).index(change),
                "Rule": row["rule_id"],
                "What is checked": rule.description if rule else "This rule is no longer in the contracts.",
                "Failing": row["failed"],
                "Of": row["checked"],
                "What is counted": rule_texts.population(rule, row["table_name"]),
                "Rate": rule_texts.rate_text(row["rate"], unit),
                "Threshold": rule_texts.threshold_text(rule) if rule else "–",
                "Queries": most_urgent(by_finding[finding]),
                "Review": rule_texts.acceptance_status(acceptance, row["rate"], on) if acceptance else "",
            }
        )
    table = pd.DataFrame(rows)
    if table.empty:
        return table
    return table.sort_values(
        ["is_found", "Severity", "finding"], ascending=[False, True, True], ignore_index=True
    )


def ranked(table: pd.DataFrame) -> dict[str, Any]:
    """Return the column configuration that displays ranks as labels."""
    return {
        name: st.column_config.SelectboxColumn(
            options=list(range(len(words))), format_func=partial(_label, words), width=_WIDTHS[name]
        )
        for name, words in _RANKED.items()
        if name in table
    }


def _label(labels: list[str], rank: str | float) -> str:
    return labels[int(rank)]


def _by_finding(queries: Iterable[DataQuery]) -> dict[tuple[str, str], list[DataQuery]]:
    found: dict[tuple[str, str], list[DataQuery]] = defaultdict(list)
    for query in queries:
        found[query.table_name, query.rule_id].append(query)
    return found


def trend(frame: pd.DataFrame, run_ids: list[str]) -> go.Figure:
    """Return a bar chart of failed rules and rule errors per run, by severity, oldest run first."""
    found = frame[frame["status"].isin(["fail", "error"])]
    counted = (
        found.groupby(["run_id", "severity"]).size().unstack(fill_value=0).reindex(run_ids, fill_value=0)
    )
    figure = go.Figure()
    for severity in SEVERITIES:
        if severity in counted:
            figure.add_bar(
                x=[run_name(run_id) for run_id in counted.index],
                y=counted[severity],
                name=SEVERITIES[severity],
                marker_color=SEVERITY_COLORS[severity],
            )
    return figure.update_layout(
        barmode="stack",
        height=260,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        legend={"orientation": "h", "y": 1.15, "x": 0},
        yaxis={"title": "Rules that failed", "dtick": 1 if counted.sum(axis=1).max() < 10 else None},
        xaxis={"type": "category"},
    )


def pass_rates(card: pd.DataFrame) -> go.Figure:
    """Return a heat map of pass rates by table and category (rows) and run (columns)."""
    names = [f"{table} · {kind}" for table, kind in card.index]
    share = (100 * card).round(0)
    figure = go.Figure(
        go.Heatmap(
            z=share.to_numpy(),
            x=[run_name(run_id) for run_id in card.columns],
            y=names,
            text=[["" if pd.isna(cell) else f"{cell:.0f} %" for cell in row] for row in share.to_numpy()],
            texttemplate="%{text}",
            colorscale=[[0, SEVERITY_COLORS["block"]], [0.5, "#f4d9c6"], [1, "#cfe6f5"]],
            zmin=0,
            zmax=100,
            showscale=False,
            xgap=2,
            ygap=2,
            hovertemplate="%{y}, %{x}: %{z:.0f} % of the rules passed<extra></extra>",
        )
    )
    return figure.update_layout(
        height=max(260, 60 + 20 * len(names)),
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        yaxis={"autorange": "reversed", "type": "category"},
        xaxis={"type": "category", "side": "top"},
    )


def rule_history(frame: pd.DataFrame, rule: Rule, run_ids: list[str]) -> go.Figure:
    """Return a line chart of a rule's rate over runs, with the threshold as a dashed line."""
    scale = 100 if rule.unit == "percent" else 1
    rates = frame.set_index("run_id")["rate"].reindex(run_ids) * scale
    figure = go.Figure()
    names = [run_name(run_id) for run_id in run_ids]
    figure.add_scatter(x=names, y=rates, mode="lines+markers", name="Measured", line_color=MEASURE)
    line = {"color": REFERENCE, "dash": "dash"}
    figure.add_hline(y=rule.threshold * scale, line=line, annotation_text="Threshold")
    title = "Failing rows, percent" if rule.unit == "percent" else rule.unit
    return figure.update_layout(
        height=270,
        margin={"l": 8, "r": 8, "t": 24, "b": 8},
        yaxis={"title": title, "rangemode": "tozero", "gridcolor": GRID},
        xaxis={"type": "category"},
    )
