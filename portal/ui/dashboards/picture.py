"""A chart as a standalone picture with its title, filters, release and date."""

from __future__ import annotations

import textwrap
from datetime import UTC, datetime

import plotly.graph_objects as go

WIDTH = 960
_LETTERS = 120
"""Characters per line of small text at `WIDTH`."""

_TITLE, _SUBTITLE_LINE, _LINE, _LEGEND_ROW, _AXIS = 48, 24, 17, 22, 62
"""Heights in pixels."""


_TOP_LEFT = {
    "font": {"size": 18},
    "x": 0,
    "xref": "container",
    "xanchor": "left",
    "y": 1,
    "yref": "container",
    "yanchor": "top",
    "pad": {"l": 16, "t": 24},
    "automargin": False,
}


def standalone(figure: go.Figure, title: str, subtitle: str, footnote: str) -> go.Figure:
    """Return a copy of the figure with title, subtitle, legend and footnote inside it."""
    drawn = go.Figure(figure)
    above, below = textwrap.wrap(subtitle, _LETTERS), textwrap.wrap(footnote, _LETTERS)
    legend = _legend_rows(drawn) * _LEGEND_ROW
    top = _TITLE + _SUBTITLE_LINE * len(above) + legend
    bottom = _AXIS + _LINE * len(below) + 8
    plot = int(drawn.layout.height or 320)
    heading = [f"<b>{_plain(title)}</b>"]
    heading += [f"<span style='font-size:12px'>{_plain(line)}</span>" for line in above]
    drawn.update_layout(
        width=WIDTH,
        height=plot + top + bottom,
        margin={"l": 16, "r": 24, "t": top, "b": bottom},
        paper_bgcolor="white",
        title={"text": "<br>".join(heading), **_TOP_LEFT},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom"},
    )
    drawn.add_annotation(
        text="<br>".join(map(_plain, below)),
        showarrow=False,
        align="left",
        font={"size": 12},
        x=0,
        xref="paper",
        xanchor="left",
        y=0,
        yref="paper",
        yanchor="top",
        yshift=-_AXIS,
    )
    return drawn


def footnote(release_id: str, previous: str | None, note: str, small_counts: str) -> str:
    """Return the footnote of a picture: releases, time, `note` and treatment of small counts."""
    beside = f" compared with {previous}" if previous else ""
    parts = [
        f"Release {release_id}{beside}",
        f"picture of {datetime.now(UTC):%d %b %Y %H:%M} UTC",
        note,
        small_counts,
    ]
    return " · ".join(part.strip().rstrip(".") for part in parts if part)


def _legend_rows(figure: go.Figure) -> int:
    """Return the number of rows of the legend above the plot; 0 for a single trace, which has no legend."""
    names = [str(trace.name) for trace in figure.data if trace.name and trace.showlegend is not False]
    if figure.layout.showlegend is False or len(names) < 2:
        return 0
    return 1 + sum(len(name) + 8 for name in names) // _LETTERS


def _plain(text: str) -> str:
    """Return a text with its markup escaped for Plotly."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
