"""Build the Plotly figure of a chart from its groups; no function here runs a query."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.express as px
import plotly.graph_objects as go

from portal.dashboards.expressions import WEEKDAYS
from portal.dashboards.medication_charts import LATE_MINUTES
from portal.dashboards.query_builder import NOT_RECORDED, Chart
from portal.privacy.suppression import MINIMUM_CELL_SIZE
from portal.privacy.viewer_tables import OTHER
from portal.ui.dashboards.figure_parts import (
    LAYOUT,
    MOST_BARS,
    PREVIOUS_MARK,
    bar_colors,
    largest,
    mark_previous,
    named,
    tall,
)
from portal.ui.dashboards.pyramid import pyramid
from portal.ui.dashboards.share_figures import line, parts, rate
from portal.ui.theme import MEASURE, MEMBERS, NEUTRAL, NO_CHANGE, PREVIOUS, REFERENCE, SEQUENCE, SUPPRESSED


def figure(chart: Chart, frame: pd.DataFrame, previous: pd.DataFrame | None = None) -> go.Figure:
    """Return the figure of a chart; `previous` has the groups of the previous release, to compare with.

    If a chart can be clicked, the custom data of each point start with the values that a click filters by.
    """
    return _FIGURES[chart.kind](chart, frame, previous)


def cut(chart: Chart, frame: pd.DataFrame) -> str:
    """Return the caption that only the largest groups are shown, or an empty string if all are shown."""
    groups = int((frame[chart.by[0]] != OTHER).sum())
    if chart.kind not in {"ranking", "rate", "parts"} or groups <= MOST_BARS:
        return ""
    return f"Top {MOST_BARS} of {groups:,}. Full list in table and exports."


def table(chart: Chart, frame: pd.DataFrame, previous: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return all groups of a chart with labels, the largest first, with columns for `previous` if given."""
    by, most = list(chart.by), next(iter(chart.measures))
    rows = frame.sort_values(most, ascending=False, kind="stable")[[*by, *chart.measures]]
    if previous is not None:
        before = previous[[*by, *chart.measures]].rename(columns=lambda n: n if n in by else f"{n}_previous")
        rows = rows.merge(before, on=by, how="left")
    words = {name: chart.dataset.dimension(name).value_labels for name in by}
    rows = rows.assign(**{name: [words[name].get(str(v), str(v)) for v in rows[name]] for name in by})
    labels = chart.labels | {
        f"{n}_previous": f"{v.label}, previous release" for n, v in chart.measures.items()
    }
    return rows.rename(columns=labels)


def stacked(
    frame: pd.DataFrame, x: str, y: str, color: str, labels: dict[str, str], click: tuple[str, ...] = ()
) -> go.Figure:
    """Return bars of `y` by `x`, stacked by `color`; the custom data are the columns `click`."""
    drawn = px.bar(
        frame,
        x=x,
        y=y,
        color=color,
        labels=labels,
        custom_data=list(click) or None,
        color_discrete_map={**MEMBERS, NOT_RECORDED: NEUTRAL, OTHER: SUPPRESSED},
        color_discrete_sequence=list(SEQUENCE),
    )
    return drawn.update_layout(**LAYOUT, bargap=0.05)


def _bars(chart: Chart, frame: pd.DataFrame, previous: pd.DataFrame | None) -> go.Figure:
    """Return stacked bars by month or by bin."""
    x, color, y = chart.by[0], chart.by[1], next(iter(chart.measures))
    drawn = stacked(frame, x, y, color, chart.labels, chart.click)
    is_binned = chart.kind == "histogram" and any(isinstance(each, str) for each in frame[x])
    if is_binned:  # merged bins have text labels
        drawn.update_xaxes(
            type="category", categoryorder="array", categoryarray=list(dict.fromkeys(frame[x]))
        )
    _hatch(drawn, frame.attrs.get("merged_months", ()))
    if previous is not None:
        total = previous.groupby(x, as_index=False)[y].sum()
        drawn.add_scatter(
            x=total[x],
            y=total[y],
            mode="markers",
            name="Previous release, total",
            marker=PREVIOUS_MARK,
            customdata=total[[x]],
        )
    if x == "wait" and not is_binned:
        drawn.add_vline(
            x=LATE_MINUTES, line={"color": REFERENCE, "dash": "dash"}, annotation_text="Late: over 60 min"
        )
    return drawn


def _hatch(drawn: go.Figure, months: Sequence[str]) -> None:
    """Hatch `months`, which were merged with their neighbors because their totals are small."""
    if not months:
        return
    fewer = f"fewer than {MINIMUM_CELL_SIZE}"
    drawn.add_bar(
        x=list(months),
        y=[1] * len(months),
        yaxis="y2",
        width=27 * 86_400_000,  # 27 days in milliseconds; Plotly cannot infer the width of a single bar
        name=f"{fewer.capitalize()}: counted with neighbors",
        marker={
            "color": "rgba(0, 0, 0, 0)",
            "line": {"width": 0},
            "pattern": {"shape": "/", "fgcolor": NEUTRAL, "size": 9},
        },
        hovertemplate="%{x}: " + fewer + " or counted with its neighbors<extra></extra>",
    )
    drawn.update_layout(yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True})


