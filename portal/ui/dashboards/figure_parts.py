"""Parts that figures share: layout, colors, labels, marks of the previous release, intervals.

A figure is built by one call from plain dictionaries: Plotly Express and `update_layout`, which validate and
copy the template again, take nine times as long.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

from portal.dashboards.query_builder import Chart
from portal.privacy.viewer_tables import OTHER
from portal.ui.theme import MEASURE, NEUTRAL, PREVIOUS, SEQUENCE, SUPPRESSED

MOST_BARS = 12

LAYOUT: dict[str, Any] = {
    "margin": {"l": 8, "r": 8, "t": 36, "b": 8},  # room above the plot for Plotly's buttons
    "font": {"size": 13},
    "legend": {"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "title": {"text": ""}},
    "height": 320,
    "colorway": list(SEQUENCE),
    "hoverlabel": {"font": {"size": 13}},
    "separators": ".,",
}

VALUE_ON_BAR: dict[str, Any] = {"textposition": "outside", "cliponaxis": False, "texttemplate": "%{text}"}
"""The value of a bar as text beside its end."""

PREVIOUS_MARK = {"color": PREVIOUS, "symbol": "diamond-open", "size": 10, "line": {"width": 2}}


def bar_colors(names: Iterable[str]) -> list[str]:
    """Return the color of each bar; the pooled group has another color than the others."""
    return [SUPPRESSED if name == OTHER else MEASURE for name in names]


def largest(frame: pd.DataFrame, name: str, value: str) -> pd.DataFrame:
    """Return the pooled group, then the `MOST_BARS` largest others in ascending order.

    The largest group is last, because Plotly draws upwards.
    """
    is_other = frame[name] == OTHER
    largest = frame[~is_other].sort_values(value, ascending=False, kind="stable").head(MOST_BARS)
    return pd.concat([frame[is_other], largest.iloc[::-1]])


def percent(part: pd.Series, whole: pd.Series) -> pd.Series:
    """Return the shares of `part` in `whole`, in percent."""
    return 100 * part.astype(float) / whole.astype(float)


def named(chart: Chart, top: pd.DataFrame) -> pd.DataFrame:
    """Return the groups with label columns: `_long`, and `_short` for the axis (shortened but unique)."""
    words = chart.dataset.dimension(chart.by[0]).value_labels
    long = [words.get(str(value), str(value)) for value in top[chart.by[0]]]
    short: list[str] = []
    for text in long:
        cut = text if len(text) <= 34 else f"{text[:33]}…"
        short.append(cut + "\u200b" * short.count(cut))
    return top.assign(_long=long, _short=short)


def previous_marks(
    chart: Chart, top: pd.DataFrame, previous: pd.DataFrame | None, value: str
) -> list[dict[str, Any]]:
    """Return a trace with the value of the previous release for each bar, or no trace without a release."""
    if previous is None:
        return []
    before = previous.set_index(chart.by[0])[value].reindex(top[chart.by[0]])
    marks = {
        "type": "scatter",
        "x": before.to_numpy(),
        "y": top["_short"].to_numpy(),
        "mode": "markers",
        "name": "Previous release",
        "marker": PREVIOUS_MARK,
        "customdata": top[[chart.by[0]]].to_numpy(),
        "hovertemplate": "Previous release: %{x:,.1f}<extra></extra>",
    }
    return [marks]


def tall(bars: int) -> dict[str, Any]:
    """Return the layout of a figure with `bars` horizontal bars, whose number determines the height."""
    return {
        **LAYOUT,
        "height": max(220, 90 + 26 * bars),
        "yaxis": {"type": "category", "title": {"text": ""}},
    }


PERCENTILES = {"median": 0.5, "90th percentile": 0.9}


def percentile_lines(counts: pd.Series, layout: dict[str, Any]) -> dict[str, Any]:
    """Return the shapes and annotations of `layout`, and those of the median and the 90th percentile.

    `counts` are the numbers of rows by value. A percentile is the smallest value that this share of the rows
    does not exceed (nearest rank). The last value has no line, because it can stand for all larger ones.
    """
    counts = counts.sort_index()
    reached = counts.cumsum() / counts.sum() if counts.sum() else counts
    shapes, notes = list(layout.get("shapes", [])), list(layout.get("annotations", []))
    for row, (name, share) in enumerate(PERCENTILES.items()):
        at = reached.index[reached >= share - 1e-9]
        if not len(at) or at[0] == counts.index[-1]:
            continue
        line = {"type": "line", "x0": float(at[0]), "x1": float(at[0]), "yref": "y domain", "y0": 0, "y1": 1}
        shapes.append({**line, "line": {"color": NEUTRAL, "dash": "dot"}})
        note = {"x": float(at[0]), "y": 1 - 0.09 * (row + 1), "yref": "y domain", "showarrow": False}
        notes.append({**note, "xanchor": "left", "yanchor": "top", "text": f" {name} {float(at[0]):g}"})
    return {"shapes": shapes, "annotations": notes}


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of `hits` in `total`, from 0 to 1 (Wilson 1927)."""
    if not total:
        return 0.0, 1.0
    z, share = 1.959964, hits / total
    middle = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)
