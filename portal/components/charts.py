"""Plotly figures: a question and its rows in, a figure out. No service is asked here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.express as px
import plotly.graph_objects as go

from portal.components.palette import (
    BLUE,
    CLASSES,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SEQUENCE,
    SKY,
    STATES,
    VERMILLION,
)
from portal.services.facts import Question

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MOST_BARS = 12

_LAYOUT: dict[str, Any] = {
    "margin": {"l": 8, "r": 8, "t": 36, "b": 8},  # above the plot is room for Plotly's own buttons
    "font": {"size": 13},
    "legend": {"orientation": "h", "y": 1.12, "x": 0, "title": {"text": ""}},
    "height": 320,
    "colorway": list(SEQUENCE),
    "hoverlabel": {"font": {"size": 13}},
    "separators": ".,",
}


def figure(question: Question, frame: pd.DataFrame, former: pd.DataFrame | None = None) -> go.Figure:
    """The chart of a question; where the former release's rows are given, its figures are beside the present ones.

    Every point carries, as custom data, the value that a click on it filters by.
    """
    if question.kind in _ALONE:
        return _ALONE[question.kind](question, frame)
    return _COMPARED[question.kind](question, frame, former)


def stacked(frame: pd.DataFrame, x: str, y: str, color: str, labels: dict[str, str]) -> go.Figure:
    """Bars by `x`, stacked by `color`, that a click on can tell the colour of."""
    drawn = px.bar(
        frame,
        x=x,
        y=y,
        color=color,
        labels=labels,
        custom_data=[color],
        color_discrete_map=CLASSES,
        color_discrete_sequence=list(SEQUENCE),
    )
    return drawn.update_layout(**_LAYOUT, bargap=0.05)


def _bars(question: Question, frame: pd.DataFrame, former: pd.DataFrame | None) -> go.Figure:
    """Stacked bars by month or by bin; the query has counted already."""
    x, color, y = question.by[0], question.by[1], next(iter(question.values))
    drawn = stacked(frame, x, y, color, question.labels)
    if former is not None:
        total = former.groupby(x, as_index=False)[y].sum()
        drawn.add_scatter(
            x=total[x], y=total[y], mode="markers", name="Former release, all together",
            marker={"color": GREY, "symbol": "diamond-open", "size": 9, "line": {"width": 2}},
        )  # fmt: skip
    return drawn


def _ranking(question: Question, frame: pd.DataFrame, former: pd.DataFrame | None) -> go.Figure:
    """The largest values as horizontal bars, the largest on top."""
    name, value = question.by[0], next(iter(question.values))
    top = _named(question, frame.nlargest(MOST_BARS, value).iloc[::-1])
    drawn = px.bar(
        top, x=value, y="_short", orientation="h", labels={**question.labels, "_short": ""},
        custom_data=[name], hover_name="_long", hover_data={"_short": False},
    )  # fmt: skip
    drawn.update_traces(marker_color=BLUE)
    _beside(drawn, question, top, former, value)
    return drawn.update_layout(**_tall(len(top)))


def _rate(question: Question, frame: pd.DataFrame, former: pd.DataFrame | None) -> go.Figure:
    """A share a group with its 95 % interval; `values` are how many there were, and how many of them it is so."""
    total, hits = question.values
    top = _named(question, frame[frame[total] > 0].nlargest(MOST_BARS, total).iloc[::-1])
    ends = [wilson(int(h), int(t)) for h, t in zip(top[hits], top[total], strict=True)]
    top["_share"] = 100 * top[hits].astype(float) / top[total].astype(float)
    drawn = go.Figure(
        go.Bar(
            x=top["_share"],
            y=top["_short"],
            orientation="h",
            marker_color=BLUE,
            customdata=top[[question.by[0], total, hits]],
            error_x={
                "array": [100 * high - share for (_, high), share in zip(ends, top["_share"], strict=True)],
                "arrayminus": [
                    share - 100 * low for (low, _), share in zip(ends, top["_share"], strict=True)
                ],
                "color": VERMILLION,
                "thickness": 1.5,
            },
            hovertemplate="%{y}: %{x:.1f} %, %{customdata[2]:,} of %{customdata[1]:,}<extra></extra>",
        )
    )
    if former is not None:
        before = former.assign(_share=100 * former[hits].astype(float) / former[total].astype(float))
        _beside(drawn, question, top, before, "_share")
    title = f"{question.values[hits].label}, percent"
    return drawn.update_layout(**_tall(len(top)), xaxis={"title": title, "rangemode": "tozero"})


def _week(question: Question, frame: pd.DataFrame) -> go.Figure:
    """A heat map of weekday by hour; hours without events are 0, not blank."""
    day, hour = question.by
    value, label = next((name, said.label.lower()) for name, said in question.values.items())
    grid = frame.pivot_table(index=day, columns=hour, values=value, aggfunc="sum", fill_value=0)
    grid = grid.reindex(index=range(1, 8), columns=range(24), fill_value=0)
    drawn = go.Figure(
        go.Heatmap(
            z=grid.to_numpy(),
            x=[f"{h:02d}" for h in range(24)],
            y=list(WEEKDAYS),
            colorscale="Blues",
            colorbar={"title": label},
            hovertemplate="%{y} %{x}:00, %{z:,} " + label + "<extra></extra>",
        )
    )
    return drawn.update_layout(**_LAYOUT, yaxis_autorange="reversed", xaxis_title="Hour (UTC)")


def _pyramid(question: Question, frame: pd.DataFrame) -> go.Figure:
    """Men to the left, women to the right, a bar an age band; other sexes are a third bar to the right."""
    band, sex = question.by
    value = next(iter(question.values))
    words = question.subject.dimension(sex).words
    order = sorted(frame[band].unique(), key=_age)
    drawn = go.Figure()
    for code, color in (("M", BLUE), ("F", ORANGE), ("X", SKY), ("U", GREY)):
        part = frame[frame[sex] == code].set_index(band)[value].reindex(order).fillna(0).astype(int)
        if part.sum() == 0:
            continue
        drawn.add_bar(
            x=-part if code == "M" else part,
            y=[str(each) for each in order],
            orientation="h",
            name=words[code],
            marker_color=color,
            customdata=[[each, number] for each, number in part.items()],
            hovertemplate="%{y}, " + words[code] + ": %{customdata[1]:,}<extra></extra>",
        )
    most = max(1, int(frame.groupby(band)[value].sum().max())) if len(frame) else 1
    step = 10 ** max(0, len(str(most)) - 1)
    ticks = list(range(-(most // step + 1) * step, (most // step + 2) * step, step))
    return drawn.update_layout(
        **_tall(len(order)), barmode="relative", bargap=0.08, yaxis_title=question.labels[band],
        xaxis={"tickvals": ticks, "ticktext": [f"{abs(tick):,}" for tick in ticks], "title": "Patients"},
    )  # fmt: skip


def _age(band: str) -> int:
    digits = "".join(c for c in band.split("-", 1)[0] if c.isdigit())
    return int(digits) if digits else -1


def _parts(question: Question, frame: pd.DataFrame) -> go.Figure:
    """Horizontal bars that add up to 100 %: the groups with most, the largest on top."""
    names = list(question.values)
    total = frame[names].sum(axis=1)
    top = frame.assign(_all=total)[total > 0].nlargest(MOST_BARS, "_all").iloc[::-1]
    top = _named(question, top)
    drawn = go.Figure()
    for name, color in zip(names, (SKY, BLUE, VERMILLION), strict=False):
        drawn.add_bar(
            x=100 * top[name] / top["_all"],
            y=top["_short"],
            orientation="h",
            name=question.values[name].label,
            marker_color=color,
            customdata=top[[question.by[0], name]],
            hovertemplate="%{y}: %{customdata[1]:,} (%{x:.1f} %)<extra>" + question.values[name].label + "</extra>",
        )  # fmt: skip
    return drawn.update_layout(**_tall(len(top)), barmode="stack", xaxis={"title": "Percent of doses"})


def _line(question: Question, frame: pd.DataFrame, former: pd.DataFrame | None) -> go.Figure:
    """The share of the first value in the second, over time."""
    hits, total = question.values
    drawn = go.Figure()
    for name, rows, look in (
        ("This release", frame, {"color": BLUE}),
        ("Former release", former, {"color": GREY, "dash": "dot"}),
    ):
        if rows is not None:
            share = 100 * rows[hits].astype(float) / rows[total].astype(float)
            drawn.add_scatter(
                x=rows[question.by[0]], y=share, mode="lines+markers", name=name, line=look,
                customdata=rows[[hits, total]],
                hovertemplate="%{x}: %{y:.1f} %, %{customdata[0]:,} of %{customdata[1]:,}<extra></extra>",
            )  # fmt: skip
    title = f"{question.values[hits].label}, percent"
    return drawn.update_layout(
        **{**_LAYOUT, "showlegend": former is not None}, yaxis={"title": title, "rangemode": "tozero"}
    )


def _dose(question: Question, frame: pd.DataFrame) -> go.Figure:
    """Doses of the medication and unit with most rows; the usual range is the shaded band."""
    dose, unit, medication = question.by
    counted = frame.groupby([medication, unit], as_index=False)["administrations"].sum()
    name, of = counted.loc[counted["administrations"].idxmax(), [medication, unit]]
    mine = frame[(frame[medication] == name) & (frame[unit] == of)]
    drawn = go.Figure(
        go.Bar(
            x=mine[dose].astype(float),
            y=mine["administrations"],
            marker_color=BLUE,
            hovertemplate="%{x} " + of + ": %{y:,}<extra></extra>",
        )
    )
    low, high = mine["low_end"].min(), mine["high_end"].max()
    if pd.notna(low) and pd.notna(high):
        drawn.add_vrect(x0=float(low), x1=float(high), fillcolor=SKY, opacity=0.25, line_width=0)
        drawn.add_annotation(
            x=(float(low) + float(high)) / 2, y=1, yref="paper", showarrow=False, text="usual range", yanchor="bottom"
        )  # fmt: skip
    return drawn.update_layout(**_LAYOUT, xaxis_title=f"{name}, {of}", yaxis_title="Administrations")


def _named(question: Question, top: pd.DataFrame) -> pd.DataFrame:
    """`top` with the groups in words: `_long`, and `_short` for the axis, shortened and still told apart."""
    words = question.subject.dimension(question.by[0]).words
    long = [words.get(str(value), str(value)) for value in top[question.by[0]]]
    short: list[str] = []
    for text in long:
        cut = text if len(text) <= 34 else f"{text[:33]}…"
        short.append(cut + "\u200b" * short.count(cut))
    return top.assign(_long=long, _short=short)


def _beside(
    drawn: go.Figure, question: Question, top: pd.DataFrame, former: pd.DataFrame | None, value: str
) -> None:
    """A mark on each bar for what the former release says."""
    if former is None:
        return
    before = former.set_index(question.by[0])[value].reindex(top[question.by[0]])
    drawn.add_scatter(
        x=before, y=top["_short"], mode="markers", name="Former release",
        marker={"color": GREY, "symbol": "diamond-open", "size": 10, "line": {"width": 2}},
        hovertemplate="Former release: %{x:,.1f}<extra></extra>",
    )  # fmt: skip
    drawn.update_layout(showlegend=True)


def _tall(bars: int) -> dict[str, Any]:
    return {**_LAYOUT, "height": max(220, 90 + 26 * bars), "yaxis": {"type": "category", "title": ""}}


_COMPARED = {
    "months": _bars,
    "histogram": _bars,
    "ranking": _ranking,
    "rate": _rate,
    "line": _line,
}
"""Charts that show the former release's figures beside the present ones."""

