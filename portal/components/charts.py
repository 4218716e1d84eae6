"""Plotly figures: a data frame in, a figure out. No query is asked here."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.express as px
import plotly.graph_objects as go

from portal.components.palette import BLUE, CLASSES, SEQUENCE, STATES

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_LAYOUT: dict[str, Any] = {
    "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
    "font": {"size": 13},
    "legend": {"orientation": "h", "y": 1.12, "x": 0, "title": {"text": ""}},
    "height": 320,
    "colorway": list(SEQUENCE),
    "hoverlabel": {"font": {"size": 13}},
}


def over_time(frame: pd.DataFrame, x: str, y: str, color: str, labels: dict[str, str]) -> go.Figure:
    """Stacked bars a month."""
    figure = px.bar(frame, x=x, y=y, color=color, labels=labels, color_discrete_map=CLASSES)
    return figure.update_layout(**_LAYOUT)


def ranking(frame: pd.DataFrame, name: str, value: str, labels: dict[str, str], most: int = 12) -> go.Figure:
    """The largest values as horizontal bars, the largest on top; long names are shortened, not cut off."""
    top = frame.nlargest(most, value).iloc[::-1].copy()
    top["_short"] = top[name].astype(str).map(lambda text: text if len(text) <= 34 else f"{text[:33]}…")
    figure = px.bar(
        top,
        x=value,
        y="_short",
        orientation="h",
        labels={**labels, "_short": ""},
        hover_data={name: True, "_short": False},
    )
    figure.update_traces(marker_color=BLUE)
    return figure.update_layout(
        **{**_LAYOUT, "height": max(220, 60 + 26 * len(top)), "yaxis": {"type": "category"}}
    )


def distribution(frame: pd.DataFrame, x: str, y: str, color: str | None, labels: dict[str, str]) -> go.Figure:
    """Counts by bin that the query has already made."""
    figure = px.bar(frame, x=x, y=y, color=color, labels=labels, color_discrete_map=CLASSES)
    return figure.update_layout(**_LAYOUT, bargap=0.05)


def week(frame: pd.DataFrame, day: str, hour: str, value: str, label: str) -> go.Figure:
    """A heat map of weekday by hour; hours without events are 0, not blank."""
    grid = frame.pivot_table(index=day, columns=hour, values=value, aggfunc="sum", fill_value=0)
    grid = grid.reindex(index=range(1, 8), columns=range(24), fill_value=0)
    figure = go.Figure(
        go.Heatmap(
            z=grid.to_numpy(),
            x=[f"{h:02d}" for h in range(24)],
            y=list(WEEKDAYS),
            colorscale="Blues",
            colorbar={"title": label},
            hovertemplate="%{y} %{x}:00, %{z:,} " + label + "<extra></extra>",
        )
    )
    return figure.update_layout(**_LAYOUT, yaxis_autorange="reversed", xaxis_title="Hour (UTC)")


def gantt(frame: pd.DataFrame) -> go.Figure:
    """Job runs as bars over time; columns job, started_at, ended_at, state."""
    colors = {words: text for words, _, text in STATES.values()}
    figure = px.timeline(
        frame, x_start="started_at", x_end="ended_at", y="job", color="state", color_discrete_map=colors
    )
    figure.update_yaxes(autorange="reversed", title="")
    return figure.update_layout(**{**_LAYOUT, "height": 90 + 26 * frame["job"].nunique()})