def _ranking(chart: Chart, frame: pd.DataFrame, previous: pd.DataFrame | None) -> go.Figure:
    """Return the largest groups as horizontal bars, the largest on top."""
    name, value = chart.by[0], next(iter(chart.measures))
    top = named(chart, largest(frame, name, value))
    drawn = px.bar(
        top,
        x=value,
        y="_short",
        orientation="h",
        labels={**chart.labels, "_short": ""},
        custom_data=[name],
        hover_name="_long",
        hover_data={"_short": False},
    )
    hatches = ["/" if is_partial else "" for is_partial in top.get("is_partial", [False] * len(top))]
    drawn.update_traces(marker={"color": bar_colors(top[name]), "pattern": {"shape": hatches}})
    mark_previous(drawn, chart, top, previous, value)
    return drawn.update_layout(**tall(len(top)))


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
    drawn = go.Figure(
        go.Heatmap(
            z=grid.to_numpy(), x=hours, y=days, xgap=1, ygap=1, hoverinfo="skip", showscale=True, **colors
        )
    )
    cells = [(d, h, n) for d, row in zip(WEEKDAYS, grid.to_numpy(), strict=True) for h, n in enumerate(row)]
    shown = [cell for cell in cells if not math.isnan(cell[2])]
    drawn.add_scatter(
        x=[hours[hour] for _, hour, _ in shown],
        y=[WEEKDAYS[weekday] for weekday, _, _ in shown],
        mode="markers",
        showlegend=False,
        marker={"symbol": "square", "size": 14, "color": "rgba(0, 0, 0, 0)"},
        customdata=[[weekday, str(hour), count] for weekday, hour, count in shown],
        hovertemplate="%{y} %{x}:00, %{customdata[2]:,} " + label + "<extra></extra>",
    )
    return drawn.update_layout(**LAYOUT, yaxis_autorange="reversed", xaxis_title=chart.labels[chart.by[1]])


def _grid(chart: Chart, frame: pd.DataFrame) -> pd.DataFrame:
    """Return counts by weekday (rows) and hour (columns): 0 without events, NaN if suppressed."""
    weekdays, hours = (frame[name] for name in chart.by)
    grid = pd.DataFrame(0.0, index=range(1, 8), columns=range(24))
    for weekday, hour, count in zip(weekdays, hours, frame[next(iter(chart.measures))], strict=True):
        grid.loc[int(weekday), int(hour)] = float("nan") if pd.isna(count) else float(count)
    return grid


def _dose(chart: Chart, frame: pd.DataFrame, previous: pd.DataFrame | None) -> go.Figure:
    """Return bars of doses for the most frequent pair of medication and unit, with the usual range shaded."""
    dose, unit, medication = chart.by
    counted = frame.groupby([medication, unit], as_index=False)["administrations"].sum()
    name, of = counted.loc[counted["administrations"].idxmax(), [medication, unit]]

    mine = frame[(frame[medication] == name) & (frame[unit] == of)]
    drawn = go.Figure(
        go.Bar(
            x=mine[dose].astype(float),
            y=mine["administrations"],
            name="This release",
            marker_color=MEASURE,
            hovertemplate="%{x} " + of + ": %{y:,}<extra></extra>",
        )
    )
    if previous is not None:
        was = previous[(previous[medication] == name) & (previous[unit] == of)]
        drawn.add_scatter(
            x=was[dose].astype(float),
            y=was["administrations"],
            mode="markers",
            name="Previous release",
            marker=PREVIOUS_MARK,
            hovertemplate="Previous release, %{x} " + of + ": %{y:,}<extra></extra>",
        )
    _shade_usual_range(drawn, mine["low_end"].min(), mine["high_end"].max())
    return drawn.update_layout(
        **{**LAYOUT, "showlegend": previous is not None},
        xaxis_title=f"{name}, {of}",
        yaxis_title="Administrations",
    )


def _shade_usual_range(drawn: go.Figure, low: Any, high: Any) -> None:
    if pd.isna(low) or pd.isna(high):
        return
    drawn.add_vrect(x0=float(low), x1=float(high), fillcolor=REFERENCE, opacity=0.2, line_width=0)
    drawn.add_annotation(
        x=(float(low) + float(high)) / 2,
        y=1,
        yref="paper",
        showarrow=False,
        text="usual range",
        yanchor="bottom",
    )


_FIGURES = {
    "months": _bars,
    "histogram": _bars,
    "ranking": _ranking,
    "rate": rate,
    "line": line,
    "week": _week,
    "pyramid": pyramid,
    "parts": parts,
    "dose": _dose,
}