_ALONE = {
    "week": _week,
    "pyramid": _pyramid,
    "parts": _parts,
    "dose": _dose,
}


def wilson(hits: int, total: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    if not total:
        return 0.0, 1.0
    z, share = 1.96, hits / total
    middle = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


_BARS = {
    "SUCCEEDED": GREEN, "RUNNING": BLUE, "FAILED": VERMILLION, "TIMEOUT": VERMILLION, "EXPIRED": VERMILLION,
    "STOPPED": PURPLE, "STARTING": ORANGE, "WAITING": ORANGE, "STOPPING": ORANGE,
}  # fmt: skip
"""Bars by state: strong enough for a light and a dark page."""


def gantt(frame: pd.DataFrame, medians: Mapping[str, float], zone: str = "UTC") -> go.Figure:
    """Job runs as bars over time, a mark where each would have ended by its median.

    `frame` has the columns job, attempt, started_at, ended_at, state; `medians` are seconds by job. Plotly knows no
    time zones: moments are handed to it as the clock in `zone` shows them.
    """
    local = frame.assign(
        **{n: frame[n].dt.tz_convert(zone).dt.tz_localize(None) for n in ("started_at", "ended_at")}
    )
    colors = {STATES[name][0]: color for name, color in _BARS.items()}
    drawn = px.timeline(
        local, x_start="started_at", x_end="ended_at", y="job", color="state",
        color_discrete_map=colors, custom_data=[frame["attempt"], *_hover_times(frame, zone)],
    )  # fmt: skip
    drawn.update_traces(
        hovertemplate="<b>%{y}</b>, attempt %{customdata[0]}<br>%{customdata[1]}<br>%{customdata[2]}<extra>%{fullData.name}</extra>"
    )
    last = local.sort_values("started_at").groupby("job").tail(1)
    usual = last[last["job"].isin(list(medians))]
    if len(usual):
        ends = usual["started_at"] + pd.to_timedelta(usual["job"].map(medians), unit="s")
        drawn.add_scatter(
            x=ends, y=usual["job"], mode="markers", name="Usual end (median)",
            marker={"symbol": "line-ns-open", "size": 16, "color": GREY, "line": {"width": 3}},
            customdata=usual["job"].map(medians),
            hovertemplate="%{y}: usually %{customdata:.0f} s<extra></extra>",
        )  # fmt: skip
    drawn.update_yaxes(autorange="reversed", title="")
    drawn.update_xaxes(title=f"Time of day ({zone})", tickformat="%H:%M:%S", hoverformat="%H:%M:%S")
    return drawn.update_layout(**{**_LAYOUT, "height": 160 + 26 * frame["job"].nunique()})


def _hover_times(frame: pd.DataFrame, zone: str) -> list[list[str]]:
    """From when to when in the zone, and the same in UTC where that is another."""

    def spans(name: str) -> list[str]:
        starts, ends = (
            frame[n].dt.tz_convert(name).dt.strftime("%H:%M:%S") for n in ("started_at", "ended_at")
        )
        return [f"{start} to {end} {name}" for start, end in zip(starts, ends, strict=True)]

    return [spans(zone), spans("UTC") if zone != "UTC" else [""] * len(frame)]
