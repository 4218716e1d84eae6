"""The parts of a quality review: figures and tables out of results; no service is asked here."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from pipeline.contracts import Rule, all_contracts
from pipeline.reviews import Acceptance
from portal.components.palette import (
    CHANGES,
    GRID,
    MEASURE,
    OUTCOMES,
    SEVERITIES,
    SEVERITY_COLOURS,
    SEVERITY_WORDS,
    USUAL,
)
from portal.services.quality import FOUND


@st.cache_resource
def rules() -> dict[tuple[str, str], Rule]:
    """Every rule by table and id."""
    return {(contract.table, rule.id): rule for contract in all_contracts() for rule in contract.rules}


def share(rate: float | None, unit: str = "percent") -> str:
    """A rate for people: never 0 % for a count above zero."""
    if rate is None or pd.isna(rate):
        return "–"
    if unit != "percent":
        return f"{rate:.2f}"
    if 0 < rate < 0.0001:
        return "under 0.01 %"
    return f"{rate:.2%}".replace("%", " %")


def limit(rule: Rule) -> str:
    """What is still accepted, in words."""
    if rule.floor:
        return f"{share(rule.floor, rule.unit)} to {share(rule.threshold, rule.unit)}"
    return "none" if rule.threshold == 0 else f"up to {share(rule.threshold, rule.unit)}"


def overview(
    frame: pd.DataFrame, changed: pd.Series, accepted: Mapping[tuple[str, str], Acceptance]
) -> pd.DataFrame:
    """One row a rule, the most serious first; texts ready to be read."""
    known = rules()
    rows = []
    for row, change in zip(frame.to_dict("records"), changed, strict=True):
        finding = (row["table_name"], row["rule_id"])
        rule = known.get(finding)
        acceptance = accepted.get(finding)
        rows.append(
            {
                "finding": finding,
                "rank": (row["status"] not in FOUND, SEVERITIES.index(row["severity"]), finding),
                "Severity": SEVERITY_WORDS[row["severity"]],
                "Outcome": OUTCOMES[row["status"]],
                "Change": CHANGES[change],
                "Rule": row["rule_id"],
                "Table": row["table_name"],
                "What is checked": rule.description if rule else "This rule is no longer in the contracts.",
                "Failing": row["failed"],
                "Of": row["checked"],
                "Rate": share(row["rate"], rule.unit if rule else "percent"),
                "Accepted": limit(rule) if rule else "–",
                "Review": f"Accepted until {acceptance.until}" if acceptance else "",
                "is_found": row["status"] in FOUND,
            }
        )
    table = pd.DataFrame(rows)
    return table.sort_values("rank").drop(columns="rank").reset_index(drop=True) if len(table) else table


def trend(frame: pd.DataFrame, run_ids: list[str]) -> go.Figure:
    """Findings a run by severity, oldest run first."""
    found = frame[frame["status"].isin(["fail", "error"])]
    counted = (
        found.groupby(["run_id", "severity"]).size().unstack(fill_value=0).reindex(run_ids, fill_value=0)
    )
    figure = go.Figure()
    for severity in SEVERITIES:
        if severity in counted:
            figure.add_bar(
                x=[_short(run_id) for run_id in counted.index],
                y=counted[severity],
                name=SEVERITY_WORDS[severity],
                marker_color=SEVERITY_COLOURS[severity],
            )
    return figure.update_layout(
        barmode="stack",
        height=260,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        legend={"orientation": "h", "y": 1.15, "x": 0},
        yaxis={"title": "Rules that failed"},
        xaxis={"type": "category"},
    )


def cards(card: pd.DataFrame) -> go.Figure:
    """The scorecard run by run: a row a table and kind, a cell the share of its rules that passed."""
    names = [f"{table} · {kind}" for table, kind in card.index]
    share = (100 * card).round(0)
    figure = go.Figure(
        go.Heatmap(
            z=share.to_numpy(),
            x=[_short(run_id) for run_id in card.columns],
            y=names,
            text=[["" if pd.isna(cell) else f"{cell:.0f} %" for cell in row] for row in share.to_numpy()],
            texttemplate="%{text}",
            colorscale=[[0, SEVERITY_COLOURS["block"]], [0.5, "#f4d9c6"], [1, "#cfe6f5"]],
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
    """A rule's rate over the runs, with what is accepted as a dashed line."""
    scale = 100 if rule.unit == "percent" else 1
    rates = frame.set_index("run_id")["rate"].reindex(run_ids) * scale
    figure = go.Figure()
    names = [_short(run_id) for run_id in run_ids]
    figure.add_scatter(x=names, y=rates, mode="lines+markers", name="Measured", line_color=MEASURE)
    figure.add_scatter(
        x=names,
        y=[rule.threshold * scale] * len(names),
        mode="lines",
        name="Largest that is accepted",
        line={"color": USUAL, "dash": "dash"},
    )
    title = "Failing rows, percent" if rule.unit == "percent" else rule.unit
    return figure.update_layout(
        height=240,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        legend={"orientation": "h", "y": 1.18, "x": 0},
        yaxis={"title": title, "rangemode": "tozero", "gridcolor": GRID},
        xaxis={"type": "category"},
    )


def _short(run_id: str) -> str:
    """The day, time and ending of a run's id, for an axis."""
    parts = run_id.split("-")
    stamp = parts[1] if len(parts) > 2 and len(parts[1]) == 16 else ""
    return f"{stamp[4:6]}-{stamp[6:8]} {stamp[9:11]}:{stamp[11:13]} {parts[-1]}" if stamp else run_id
