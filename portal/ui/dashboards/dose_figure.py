"""Figure of the doses of one medication, with the usual range."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from portal.dashboards.query_builder import Chart
from portal.ui.dashboards.figure_parts import LAYOUT, PREVIOUS_MARK
from portal.ui.theme import MEASURE, REFERENCE


def dose(chart: Chart, frame: pd.DataFrame, previous: pd.DataFrame | None) -> go.Figure:
    """Return bars of doses for the most frequent pair of medication and unit, with the usual range shaded."""
    amount, unit, medication = chart.by
    counted = frame.groupby([medication, unit], as_index=False)["administrations"].sum()
    name, of = counted.loc[counted["administrations"].idxmax(), [medication, unit]]

    mine = frame[(frame[medication] == name) & (frame[unit] == of)]
    traces: list[dict[str, Any]] = [
        {
            "type": "bar",
            "x": mine[amount].to_numpy(float),
            "y": mine["administrations"].to_numpy(),
            "name": "This release",
            "marker": {"color": MEASURE},
            "hovertemplate": "%{x} " + of + ": %{y:,}<extra></extra>",
        }
    ]
    if previous is not None:
        was = previous[(previous[medication] == name) & (previous[unit] == of)]
        traces.append(
            {
                "type": "scatter",
                "x": was[amount].to_numpy(float),
                "y": was["administrations"].to_numpy(),
                "mode": "markers",
                "name": "Previous release",
                "marker": PREVIOUS_MARK,
                "hovertemplate": "Previous release, %{x} " + of + ": %{y:,}<extra></extra>",
            }
        )
    layout = {
        **LAYOUT,
        "showlegend": previous is not None,
        "xaxis": {"title": {"text": f"{name}, {of}"}},
        "yaxis": {"title": {"text": "Administrations"}},
    }
    return go.Figure(traces, layout | _usual_range(mine["low_end"].min(), mine["high_end"].max()))


def _usual_range(low: Any, high: Any) -> dict[str, Any]:
    """Return the shaded area of the usual doses and its label, or nothing if they are not known."""
    if pd.isna(low) or pd.isna(high):
        return {}
    area = {"type": "rect", "x0": float(low), "x1": float(high), "yref": "y domain", "y0": 0, "y1": 1}
    note = {"x": (float(low) + float(high)) / 2, "y": 1, "yref": "paper", "showarrow": False}
    return {
        "shapes": [{**area, "fillcolor": REFERENCE, "opacity": 0.2, "line": {"width": 0}}],
        "annotations": [{**note, "text": "usual range", "yanchor": "bottom"}],
    }
