"""Plotly figures: a question and its rows in, a figure out. No service is asked here."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import plotly.express as px
import plotly.graph_objects as go

from portal.components.palette import (
    ABOVE,
    BELOW,
    FORMER,
    MEASURE,
    MEMBERS,
    NEUTRAL,
    NO_CHANGE,
    SEQUENCE,
    USUAL,
)
from portal.services.facts import NOT_RECORDED, Question
from portal.services.questions import LATE_MINUTES, WEEKDAYS

MOST_BARS = 12

LAYOUT: dict[str, Any] = {
    "margin": {"l": 8, "r": 8, "t": 36, "b": 8},  # above the plot is room for Plotly's own buttons
    "font": {"size": 13},
    "legend": {"orientation": "h", "y": 1.12, "x": 0, "title": {"text": ""}},
    "height": 320,
    "colorway": list(SEQUENCE),
    "hoverlabel": {"font": {"size": 13}},
    "separators": ".,",
}

_FORMER_MARK = {"color": FORMER, "symbol": "diamond-open", "size": 10, "line": {"width": 2}}


def figure(question: Question, frame: pd.DataFrame, former: pd.DataFrame | None = None) -> go.Figure:
    """The chart of a question; where the former release's rows are given, its figures are beside the present ones.

    Every point carries, as its first custom data, the values that a click on it filters by. Groups whose figures
    are left out have no mark.
    """
    if question.kind != "week":
        frame, former = shown(question, frame), None if former is None else shown(question, former)
    return _FIGURES[question.kind](question, frame, former)


def shown(question: Question, frame: pd.DataFrame) -> pd.DataFrame:
    """The groups whose figures are not left out."""
    return frame.dropna(subset=[next(iter(question.values))])


def cut(question: Question, frame: pd.DataFrame) -> str:
    """What a chart of the largest groups says of the others."""
    groups = len(shown(question, frame))
    if question.kind not in {"ranking", "rate", "parts"} or groups <= MOST_BARS:
        return ""
    return f"The {MOST_BARS} largest of {groups:,}; all of them are in the table and in the exports."


def table(question: Question, frame: pd.DataFrame, former: pd.DataFrame | None = None) -> pd.DataFrame:
    """All groups with figures of a chart that shows the largest, in words, the largest first."""
    by, most = list(question.by), next(iter(question.values))
    rows = shown(question, frame).sort_values(most, ascending=False, kind="stable")
    if former is not None:
        before = former[[*by, *question.values]].rename(columns=lambda n: n if n in by else f"{n}_former")
        rows = rows.merge(before, on=by, how="left")
    words = {name: question.subject.dimension(name).words for name in by}
    rows = rows.assign(**{name: [words[name].get(str(v), str(v)) for v in rows[name]] for name in by})
    labels = question.labels | {
        f"{n}_former": f"{v.label}, former release" for n, v in question.values.items()
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
        color_discrete_map={**MEMBERS, NOT_RECORDED: NEUTRAL},
        color_discrete_sequence=list(SEQUENCE),
    )
    return drawn.update_layout(**LAYOUT, bargap=0.05)


def _bars(question: Question, frame: pd.DataFrame, former: pd.DataFrame | None) -> go.Figure:
    """Stacked bars by month or by bin; the query has counted already."""
    x, color, y = question.by[0], question.by[1], next(iter(question.values))
    drawn = stacked(frame, x, y, color, question.labels, question.click)
    if former is not None:
        total = former.groupby(x, as_index=False)[y].sum()
        drawn.add_scatter(
            x=total[x], y=total[y], mode="markers", name="Former release, all together", marker=_FORMER_MARK,
            customdata=total[[x]],
        )  # fmt: skip
    if x == "wait":
        drawn.add_vline(
            x=LATE_MINUTES, line={"color": USUAL, "dash": "dash"}, annotation_text="late from here"
        )
    return drawn


def _ranking(question: Question, frame: pd.DataFrame, former: pd.DataFrame | None) -> go.Figure:
    """The largest values as horizontal bars, the largest on top."""
    name, value = question.by[0], next(iter(question.values))
    top = _named(question, _largest(frame, value))
    drawn = px.bar(
        top, x=value, y="_short", orientation="h", labels={**question.labels, "_short": ""},
        custom_data=[name], hover_name="_long", hover_data={"_short": False},
    )  # fmt: skip
    drawn.update_traces(marker_color=MEASURE)
    _beside(drawn, question, top, former, value)
    return drawn.update_layout(**_tall(len(top)))


def _largest(frame: pd.DataFrame, value: str) -> pd.DataFrame:
    """The largest groups, the smallest of them first: Plotly draws upwards."""
    return frame.sort_values(value, ascending=False, kind="stable").head(MOST_BARS).iloc[::-1]


def _rate(question: Question, frame: pd.DataFrame, former: pd.DataFrame | None) -> go.Figure:
    """A share a group with its 95 % interval; `values` are how many there were, and how many of them it is so."""
    total, hits = question.values
    top = _named(question, _largest(frame[frame[total] > 0], total))
    ends = [wilson(int(h), int(t)) for h, t in zip(top[hits], top[total], strict=True)]
    top["_share"] = _percent(top[hits], top[total])
    drawn = go.Figure(
        go.Bar(
            x=top["_share"],
            y=top["_short"],
            orientation="h",
            marker_color=MEASURE,
            customdata=top[[question.by[0], total, hits]],
            error_x={
                "array": [100 * high - share for (_, high), share in zip(ends, top["_share"], strict=True)],
                "arrayminus": [
                    share - 100 * low for (low, _), share in zip(ends, top["_share"], strict=True)
                ],
                "color": NEUTRAL,
                "thickness": 2,
            },
            hovertemplate="%{y}: %{x:.1f} %, %{customdata[2]:,} of %{customdata[1]:,}<extra></extra>",
        )
    )
    if former is not None:
        before = former.assign(_share=_percent(former[hits], former[total]))
        _beside(drawn, question, top, before, "_share")
    title = f"{question.values[hits].label}, percent"
    return drawn.update_layout(**_tall(len(top)), xaxis={"title": title, "rangemode": "tozero"})


def _percent(part: pd.Series, whole: pd.Series) -> pd.Series:
    return 100 * part.astype(float) / whole.astype(float)


def _week(question: Question, frame: pd.DataFrame, former: pd.DataFrame | None) -> go.Figure:
    """A heat map of weekday by hour, beside a former release of the change since; a cell left out is blank.

    Plotly reports no clicks on the cells of a heat map, so that marks that cannot be seen lie over them.
    """
    label = next(said.label.lower() for said in question.values.values())
    grid = _grid(question, frame)
    colours: dict[str, Any] = {"colorscale": [[0, NO_CHANGE], [1, MEASURE]]}
    if former is not None:
        grid, label = grid - _grid(question, former), f"{label} more or fewer than in the former release"
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
    return drawn.update_layout(**LAYOUT, yaxis_autorange="reversed", xaxis_title="Hour")


def _grid(question: Question, frame: pd.DataFrame) -> pd.DataFrame:
    """Seven days by 24 hours; hours without events are 0, those left out are not a number."""
    day, hour = question.by
    grid = pd.DataFrame(0.0, index=range(1, 8), columns=range(24))
    for row in zip(frame[day], frame[hour], frame[next(iter(question.values))], strict=True):
        grid.loc[int(row[0]), int(row[1])] = float("nan") if pd.isna(row[2]) else float(row[2])
    return grid


_SEXES = (("M", -1), ("F", 1), ("X", 1), ("U", 1), (NOT_RECORDED, 1))
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
                marker_color=MEMBERS.get(code, NEUTRAL),
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
            x=[x for x, *_ in marks], y=[y for _, y, *_ in marks], mode="markers", name="Former release", marker=_FORMER_MARK,
            customdata=[rest for _, _, *rest in marks],
            hovertemplate="Former release, %{y}, %{customdata[2]}: %{customdata[1]:,}<extra></extra>",
        )  # fmt: skip
    ticks = _ticks(drawn)
    return drawn.update_layout(
        **_tall(len(order)), barmode="relative", bargap=0.08, yaxis_title=question.labels[band],
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


def _parts(question: Question, frame: pd.DataFrame, former: pd.DataFrame | None) -> go.Figure:
    """Horizontal bars that add up to 100 %: the groups with most, the largest on top."""
    names = list(question.values)
    counted = frame.assign(_all=frame[names].sum(axis=1))
    top = _named(question, _largest(counted[counted["_all"] > 0], "_all"))
    drawn = go.Figure()
    for name, color in zip(names, (BELOW, USUAL, ABOVE), strict=True):
        drawn.add_bar(
            x=_percent(top[name], top["_all"]),
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
                x=ends[name], y=top["_short"], mode="markers", name="Former release", marker=_FORMER_MARK,
                customdata=top[[question.by[0]]], showlegend=name == names[0],
                hovertemplate=f"Former release, {question.values[name].label.lower()} up to " + "%{x:.1f} %<extra></extra>",
            )  # fmt: skip
    return drawn.update_layout(**_tall(len(top)), barmode="stack", xaxis={"title": "Percent of doses"})


def _line(question: Question, frame: pd.DataFrame, former: pd.DataFrame | None) -> go.Figure:
    """The share of the first value in the second, over time."""
    hits, total = question.values
    drawn = go.Figure()
    for name, rows, look in (
        ("This release", frame, {"color": MEASURE}),
        ("Former release", former, {"color": FORMER, "dash": "dot"}),
    ):
        if rows is not None:
            drawn.add_scatter(
                x=rows[question.by[0]], y=_percent(rows[hits], rows[total]), mode="lines+markers", name=name, line=look,
                customdata=rows[[question.by[0], hits, total]],
                hovertemplate="%{x}: %{y:.1f} %, %{customdata[1]:,} of %{customdata[2]:,}<extra></extra>",
            )  # fmt: skip
    title = f"{question.values[hits].label}, percent"
    return drawn.update_layout(
        **{**LAYOUT, "showlegend": former is not None}, yaxis={"title": title, "rangemode": "tozero"}
    )


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
            x=was[dose].astype(float), y=was["administrations"], mode="markers", name="Former release", marker=_FORMER_MARK,
            hovertemplate="Former release, %{x} " + of + ": %{y:,}<extra></extra>",
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
        x=before, y=top["_short"], mode="markers", name="Former release", marker=_FORMER_MARK,
        customdata=top[[question.by[0]]],
        hovertemplate="Former release: %{x:,.1f}<extra></extra>",
    )  # fmt: skip
    drawn.update_layout(showlegend=True)


def _tall(bars: int) -> dict[str, Any]:
    return {**LAYOUT, "height": max(220, 90 + 26 * bars), "yaxis": {"type": "category", "title": ""}}


_FIGURES = {
    "months": _bars,
    "histogram": _bars,
    "ranking": _ranking,
    "rate": _rate,
    "line": _line,
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
