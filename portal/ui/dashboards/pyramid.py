"""Age pyramid of patients by sex."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from portal.dashboards.query_builder import NOT_RECORDED, Chart
from portal.privacy.viewer_tables import OTHER
from portal.ui.dashboards.figure_parts import PREVIOUS_MARK, tall
from portal.ui.theme import MEMBERS, NEUTRAL, SUPPRESSED

_SEXES = (("M", -1), ("F", 1), ("X", 1), ("U", 1), (NOT_RECORDED, 1), (OTHER, 1))
"""Sexes from the middle outwards, each with its side of the pyramid: -1 left, 1 right."""


def pyramid(chart: Chart, frame: pd.DataFrame, previous: pd.DataFrame | None) -> go.Figure:
    """Return an age pyramid: men on the left, women and other sexes on the right."""
    band, sex = chart.by
    value = next(iter(chart.measures))
    words = chart.dataset.dimension(sex).value_labels
    order = sorted(set(frame[band]) | set([] if previous is None else previous[band]), key=_age)
    ends = [str(each) for each in order]
    traces: list[dict[str, Any]] = []
    before = {-1: pd.Series(0, order), 1: pd.Series(0, order)}
    marks: list[tuple[Any, ...]] = []
    for code, side in _SEXES:
        part = _counts_of(frame, sex, code, band, value, order)
        if part.any():
            traces.append(_bars(side * part, part, ends, (code, words.get(code, code))))
        if previous is not None:
            was = side * _counts_of(previous, sex, code, band, value, order)
            before[side] += was
            rows = zip(before[side], ends, order, abs(was), strict=True)
            marks += [(*row, words.get(code, code)) for row in rows if row[3]]
    if previous is not None:
        traces.append(_previous_marks(marks))
    ticks = _ticks(traces)
    shown = {"tickvals": ticks, "ticktext": [f"{abs(tick):,}" for tick in ticks]}
    base = tall(len(order))
    axes = {
        "xaxis": {**shown, "title": {"text": "Patients"}},
        "yaxis": {**base["yaxis"], "title": {"text": chart.labels[band]}},
    }
    return go.Figure(traces, {**base, **axes, "barmode": "relative", "bargap": 0.08})


def _bars(lengths: pd.Series, part: pd.Series, bands: list[str], sex: tuple[str, str]) -> dict[str, Any]:
    """Return the bars of one sex (code and words), whose signed lengths are `lengths`."""
    code, words = sex
    return {
        "type": "bar",
        "x": lengths.to_numpy(),
        "y": bands,
        "orientation": "h",
        "name": words,
        "marker": {"color": SUPPRESSED if code == OTHER else MEMBERS.get(code, NEUTRAL)},
        "customdata": [[each, number] for each, number in part.items()],
        "hovertemplate": "%{y}, " + words + ": %{customdata[1]:,}<extra></extra>",
    }


def _previous_marks(marks: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """Return marks at the ends of the previous release's bars; each is x, y, age band, count and sex."""
    return {
        "type": "scatter",
        "x": [x for x, *_ in marks],
        "y": [y for _, y, *_ in marks],
        "mode": "markers",
        "name": "Previous release",
        "marker": PREVIOUS_MARK,
        "customdata": [rest for _, _, *rest in marks],
        "hovertemplate": "Previous release, %{y}, %{customdata[2]}: %{customdata[1]:,}<extra></extra>",
    }


def _counts_of(
    frame: pd.DataFrame, sex: str, code: str, band: str, value: str, order: list[Any]
) -> pd.Series:
    """Return the counts of one sex by age band, 0 where there are none."""
    return frame[frame[sex] == code].set_index(band)[value].reindex(order).fillna(0).astype(int)


def _ticks(traces: Sequence[dict[str, Any]]) -> list[int]:
    """Return round tick values on both sides of zero, up to just beyond the longest bar."""
    most = max([1, *(abs(int(x)) for trace in traces for x in trace["x"])])
    step = 10 ** (len(str(most)) - 1)
    return list(range(-(most // step + 1) * step, (most // step + 2) * step, step))


def _age(band: str) -> int:
    digits = "".join(c for c in band.split("-", 1)[0] if c.isdigit())
    return int(digits) if digits else -1
