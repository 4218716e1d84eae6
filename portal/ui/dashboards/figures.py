"""Build the Plotly figure of a chart from its groups; no function here runs a query."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from portal.dashboards.administrations import LATE_MINUTES
from portal.dashboards.expressions import WEEKDAYS
from portal.dashboards.query_builder import NOT_RECORDED, Chart
from portal.privacy.suppression import MINIMUM_CELL_SIZE
from portal.privacy.viewer_tables import OTHER
from portal.ui.dashboards.dose_figure import dose
from portal.ui.dashboards.figure_parts import (
    LAYOUT,
    MOST_BARS,
    PREVIOUS_MARK,
    VALUE_ON_BAR,
    bar_colors,
    largest,
    named,
    percentile_lines,
    previous_marks,
    tall,
)
from portal.ui.dashboards.funnel import funnel
from portal.ui.dashboards.pyramid import pyramid
from portal.ui.dashboards.share_figures import outside, parts, rate
from portal.ui.dashboards.time_figures import line, series
from portal.ui.theme import MEASURE, MEMBERS, NEUTRAL, NO_CHANGE, PREVIOUS, REFERENCE, SEQUENCE, SUPPRESSED

PREVIOUS_RELEASE = "Previous release"


def figure(
    chart: Chart,
    frame: pd.DataFrame,
    previous: pd.DataFrame | None = None,
    previous_name: str = PREVIOUS_RELEASE,
) -> go.Figure:
    """Return the figure of a chart; `previous` has the groups to compare with, named `previous_name`.

    If a chart can be clicked, the custom data of each point start with the values that a click filters by.
    """
    drawn = _FIGURES[chart.kind](chart, frame, previous)
    if previous is not None and previous_name != PREVIOUS_RELEASE:
        _rename(drawn, previous_name)
    return drawn


def _rename(drawn: go.Figure, previous_name: str) -> None:
    """Name another comparison than that with the previous release in legends and hover texts."""
    for trace in drawn.data:
        for name in ("name", "hovertemplate"):
            if text := trace[name]:
                text = text.replace(PREVIOUS_RELEASE, previous_name).replace("This release", "This period")
                trace[name] = text.replace(PREVIOUS_RELEASE.lower(), previous_name.lower())


def annotate(drawn: go.Figure, notes: Sequence[tuple[str, str]], months: Sequence[str]) -> None:
    """Draw a line and a text at each annotated month that the chart shows."""
    for place, (month, text) in enumerate(note for note in notes if note[0] in months):
        line = {"color": NEUTRAL, "dash": "dash", "width": 1}
        at = {"x": month, "yref": "y domain"}
        ends = {"x0": month, "x1": month, "yref": "y domain", "y0": 0, "y1": 1}
        drawn.add_shape({"type": "line", **ends, "line": line})
        shown = f"⚑ {text if len(text) <= 40 else text[:39] + '…'}"
        where = {"y": 1 - 0.1 * (place % 4), "xanchor": "left", "yanchor": "top", "showarrow": False}
        drawn.add_annotation({**at, **where, "text": html.escape(shown), "hovertext": html.escape(text)})


def cut(chart: Chart, frame: pd.DataFrame) -> str:
    """Return the caption that only the largest groups are shown, or an empty string if all are shown."""
    if chart.kind == "parts":
        frame = outside(chart, frame)
    groups = int((frame[chart.by[0]] != OTHER).sum())
    if chart.kind not in {"ranking", "rate", "parts"} or groups <= MOST_BARS:
        return ""
    return f"Top {MOST_BARS} of {groups:,}. Full list in table and exports."


def table(
    chart: Chart,
    frame: pd.DataFrame,
    previous: pd.DataFrame | None = None,
    previous_name: str = PREVIOUS_RELEASE,
) -> pd.DataFrame:
    """Return all groups of a chart with labels, the largest first, with columns for `previous` if given."""
    by, most = list(chart.by), next(iter(chart.measures))
    rows = frame.sort_values(most, ascending=False, kind="stable")[[*by, *chart.measures]]
    if previous is not None:
        before = previous[[*by, *chart.measures]].rename(columns=lambda n: n if n in by else f"{n}_previous")
        rows = rows.merge(before, on=by, how="left")
    words = {name: chart.dataset.dimension(name).value_labels for name in by}
    rows = rows.assign(**{name: [words[name].get(str(v), str(v)) for v in rows[name]] for name in by})
    labels = chart.labels | {
        f"{n}_previous": f"{v.label}, {previous_name.lower()}" for n, v in chart.measures.items()
    }
    return rows.rename(columns=labels)


def stacked(frame: pd.DataFrame, x: str, y: str, color: str, labels: Mapping[str, str]) -> go.Figure:
    """Return bars of `y` by `x`, stacked by `color`."""
    return go.Figure(_stacks(frame, (x, y, color), labels), _stacked_layout(labels[x], labels[y]))


def _stacks(
    frame: pd.DataFrame,
    columns: tuple[str, str, str],
    labels: Mapping[str, str],
    click: tuple[str, ...] = (),
    words: Mapping[str, str] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """Return a trace of bars for each value of the third of `columns` (x, y, color), in the frame's order.

    `words` are the names of values in the legend; the custom data are the columns `click`.
    """
    x, y, color = columns
    rest = cycle(SEQUENCE)
    colors = {**MEMBERS, NOT_RECORDED: NEUTRAL, OTHER: SUPPRESSED}
    return [
        {
            "type": "bar",
            "name": words.get(str(name), str(name)),
            "x": rows[x].to_numpy(),
            "y": rows[y].to_numpy(),
            "customdata": rows[list(click)].to_numpy() if click else None,
            "marker": {"color": colors.get(str(name)) or next(rest)},
            "hovertemplate": f"{labels[x]}: %{{x}}<br>{words.get(str(name), name)}: %{{y:,}} "
            f"{labels[y].lower()}<extra></extra>",
        }
        for name, rows in frame.groupby(color, sort=False)
    ]


def _stacked_layout(x_title: str, y_title: str) -> dict[str, Any]:
    axes = {"xaxis": {"title": {"text": x_title}}, "yaxis": {"title": {"text": y_title}}}
    return {**LAYOUT, **axes, "barmode": "relative", "bargap": 0.05, "showlegend": True}


def _bars(chart: Chart, frame: pd.DataFrame, previous: pd.DataFrame | None) -> go.Figure:
    """Return stacked bars by month or by bin."""
    x, color, y = chart.by[0], chart.by[1], next(iter(chart.measures))
    words = chart.dataset.dimension(color).value_labels
    traces = _stacks(frame, (x, y, color), chart.labels, chart.click, words)
    layout = _stacked_layout(chart.labels[x], chart.labels[y])
    is_binned = chart.kind == "histogram" and any(isinstance(each, str) for each in frame[x])
    if is_binned:  # merged bins have text labels
        order = {"categoryorder": "array", "categoryarray": list(dict.fromkeys(frame[x]))}
        layout["xaxis"] = {**layout["xaxis"], "type": "category", **order}
    if months := frame.attrs.get("merged_months", ()):
        traces.append(_hatched(months))
        layout["yaxis2"] = {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True}
    if previous is not None:
        traces.append(_previous_totals(previous, x, y))
    if x == "wait" and not is_binned:
        layout |= _late_line()
    if chart.has_percentiles and not is_binned:
        layout |= percentile_lines(frame.groupby(x)[y].sum(), layout)
    return go.Figure(traces, layout)


def _hatched(months: Sequence[str]) -> dict[str, Any]:
    """Return hatched bars over `months`, which were merged with neighbors because their totals are small."""
    fewer = f"fewer than {MINIMUM_CELL_SIZE}"
    return {
        "type": "bar",
        "x": list(months),
        "y": [1] * len(months),
        "yaxis": "y2",
        "width": 27 * 86_400_000,  # 27 days in milliseconds; Plotly cannot infer the width of a single bar
        "name": f"{fewer.capitalize()}: counted with neighbors",
        "marker": {
            "color": "rgba(0, 0, 0, 0)",
            "line": {"width": 0},
            "pattern": {"shape": "/", "fgcolor": NEUTRAL, "size": 9},
        },
        "hovertemplate": "%{x}: " + fewer + " or counted with its neighbors<extra></extra>",
    }


def _previous_totals(previous: pd.DataFrame, x: str, y: str) -> dict[str, Any]:
    total = previous.groupby(x)[y].sum()
    return {
        "type": "scatter",
        "x": total.index.to_numpy(),
        "y": total.to_numpy(),
        "mode": "markers",
        "name": "Previous release, total",
        "marker": PREVIOUS_MARK,
        "customdata": total.index.to_numpy()[:, None],
    }


def _late_line() -> dict[str, Any]:
    """Return the shape and the annotation of a vertical line at the limit of a late administration."""
    line = {"type": "line", "x0": LATE_MINUTES, "x1": LATE_MINUTES, "yref": "y domain", "y0": 0, "y1": 1}
    note = {"x": LATE_MINUTES, "y": 1, "yref": "y domain", "showarrow": False, "xanchor": "left"}
    return {
        "shapes": [{**line, "line": {"color": REFERENCE, "dash": "dash"}}],
        "annotations": [{**note, "yanchor": "top", "text": "Late: over 60 min"}],
    }


def _ranking(chart: Chart, frame: pd.DataFrame, previous: pd.DataFrame | None) -> go.Figure:
    """Return the largest groups as horizontal bars, the largest on top."""
    name, value = chart.by[0], next(iter(chart.measures))
    top = named(chart, largest(frame, name, value))
    hatches = ["/" if is_partial else "" for is_partial in top.get("is_partial", [False] * len(top))]
    bars = {
        "type": "bar",
        "name": "This release",
        "orientation": "h",
        "x": top[value].to_numpy(),
        "y": top["_short"].to_numpy(),
        "customdata": top[[name]].to_numpy(),
        "hovertext": top["_long"].to_numpy(),
        "text": [f"{number:,.0f}" for number in top[value]],
        **VALUE_ON_BAR,
        "marker": {"color": bar_colors(top[name]), "pattern": {"shape": hatches}},
        "hovertemplate": f"<b>%{{hovertext}}</b><br>{chart.labels[value]}: %{{x:,}}<extra></extra>",
    }
    marks = previous_marks(chart, top, previous, value)
    axis: dict[str, Any] = {"title": {"text": chart.labels[value]}}
    ends = [top[value].max(), *(mark for trace in marks for mark in trace["x"])]
    if (longest := max((float(end) for end in ends if not pd.isna(end)), default=0.0)) > 0:
        axis["range"] = [min(0.0, float(top[value].min())), 1.15 * longest]  # room for the value of a bar
    return go.Figure([bars, *marks], {**tall(len(top)), "xaxis": axis, "showlegend": bool(marks)})


def _week(chart: Chart, frame: pd.DataFrame, previous: pd.DataFrame | None) -> go.Figure:
    """Return a heat map of counts by weekday and hour, or of their change since the previous release.

    Plotly does not report clicks on heat map cells, so invisible markers lie over them.
    """
    label = next(measure.label.lower() for measure in chart.measures.values())
    grid = _grid(chart, frame)
    colors: dict[str, Any] = {"colorscale": [[0, NO_CHANGE], [1, MEASURE]]}
    if previous is not None:
        grid, label = grid - _grid(chart, previous), f"{label} more or fewer than in the previous release"
        colors = {"colorscale": [[0, PREVIOUS], [0.5, NO_CHANGE], [1, MEASURE]], "zmid": 0}
    hours, days = [f"{hour:02d}" for hour in grid.columns], list(WEEKDAYS.values())
    heat = {"type": "heatmap", "z": grid.to_numpy(), "x": hours, "y": days, "xgap": 1, "ygap": 1}
    cells = [(d, h, n) for d, row in zip(WEEKDAYS, grid.to_numpy(), strict=True) for h, n in enumerate(row)]
    shown = [cell for cell in cells if not math.isnan(cell[2])]
    marks = {
        "type": "scatter",
        "x": [hours[hour] for _, hour, _ in shown],
        "y": [WEEKDAYS[weekday] for weekday, _, _ in shown],
        "mode": "markers",
        "showlegend": False,
        "marker": {"symbol": "square", "size": 14, "color": "rgba(0, 0, 0, 0)"},
        "customdata": [[weekday, str(hour), count] for weekday, hour, count in shown],
        "hovertemplate": "%{y} %{x}:00, %{customdata[2]:,} " + label + "<extra></extra>",
    }
    axes = {"xaxis": {"title": {"text": chart.labels[chart.by[1]]}}, "yaxis": {"autorange": "reversed"}}
    return go.Figure([{**heat, "hoverinfo": "skip", "showscale": True, **colors}, marks], {**LAYOUT, **axes})


def _grid(chart: Chart, frame: pd.DataFrame) -> pd.DataFrame:
    """Return counts by weekday (rows) and hour (columns): 0 without events, NaN if suppressed."""
    weekdays, hours = (frame[name] for name in chart.by)
    grid = np.zeros((7, 24))
    for weekday, hour, count in zip(weekdays, hours, frame[next(iter(chart.measures))], strict=True):
        grid[int(weekday) - 1, int(hour)] = math.nan if pd.isna(count) else float(count)
    return pd.DataFrame(grid, index=range(1, 8))


_FIGURES = {
    "months": _bars,
    "histogram": _bars,
    "ranking": _ranking,
    "rate": rate,
    "line": line,
    "series": series,
    "funnel": funnel,
    "week": _week,
    "pyramid": pyramid,
    "parts": parts,
    "dose": dose,
}
