"""Figures of shares: rates by group with an interval, parts of 100 %, and shares over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from portal.dashboards.query_builder import Chart
from portal.privacy.suppression import MINIMUM_CELL_SIZE
from portal.ui.dashboards.figure_parts import (
    LAYOUT,
    PREVIOUS_MARK,
    bar_colors,
    largest,
    named,
    percent,
    previous_marks,
    tall,
    wilson,
)
from portal.ui.theme import ABOVE, BELOW, MEASURE, NEUTRAL, PREVIOUS, REFERENCE


def rate(chart: Chart, frame: pd.DataFrame, previous: pd.DataFrame | None) -> go.Figure:
    """Return the rates of the largest groups as bars with 95 % intervals.

    The measures of the chart are the total, then the hits.
    """
    total, hits = chart.measures
    top = named(chart, largest(frame[frame[total] > 0], chart.by[0], total))
    is_high = top.get("is_high", pd.Series([None] * len(top)))
    rates = [_rate_of(*row) for row in zip(top[hits], top[total], is_high, strict=True)]
    top["_share"] = [each.share for each in rates]
    hatches = ["/" if pd.isna(count) else "" for count in top[hits]]
    bars = {
        "type": "bar",
        "x": top["_share"].to_numpy(),
        "y": top["_short"].to_numpy(),
        "orientation": "h",
        "marker": {"color": bar_colors(top[chart.by[0]]), "pattern": {"shape": hatches}},
        "customdata": [
            [name, int(whole), None if pd.isna(part) else int(part), _in_words(part, int(whole), high)]
            for name, whole, part, high in zip(top[chart.by[0]], top[total], top[hits], is_high, strict=True)
        ],
        "error_x": {
            "array": [each.high - each.share for each in rates],
            "arrayminus": [each.share - each.low for each in rates],
            "color": NEUTRAL,
            "thickness": 2,
        },
        "hovertemplate": "%{y}: %{customdata[3]} of %{customdata[1]:,}<extra></extra>",
    }
    before = None if previous is None else previous.assign(_share=percent(previous[hits], previous[total]))
    marks = previous_marks(chart, top, before, "_share")
    axis = {"title": {"text": f"{chart.measures[hits].label}, percent"}, "rangemode": "tozero"}
    return go.Figure([bars, *marks], {**tall(len(top)), "xaxis": axis, "showlegend": bool(marks)})


@dataclass(frozen=True)
class _Rate:
    """A rate with the ends of its interval, in percent."""

    low: float
    share: float
    high: float


def _rate_of(hits: Any, total: Any, is_high: Any) -> _Rate:
    """Return the rate of a group and its 95 % interval; for suppressed hits, the bounds of the rate."""
    if pd.isna(hits):
        bound = 100 * (MINIMUM_CELL_SIZE - 1) / int(total)
        return _Rate(100 - bound, 100 - bound, 100.0) if is_high is True else _Rate(0.0, 0.0, bound)
    low, high = wilson(int(hits), int(total))
    return _Rate(100 * low, 100 * int(hits) / int(total), 100 * high)


def _in_words(hits: Any, total: int, is_high: Any) -> str:
    if not pd.isna(hits):
        return f"{int(hits) / total:.1%}, {int(hits):,}"
    if is_high is True:
        return f"more than {total - MINIMUM_CELL_SIZE:,}"
    return f"fewer than {MINIMUM_CELL_SIZE}"


def parts(chart: Chart, frame: pd.DataFrame, previous: pd.DataFrame | None) -> go.Figure:
    """Return horizontal bars of parts that add up to 100 %, the largest group on top."""
    names = list(chart.measures)
    counted = frame.assign(_all=frame[names].sum(axis=1))
    top = named(chart, largest(counted[counted["_all"] > 0], chart.by[0], "_all"))
    colors = zip(names, (BELOW, REFERENCE, ABOVE), strict=True)
    traces = [_part(chart, top, name, color) for name, color in colors]
    if previous is not None:
        traces += _previous_parts(chart, top, previous)
    layout = {**tall(len(top)), "barmode": "stack", "xaxis": {"title": {"text": "Percent of doses"}}}
    return go.Figure(traces, layout)


def _part(chart: Chart, top: pd.DataFrame, name: str, color: str) -> dict[str, Any]:
    label = chart.measures[name].label
    return {
        "type": "bar",
        "x": percent(top[name], top["_all"]).to_numpy(),
        "y": top["_short"].to_numpy(),
        "orientation": "h",
        "name": label,
        "marker": {"color": color},
        "customdata": top[[chart.by[0], name]].to_numpy(),
        "hovertemplate": f"%{{y}}: %{{customdata[1]:,}} (%{{x:.1f}} %)<extra>{label}</extra>",
    }


def _previous_parts(chart: Chart, top: pd.DataFrame, previous: pd.DataFrame) -> list[dict[str, Any]]:
    """Return marks at the ends of all parts but the last in the previous release."""
    names = list(chart.measures)
    was = previous.set_index(chart.by[0])[names].reindex(top[chart.by[0]]).astype(float)
    shares = was.div(was.sum(axis=1), axis=0).mul(100)
    ends = shares.cumsum(axis=1)
    return [
        {
            "type": "scatter",
            "x": ends[name].to_numpy(),
            "y": top["_short"].to_numpy(),
            "mode": "markers",
            "name": "Previous release",
            "marker": PREVIOUS_MARK,
            "customdata": top[[chart.by[0]]].assign(share=shares[name].to_numpy()).to_numpy(),
            "showlegend": name == names[0],
            "hovertemplate": f"Previous release: {chart.measures[name].label.lower()} "
            "%{customdata[1]:.1f} %<extra></extra>",
        }
        for name in names[:-1]
    ]


def line(chart: Chart, frame: pd.DataFrame, previous: pd.DataFrame | None) -> go.Figure:
    """Return a line over time of the first measure as a percentage of the second."""
    hits, total = chart.measures
    releases = (
        ("This release", frame, {"color": MEASURE}),
        ("Previous release", previous, {"color": PREVIOUS, "dash": "dot"}),
    )
    traces = [
        {
            "type": "scatter",
            "x": rows[chart.by[0]].to_numpy(),
            "y": percent(rows[hits], rows[total]).to_numpy(),
            "mode": "lines+markers",
            "name": name,
            "line": look,
            "customdata": rows[[chart.by[0], hits, total]].to_numpy(),
            "marker": {"symbol": _symbols(rows)},
            "hovertemplate": "%{x}: %{y:.1f} %, %{customdata[1]:,} of %{customdata[2]:,}<extra></extra>",
        }
        for name, rows, look in releases
        if rows is not None
    ]
    axis = {"title": {"text": f"{chart.measures[hits].label}, percent"}, "rangemode": "tozero"}
    return go.Figure(traces, {**LAYOUT, "showlegend": previous is not None, "yaxis": axis})


def _symbols(rows: pd.DataFrame) -> list[str]:
    """Return the symbol of each month; it is hollow if the rate is pooled with other months."""
    is_pooled = rows.get("is_pooled", [False] * len(rows))
    return ["circle-open" if pooled else "circle" for pooled in is_pooled]
