"""Age pyramid of patients by sex."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from portal.dashboards.query_builder import NOT_RECORDED, Chart
from portal.privacy.viewer_tables import OTHER
from portal.ui.dashboards.figure_parts import (
    PREVIOUS_MARK,
    tall,
)
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
    drawn = go.Figure()
    before = {-1: pd.Series(0, order), 1: pd.Series(0, order)}
    marks: list[tuple[Any, ...]] = []
    for code, side in _SEXES:
        part = _counts_of(frame, sex, code, band, value, order)
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
        if previous is not None:
            was = side * _counts_of(previous, sex, code, band, value, order)
            before[side] += was
            rows = zip(before[side], ends, order, abs(was), strict=True)
            marks += [(*row, words.get(code, code)) for row in rows if row[3]]
    if previous is not None:
        _mark_previous(drawn, marks)
    ticks = _ticks(drawn)
    return drawn.update_layout(
        **tall(len(order)),
        barmode="relative",
        bargap=0.08,
        yaxis_title=chart.labels[band],
        xaxis={"tickvals": ticks, "ticktext": [f"{abs(tick):,}" for tick in ticks], "title": "Patients"},
    )


def _mark_previous(drawn: go.Figure, marks: Sequence[tuple[Any, ...]]) -> None:
    """Mark the ends of the previous release's bars; each mark is x, y, age band, count and sex."""
    drawn.add_scatter(
        x=[x for x, *_ in marks],
        y=[y for _, y, *_ in marks],
        mode="markers",
        name="Previous release",
        marker=PREVIOUS_MARK,
        customdata=[rest for _, _, *rest in marks],
        hovertemplate="Previous release, %{y}, %{customdata[2]}: %{customdata[1]:,}<extra></extra>",
    )


def _counts_of(
    frame: pd.DataFrame, sex: str, code: str, band: str, value: str, order: list[Any]
) -> pd.Series:
    """Return the counts of one sex by age band, 0 where there are none."""
    return frame[frame[sex] == code].set_index(band)[value].reindex(order).fillna(0).astype(int)


def _ticks(drawn: go.Figure) -> list[int]:
    """Return round tick values on both sides of zero, up to just beyond the longest bar."""
    most = max([1, *(abs(int(x)) for trace in drawn.data for x in trace.x)])
    step = 10 ** (len(str(most)) - 1)
    return list(range(-(most // step + 1) * step, (most // step + 2) * step, step))


def _age(band: str) -> int:
    digits = "".join(c for c in band.split("-", 1)[0] if c.isdigit())
    return int(digits) if digits else -1
