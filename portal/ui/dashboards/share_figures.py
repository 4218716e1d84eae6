"""Figures of shares: rates by group with an interval, parts of 100 %, and shares over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from portal.dashboards.query_builder import Chart
from portal.privacy.suppression import MINIMUM_CELL_SIZE
from portal.ui.dashboards.figure_parts import (
    PREVIOUS_MARK,
    bar_colors,
    largest,
    named,
    percent,
    previous_marks,
    tall,
    wilson,
)
from portal.ui.theme import ABOVE, BELOW, NEUTRAL, REFERENCE


def rate(chart: Chart, frame: pd.DataFrame, previous: pd.DataFrame | None) -> go.Figure:
    """Return the rates of the largest groups as bars with 95 % intervals, the highest rate on top.

    The measures of the chart are the total, then the hits. A dashed line is the rate of all groups together.
    """
    total, hits = chart.measures
    top = named(chart, largest(frame[frame[total] > 0], chart.by[0], total))
    is_high = top.get("is_high", pd.Series([None] * len(top), index=top.index))
    rates = pd.Series(
        [_rate_of(*row) for row in zip(top[hits], top[total], is_high, strict=True)], index=top.index
    )
    top = top.assign(_share=[each.share for each in rates], _rate=rates, _is_high=is_high)
    top = top.assign(_short=[f"{name}, n = {n:,}" for name, n in zip(top["_short"], top[total], strict=True)])
    top = top.sort_values("_share", kind="stable")
    hatches = ["/" if pd.isna(count) else "" for count in top[hits]]
    columns = (top[name] for name in (chart.by[0], total, hits, "_is_high"))
    bars = {
        "type": "bar",
        "name": "This release",
        "x": top["_share"].to_numpy(),
        "y": top["_short"].to_numpy(),
        "orientation": "h",
        "marker": {"color": bar_colors(top[chart.by[0]]), "pattern": {"shape": hatches}},
        "customdata": [
            [name, int(whole), None if pd.isna(part) else int(part), _in_words(part, int(whole), high)]
            for name, whole, part, high in zip(*columns, strict=True)
        ],
        "error_x": {
            "array": [each.high - each.share for each in top["_rate"]],
            "arrayminus": [each.share - each.low for each in top["_rate"]],
            "color": NEUTRAL,
            "thickness": 2,
        },
        "hovertemplate": "%{y}: %{customdata[3]} of %{customdata[1]:,}<extra></extra>",
    }
    before = None if previous is None else previous.assign(_share=percent(previous[hits], previous[total]))
    marks = previous_marks(chart, top, before, "_share")
    axis: dict[str, Any] = {"title": {"text": f"{chart.measures[hits].label}, percent"}}
    if len(top):  # room for the texts beside the intervals
        axis["range"] = [0, 1.2 * max(each.high for each in top["_rate"])]
    layout = {**tall(len(top)), "xaxis": axis, "showlegend": bool(marks)}
    return go.Figure([bars, *_shares_as_text(top, hits), *marks], layout | _overall(frame, hits, total))


def _shares_as_text(top: pd.DataFrame, hits: str) -> list[dict[str, Any]]:
    """Return a trace of texts beside the intervals, without one for a suppressed rate; none without texts."""
    texts = [
        "" if pd.isna(count) else f" {share:.1f} %"
        for count, share in zip(top[hits], top["_share"], strict=True)
    ]
    trace = {
        "type": "scatter",
        "mode": "text",
        "x": [each.high for each in top["_rate"]],
        "y": top["_short"].to_numpy(),
        "text": texts,
        "textposition": "middle right",
        "cliponaxis": False,
        "hoverinfo": "skip",
        "showlegend": False,
    }
    return [trace] if any(texts) else []


def _overall(frame: pd.DataFrame, hits: str, total: str) -> dict[str, Any]:
    """Return a line at the rate of all groups together, or nothing if a group's hits are suppressed."""
    if frame[hits].isna().any() or not frame[total].sum():
        return {}
    share = 100 * float(frame[hits].sum()) / float(frame[total].sum())
    line = {"type": "line", "x0": share, "x1": share, "yref": "y domain", "y0": 0, "y1": 1}
    note = {
        "x": share,
        "y": 0,
        "yref": "y domain",
        "showarrow": False,
        "yanchor": "bottom",
        "xanchor": "left",
    }
    return {
        "shapes": [{**line, "line": {"color": REFERENCE, "dash": "dash"}}],
        "annotations": [{**note, "text": f" all: {share:.1f} %"}],
    }


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


def outside(chart: Chart, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the groups with at least one row in the first or the last part, with all rows in `_all`."""
    first, *_, last = chart.measures
    counted = frame.assign(_all=frame[list(chart.measures)].sum(axis=1))
    return counted[counted[first] + counted[last] > 0]


def parts(chart: Chart, frame: pd.DataFrame, previous: pd.DataFrame | None) -> go.Figure:
    """Return horizontal bars of parts that add up to 100 %, the least share of the middle part on top.

    Groups with rows in the middle part only are left out.
    """
    names = list(chart.measures)
    shown = outside(chart, frame)
    worst = shown.assign(_outside=1 - shown[names[1]].astype(float) / shown["_all"].astype(float))
    top = named(chart, largest(worst, chart.by[0], "_outside"))
    colors = zip(names, (BELOW, REFERENCE, ABOVE), strict=True)
    traces = [_part(chart, top, name, color) for name, color in colors]
    if previous is not None:
        traces += _previous_parts(chart, top, previous)
    layout = {**tall(len(top)), "barmode": "stack", "xaxis": {"title": {"text": "Percent of doses"}}}
    if top.empty:
        note = {"x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper", "showarrow": False}
        layout["annotations"] = [{**note, "text": "No dose lies outside its usual range."}]
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
