"""Figures by month with XmR limits: shares, and numbers such as discharges or patients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from portal.dashboards.control_limits import Limits, limits
from portal.dashboards.query_builder import Chart
from portal.ui.dashboards.figure_parts import LAYOUT, percent
from portal.ui.theme import ABOVE, MEASURE, NEUTRAL, PREVIOUS, REFERENCE


def series(chart: Chart, frame: pd.DataFrame, previous: pd.DataFrame | None) -> go.Figure:
    """Return a line over time of the measure, with XmR limits and marked signals."""
    value = next(iter(chart.measures))
    label = chart.measures[value].label
    found = limits([float(each) for each in frame[value]])
    releases = (
        ("This release", frame, {"color": MEASURE}),
        ("Previous release", previous, {"color": PREVIOUS, "dash": "dot"}),
    )
    traces = [
        {
            "type": "scatter",
            "x": rows[chart.by[0]].to_numpy(),
            "y": rows[value].astype(float).to_numpy(),
            "mode": "lines+markers",
            "name": name,
            "line": look,
            "customdata": rows[[chart.by[0]]].to_numpy(),
            "marker": _markers(rows, found.signals if found and rows is frame else ()),
            "hovertemplate": "%{x}: %{y:,.0f} " + label.lower() + "<extra></extra>",
        }
        for name, rows, look in releases
        if rows is not None
    ]
    layout = {**LAYOUT, "showlegend": previous is not None}
    layout["yaxis"] = {"title": {"text": label}, "rangemode": "tozero"}
    return go.Figure(traces, layout | _limit_lines(found, lambda level: f"{level:,.0f}"))


def line(chart: Chart, frame: pd.DataFrame, previous: pd.DataFrame | None) -> go.Figure:
    """Return a line over time of the first measure as a percentage of the second, with XmR limits."""
    hits, total = chart.measures
    releases = (
        ("This release", frame, {"color": MEASURE}),
        ("Previous release", previous, {"color": PREVIOUS, "dash": "dot"}),
    )
    is_pooled = bool(frame.get("is_pooled", pd.Series([False])).any())
    found = None if is_pooled else limits(percent(frame[hits], frame[total]).to_list(), most=100.0)
    signals = found.signals if found else (False,) * len(frame)
    traces = [
        {
            "type": "scatter",
            "x": rows[chart.by[0]].to_numpy(),
            "y": percent(rows[hits], rows[total]).to_numpy(),
            "mode": "lines+markers",
            "name": name,
            "line": look,
            "customdata": rows[[chart.by[0], hits, total]].to_numpy(),
            "marker": _markers(rows, signals if rows is frame else ()),
            "hovertemplate": "%{x}: %{y:.1f} %, %{customdata[1]:,} of %{customdata[2]:,}<extra></extra>",
        }
        for name, rows, look in releases
        if rows is not None
    ]
    axis = {"title": {"text": f"{chart.measures[hits].label}, percent"}, "rangemode": "tozero"}
    layout = {**LAYOUT, "showlegend": previous is not None, "yaxis": axis}
    return go.Figure(traces, layout | _limit_lines(found, lambda level: f"{level:.1f} %"))


def _limit_lines(found: Limits | None, text: Callable[[float], str]) -> dict[str, Any]:
    """Return lines at the mean and the limits of a series with their labels, or nothing without limits."""
    if found is None:
        return {}
    levels = {"mean": found.mean, "upper limit": found.upper, "lower limit": found.lower}
    lines = [
        {
            "type": "line",
            "xref": "x domain",
            "x0": 0,
            "x1": 1,
            "y0": level,
            "y1": level,
            "line": {"color": REFERENCE if name == "mean" else NEUTRAL, "dash": "dot", "width": 1},
        }
        for name, level in levels.items()
    ]
    note = {"xref": "x domain", "x": 1, "xanchor": "right", "yanchor": "bottom", "showarrow": False}
    notes = [
        {**note, "y": level, "text": f"{name} {text(level)}", "font": {"size": 11}}
        for name, level in levels.items()
        if name != "lower limit" or level > 0
    ]
    return {"shapes": lines, "annotations": notes}


def _markers(rows: pd.DataFrame, signals: Sequence[bool]) -> dict[str, Any]:
    """Return the marks of the months: larger and in another color for a signal."""
    if not any(signals):
        return {"symbol": _symbols(rows)}
    return {
        "symbol": _symbols(rows),
        "size": [12 if each else 6 for each in signals],
        "color": [ABOVE if each else MEASURE for each in signals],
    }


def _symbols(rows: pd.DataFrame) -> list[str]:
    """Return the symbol of each month; it is hollow if the rate is pooled with other months."""
    is_pooled = rows.get("is_pooled", [False] * len(rows))
    return ["circle-open" if pooled else "circle" for pooled in is_pooled]
