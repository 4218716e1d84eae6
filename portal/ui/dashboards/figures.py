"""Plotly figures: a question and its rows in, a figure out. No service is asked here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.express as px
import plotly.graph_objects as go

from portal.dashboards.charts import LATE_MINUTES, WEEKDAYS
from portal.dashboards.query_builder import NOT_RECORDED, Question
from portal.privacy.published import OTHER
from portal.privacy.suppression import MINIMUM_CELL_SIZE
from portal.ui.dashboards.figure_parts import (
    FORMER_MARK,
    LAYOUT,
    MOST_BARS,
    beside,
    colours,
    largest,
    named,
    tall,
)
from portal.ui.dashboards.share_figures import line, parts, rate
from portal.ui.theme import FORMER, MEASURE, MEMBERS, NEUTRAL, NO_CHANGE, SEQUENCE, SUPPRESSED, USUAL


def figure(question: Question, frame: pd.DataFrame, former: pd.DataFrame | None = None) -> go.Figure:
    """The chart of a question; where the previous release's rows are given, its figures are beside the present ones.

    Every point carries, as its first custom data, the values that a click on it filters by.
    """
    return _FIGURES[question.kind](question, frame, former)


def cut(question: Question, frame: pd.DataFrame) -> str:
    """What a chart of the largest groups says of the others."""
    groups = int((frame[question.by[0]] != OTHER).sum())
    if question.kind not in {"ranking", "rate", "parts"} or groups <= MOST_BARS:
        return ""
    return f"Top {MOST_BARS} of {groups:,}. Full list in table and exports."


def table(question: Question, frame: pd.DataFrame, former: pd.DataFrame | None = None) -> pd.DataFrame:
    """All groups of a chart that shows the largest, in words, the largest first."""
    by, most = list(question.by), next(iter(question.values))
    rows = frame.sort_values(most, ascending=False, kind="stable")[[*by, *question.values]]
    if former is not None:
        before = former[[*by, *question.values]].rename(columns=lambda n: n if n in by else f"{n}_former")
        rows = rows.merge(before, on=by, how="left")
    words = {name: question.subject.dimension(name).words for name in by}
    rows = rows.assign(**{name: [words[name].get(str(v), str(v)) for v in rows[name]] for name in by})
    labels = question.labels | {
        f"{n}_former": f"{v.label}, previous release" for n, v in question.values.items()
    }
    return rows.rename(columns=labels)


def stacked(
    frame: pd.DataFrame, x: str, y: str, color: str, labels: dict[str, str], click: tuple[str, ...] = ()
) -> go.Figure:
    """Bars by `x`, stacked by `color`."""
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


def _bars(question: Question, frame: pd.DataFrame, former: pd.DataFrame | None) -> go.Figure:
    """Stacked bars by month or by bin; the query has counted already."""
    x, color, y = question.by[0], question.by[1], next(iter(question.values))
    drawn = stacked(frame, x, y, color, question.labels, question.click)
    is_binned = question.kind == "histogram" and any(isinstance(each, str) for each in frame[x])
    if is_binned:  # merged bins have names, not numbers
        drawn.update_xaxes(
            type="category", categoryorder="array", categoryarray=list(dict.fromkeys(frame[x]))
        )
    _hatch(drawn, frame.attrs.get("merged_months", ()))
    if former is not None:
        total = former.groupby(x, as_index=False)[y].sum()
        drawn.add_scatter(
            x=total[x], y=total[y], mode="markers", name="Previous release, all together", marker=FORMER_MARK,
            customdata=total[[x]],
        )  # fmt: skip
    if x == "wait" and not is_binned:
        drawn.add_vline(
            x=LATE_MINUTES, line={"color": USUAL, "dash": "dash"}, annotation_text="Late: over 60 min"
        )
    return drawn


def _hatch(drawn: go.Figure, months: Sequence[str]) -> None:
    """A hatched band behind months whose own total is not shown."""
    if not months:
        return
    drawn.add_bar(
        x=list(months), y=[1] * len(months), yaxis="y2", width=27 * 86_400_000,  # milliseconds: one bar has no neighbor to tell it
        name=f"Fewer than {MINIMUM_CELL_SIZE}: counted with neighbors",
        marker={"color": "rgba(0, 0, 0, 0)", "line": {"width": 0}, "pattern": {"shape": "/", "fgcolor": NEUTRAL, "size": 9}},
        hovertemplate="%{x}: fewer than " + str(MINIMUM_CELL_SIZE) + " or counted with its neighbors<extra></extra>",
    )  # fmt: skip
    drawn.update_layout(yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True})


def _ranking(question: Question, frame: pd.DataFrame, former: pd.DataFrame | None) -> go.Figure:
    """The largest values as horizontal bars, the largest on top."""
    name, value = question.by[0], next(iter(question.values))
    top = named(question, largest(frame, name, value))
    drawn = px.bar(
        top, x=value, y="_short", orientation="h", labels={**question.labels, "_short": ""},
        custom_data=[name], hover_name="_long", hover_data={"_short": False},
    )  # fmt: skip
    hatches = ["/" if is_partial else "" for is_partial in top.get("is_partial", [False] * len(top))]
    drawn.update_traces(marker={"color": colours(top[name]), "pattern": {"shape": hatches}})
    beside(drawn, question, top, former, value)
    return drawn.update_layout(**tall(len(top)))


def _week(question: Question, frame: pd.DataFrame, former: pd.DataFrame | None) -> go.Figure:
    """A heat map of weekday by hour, beside a former release of the change since; a cell left out is blank.

    Plotly reports no clicks on the cells of a heat map, so that marks that cannot be seen lie over them.
    """
    label = next(said.label.lower() for said in question.values.values())
    grid = _grid(question, frame)
    colours: dict[str, Any] = {"colorscale": [[0, NO_CHANGE], [1, MEASURE]]}
    if former is not None:
        grid, label = grid - _grid(question, former), f"{label} more or fewer than in the previous release"
        colours = {"colorscale": [[0, FORMER], [0.5, NO_CHANGE], [1, MEASURE]], "zmid": 0}
    hours, days = [f"{hour:02d}" for hour in grid.columns], list(WEEKDAYS.values())
    drawn = go.Figure(
        go.Heatmap(
            z=grid.to_numpy(), x=hours, y=days, xgap=1, ygap=1, hoverinfo="skip", showscale=True, **colours
        )
    )
    cells = [(d, h, n) for d, row in zip(WEEKDAYS, grid.to_numpy(), strict=True) for h, n in enumerate(row)]
    told = [cell for cell in cells if not math.isnan(cell[2])]
    drawn.add_scatter(
        x=[hours[h] for _, h, _ in told], y=[WEEKDAYS[d] for d, _, _ in told], mode="markers", showlegend=False,
        marker={"symbol": "square", "size": 14, "color": "rgba(0, 0, 0, 0)"},
        customdata=[[d, str(h), n] for d, h, n in told],
        hovertemplate="%{y} %{x}:00, %{customdata[2]:,} " + label + "<extra></extra>",
    )  # fmt: skip
    return drawn.update_layout(
        **LAYOUT, yaxis_autorange="reversed", xaxis_title=question.labels[question.by[1]]
    )


def _grid(question: Question, frame: pd.DataFrame) -> pd.DataFrame:
    """Seven days by 24 hours; hours without events are 0, those left out are not a number."""
    day, hour = question.by
    grid = pd.DataFrame(0.0, index=range(1, 8), columns=range(24))
    for row in zip(frame[day], frame[hour], frame[next(iter(question.values))], strict=True):
        grid.loc[int(row[0]), int(row[1])] = float("nan") if pd.isna(row[2]) else float(row[2])
    return grid


_SEXES = (("M", -1), ("F", 1), ("X", 1), ("U", 1), (NOT_RECORDED, 1), (OTHER, 1))
"""Sexes from the middle outwards, and the side of the pyramid that each is on."""


def _pyramid(question: Question, frame: pd.DataFrame, former: pd.DataFrame | None) -> go.Figure:
    """Men to the left, women to the right, a bar an age band; other sexes are a third bar to the right."""
    band, sex = question.by
    value = next(iter(question.values))
    words = question.subject.dimension(sex).words
    order = sorted(set(frame[band]) | set([] if former is None else former[band]), key=_age)
    ends = [str(each) for each in order]
    drawn = go.Figure()
    before = {-1: pd.Series(0, order), 1: pd.Series(0, order)}
    marks: list[tuple[Any, ...]] = []
    for code, side in _SEXES:
        part = _of(frame, sex, code, band, value, order)
        if part.any():
            drawn.add_bar(
                x=side * part,
                y=ends,
                orientation="h",
                name=words.get(code, code),
                marker_color=SUPPRESSED if code == OTHER else MEMBERS.get(code, NEUTRAL),
                customdata=[[each, number] for each, number in part.items()],
                hovertemplate="%{y}, " + words.get(code, code) + ": %{customdata[1]:,}<extra></extra>",
            )
        if former is not None:
            was = side * _of(former, sex, code, band, value, order)
            before[side] += was
            rows = zip(before[side], ends, order, abs(was), strict=True)
            marks += [(*row, words.get(code, code)) for row in rows if row[3]]
    if former is not None:
        drawn.add_scatter(
            x=[x for x, *_ in marks], y=[y for _, y, *_ in marks], mode="markers", name="Previous release", marker=FORMER_MARK,
            customdata=[rest for _, _, *rest in marks],
            hovertemplate="Previous release, %{y}, %{customdata[2]}: %{customdata[1]:,}<extra></extra>",
        )  # fmt: skip
    ticks = _ticks(drawn)
    return drawn.update_layout(
        **tall(len(order)), barmode="relative", bargap=0.08, yaxis_title=question.labels[band],
        xaxis={"tickvals": ticks, "ticktext": [f"{abs(tick):,}" for tick in ticks], "title": "Patients"},
    )  # fmt: skip


def _of(frame: pd.DataFrame, sex: str, code: str, band: str, value: str, order: list[Any]) -> pd.Series:
    """The counts of one sex by age band."""
    return frame[frame[sex] == code].set_index(band)[value].reindex(order).fillna(0).astype(int)


def _ticks(drawn: go.Figure) -> list[int]:
    """Round numbers to both sides, as far as the longest bar goes."""
    most = max([1, *(abs(int(x)) for trace in drawn.data for x in trace.x)])
    step = 10 ** (len(str(most)) - 1)
    return list(range(-(most // step + 1) * step, (most // step + 2) * step, step))


def _age(band: str) -> int:
    digits = "".join(c for c in band.split("-", 1)[0] if c.isdigit())
    return int(digits) if digits else -1


def _dose(question: Question, frame: pd.DataFrame, former: pd.DataFrame | None) -> go.Figure:
    """Doses of the medication and unit with most rows; the usual range is the shaded band."""
    dose, unit, medication = question.by
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
    if former is not None:
        was = former[(former[medication] == name) & (former[unit] == of)]
        drawn.add_scatter(
            x=was[dose].astype(float), y=was["administrations"], mode="markers", name="Previous release", marker=FORMER_MARK,
            hovertemplate="Previous release, %{x} " + of + ": %{y:,}<extra></extra>",
        )  # fmt: skip
    low, high = mine["low_end"].min(), mine["high_end"].max()
    if pd.notna(low) and pd.notna(high):
        drawn.add_vrect(x0=float(low), x1=float(high), fillcolor=USUAL, opacity=0.2, line_width=0)
        drawn.add_annotation(
            x=(float(low) + float(high)) / 2, y=1, yref="paper", showarrow=False, text="usual range", yanchor="bottom"
        )  # fmt: skip
    return drawn.update_layout(
        **{**LAYOUT, "showlegend": former is not None},
        xaxis_title=f"{name}, {of}",
        yaxis_title="Administrations",
    )


_FIGURES = {
    "months": _bars,
    "histogram": _bars,
    "ranking": _ranking,
    "rate": rate,
    "line": line,
    "week": _week,
    "pyramid": _pyramid,
    "parts": parts,
    "dose": _dose,
}
