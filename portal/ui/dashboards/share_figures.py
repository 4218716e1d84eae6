"""Figures of shares: by group with an interval, in parts of 100 %, and over time."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from portal.dashboards.query_builder import Question
from portal.privacy.suppression import MINIMUM_CELL_SIZE
from portal.ui.dashboards.figure_parts import (
    FORMER_MARK,
    LAYOUT,
    beside,
    colours,
    largest,
    named,
    percent,
    tall,
    wilson,
)
from portal.ui.theme import ABOVE, BELOW, FORMER, MEASURE, NEUTRAL, USUAL


def rate(question: Question, frame: pd.DataFrame, former: pd.DataFrame | None) -> go.Figure:
    """A share a group with its 95 % interval; `values` are how many there were, and how many of them it is so."""
    total, hits = question.values
    top = named(question, largest(frame[frame[total] > 0], question.by[0], total))
    low, share, high = zip(
        *map(_rate_of, top[hits], top[total], top.get("is_high", [None] * len(top))), strict=True
    )
    top["_share"] = share
    drawn = go.Figure(
        go.Bar(
            x=top["_share"],
            y=top["_short"],
            orientation="h",
            marker={"color": colours(top[question.by[0]]), "pattern": {"shape": ["/" if pd.isna(n) else "" for n in top[hits]]}},
            customdata=[
                [name, int(n), None if pd.isna(part) else int(part), _in_words(part, int(n), end)]
                for name, n, part, end in zip(
                    top[question.by[0]], top[total], top[hits], top.get("is_high", [None] * len(top)), strict=True
                )
            ],
            error_x={
                "array": [end - middle for end, middle in zip(high, share, strict=True)],
                "arrayminus": [middle - end for end, middle in zip(low, share, strict=True)],
                "color": NEUTRAL,
                "thickness": 2,
            },
            hovertemplate="%{y}: %{customdata[3]} of %{customdata[1]:,}<extra></extra>",
        )
    )  # fmt: skip
    if former is not None:
        before = former.assign(_share=percent(former[hits], former[total]))
        beside(drawn, question, top, before, "_share")
    title = f"{question.values[hits].label}, percent"
    return drawn.update_layout(**tall(len(top)), xaxis={"title": title, "rangemode": "tozero"})


def _rate_of(hits: Any, total: Any, is_high: Any) -> tuple[float, float, float]:
    """Low end, share and high end in percent; of hits that are suppressed only their bounds are known."""
    if pd.isna(hits):
        bound = 100 * (MINIMUM_CELL_SIZE - 1) / int(total)
        return (100 - bound, 100 - bound, 100.0) if is_high is True else (0.0, 0.0, bound)
    low, high = wilson(int(hits), int(total))
    return 100 * low, 100 * int(hits) / int(total), 100 * high


def _in_words(hits: Any, total: int, is_high: Any) -> str:
    if not pd.isna(hits):
        return f"{int(hits) / total:.1%}, {int(hits):,}"
    return (
        f"more than {total - MINIMUM_CELL_SIZE:,}" if is_high is True else f"fewer than {MINIMUM_CELL_SIZE}"
    )


def parts(question: Question, frame: pd.DataFrame, former: pd.DataFrame | None) -> go.Figure:
    """Horizontal bars that add up to 100 %: the groups with most, the largest on top."""
    names = list(question.values)
    counted = frame.assign(_all=frame[names].sum(axis=1))
    top = named(question, largest(counted[counted["_all"] > 0], question.by[0], "_all"))
    drawn = go.Figure()
    for name, color in zip(names, (BELOW, USUAL, ABOVE), strict=True):
        drawn.add_bar(
            x=percent(top[name], top["_all"]),
            y=top["_short"],
            orientation="h",
            name=question.values[name].label,
            marker_color=color,
            customdata=top[[question.by[0], name]],
            hovertemplate="%{y}: %{customdata[1]:,} (%{x:.1f} %)<extra>" + question.values[name].label + "</extra>",
        )  # fmt: skip
    if former is not None:
        was = former.set_index(question.by[0])[names].reindex(top[question.by[0]]).astype(float)
        ends = was.cumsum(axis=1).div(was.sum(axis=1), axis=0).mul(100)
        for name in names[:-1]:
            drawn.add_scatter(
                x=ends[name], y=top["_short"], mode="markers", name="Previous release", marker=FORMER_MARK,
                customdata=top[[question.by[0]]], showlegend=name == names[0],
                hovertemplate=f"Previous release, {question.values[name].label.lower()} up to " + "%{x:.1f} %<extra></extra>",
            )  # fmt: skip
    return drawn.update_layout(**tall(len(top)), barmode="stack", xaxis={"title": "Percent of doses"})


def line(question: Question, frame: pd.DataFrame, former: pd.DataFrame | None) -> go.Figure:
    """The share of the first value in the second, over time."""
    hits, total = question.values
    drawn = go.Figure()
    for name, rows, look in (
        ("This release", frame, {"color": MEASURE}),
        ("Previous release", former, {"color": FORMER, "dash": "dot"}),
    ):
        if rows is not None:
            drawn.add_scatter(
                x=rows[question.by[0]], y=percent(rows[hits], rows[total]), mode="lines+markers", name=name, line=look,
                customdata=rows[[question.by[0], hits, total]], marker={"symbol": _symbols(rows)},
                hovertemplate="%{x}: %{y:.1f} %, %{customdata[1]:,} of %{customdata[2]:,}<extra></extra>",
            )  # fmt: skip
    title = f"{question.values[hits].label}, percent"
    return drawn.update_layout(
        **{**LAYOUT, "showlegend": former is not None}, yaxis={"title": title, "rangemode": "tozero"}
    )


def _symbols(rows: pd.DataFrame) -> list[str]:
    """Hollow where several months share one rate."""
    return [
        "circle-open" if is_pooled else "circle" for is_pooled in rows.get("is_pooled", [False] * len(rows))
    ]
