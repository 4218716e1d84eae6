"""Funnel plot: rates by the number of rows behind them, with control limits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from portal.dashboards.query_builder import Chart
from portal.ui.dashboards.figure_parts import LAYOUT, PREVIOUS_MARK, named, percent
from portal.ui.theme import ABOVE, MEASURE, NEUTRAL, REFERENCE

FUNNEL_LIMITS = (("95 %", 1.959964, "dot"), ("99.8 %", 3.090232, "dash"))
"""Control limits of a funnel plot: name, standard normal quantile, dash (Spiegelhalter 2005)."""


def funnel(chart: Chart, frame: pd.DataFrame, previous: pd.DataFrame | None) -> go.Figure:
    """Return the rates by the number of rows behind them, with limits around the rate of all groups.

    A group lies within the limits if its rate differs from the overall rate by chance only; one outside of
    the 99.8 % limits has another color and its name.
    """
    total, hits = chart.measures
    shown = named(chart, frame[frame[total] > 0])
    overall = float(shown[hits].sum()) / float(shown[total].sum()) if len(shown) else 0.0
    sizes = np.linspace(1, max(2.0, 1.05 * float(shown[total].max() if len(shown) else 2)), 200)
    traces = [_limit_line(name, z, dash, overall, sizes) for name, z, dash in FUNNEL_LIMITS]
    before = (
        [] if previous is None else [_funnel_marks(chart, named(chart, previous[previous[total] > 0]), None)]
    )
    axes = {
        "xaxis": {"title": {"text": chart.measures[total].label}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": f"{chart.measures[hits].label}, percent"}, "rangemode": "tozero"},
    }
    layout = {**LAYOUT, **axes, "height": 380, "showlegend": True}
    line = {"type": "line", "xref": "x domain", "x0": 0, "x1": 1, "y0": 100 * overall, "y1": 100 * overall}
    layout["shapes"] = [{**line, "line": {"color": REFERENCE, "dash": "dash"}}]
    return go.Figure([*traces, _funnel_marks(chart, shown, overall), *before], layout)


def funnel_limits(overall: float, total: float, z: float) -> tuple[float, float]:
    """Return the limits of a rate of `total` rows, from 0 to 1.

    The Wilson interval of a rate outside does not contain `overall`.
    """
    spread = z * math.sqrt(overall * (1 - overall) / total)
    return max(0.0, overall - spread), min(1.0, overall + spread)


def _limit_line(name: str, z: float, dash: str, overall: float, sizes: Any) -> dict[str, Any]:
    """Return the upper and the lower limit as one trace, with a gap between."""
    limits = [funnel_limits(overall, size, z) for size in sizes]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": f"{name} limits",
        "x": [*sizes, None, *sizes],
        "y": [*(100 * high for _, high in limits), None, *(100 * low for low, _ in limits)],
        "line": {"color": NEUTRAL, "dash": dash, "width": 1},
        "hoverinfo": "skip",
    }


def _funnel_marks(chart: Chart, shown: pd.DataFrame, overall: float | None) -> dict[str, Any]:
    """Return the groups as marks, those outside of the 99.8 % limits named; the previous release without."""
    total, hits = chart.measures
    shares = percent(shown[hits], shown[total])
    is_out = [False] * len(shown)
    if overall is not None:
        ends = [funnel_limits(overall, float(n), FUNNEL_LIMITS[-1][1]) for n in shown[total]]
        is_out = [not low <= share / 100 <= high for share, (low, high) in zip(shares, ends, strict=True)]
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": "Previous release" if overall is None else chart.labels[chart.by[0]],
        "x": shown[total].to_numpy(),
        "y": shares.to_numpy(),
        "text": [name if out else "" for name, out in zip(shown["_short"], is_out, strict=True)],
        "textposition": "top center",
        "marker": PREVIOUS_MARK
        if overall is None
        else {"size": 10, "color": [ABOVE if out else MEASURE for out in is_out]},
        "customdata": shown[[chart.by[0], total, hits]].assign(name=shown["_long"]).to_numpy(),
        "hovertemplate": "%{customdata[3]}: %{y:.1f} %, "
        "%{customdata[2]:,} of %{customdata[1]:,}<extra></extra>",
    }
