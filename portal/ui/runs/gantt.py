"""Gantt chart of the job runs of a run, with median durations."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.express as px
import plotly.graph_objects as go

from portal.core.vocabulary import STATES
from portal.ui.dashboards.figure_parts import LAYOUT
from portal.ui.theme import REFERENCE, STRONG


def draw(frame: pd.DataFrame, medians: Mapping[str, float], zone: str = "UTC") -> go.Figure:
    """Return job runs as bars over time.

    A mark shows when the latest run of a job reaches the median duration of the job. `frame` has the columns
    job, attempt, started_at, ended_at and state; `medians` are seconds by job. Plotly does not support time
    zones, so timestamps are converted to local time in `zone`.
    """
    frame = frame.assign(**{n: pd.to_datetime(frame[n], utc=True) for n in ("started_at", "ended_at")})
    local = frame.assign(
        **{n: frame[n].dt.tz_convert(zone).dt.tz_localize(None) for n in ("started_at", "ended_at")}
    )
    colors = {STATES[name]: color for name, color in STRONG.items()}
    drawn = px.timeline(
        local,
        x_start="started_at",
        x_end="ended_at",
        y="job",
        color="state",
        color_discrete_map=colors,
        custom_data=[frame["attempt"], *_hover_times(frame, zone)],
    )
    drawn.update_traces(
        hovertemplate="<b>%{y}</b>, attempt %{customdata[0]}<br>%{customdata[1]}<br>%{customdata[2]}"
        "<extra>%{fullData.name}</extra>"
    )
    last = local.sort_values("started_at").groupby("job").tail(1)
    known = last[last["job"].isin(list(medians))]
    if len(known):
        drawn.add_scatter(
            x=known["started_at"] + pd.to_timedelta(known["job"].map(medians), unit="s"),
            y=known["job"],
            mode="markers",
            name="Median end",
            marker={"symbol": "line-ns-open", "size": 16, "color": REFERENCE, "line": {"width": 3}},
            customdata=known["job"].map(medians),
            hovertemplate="%{y}: median %{customdata:.0f} s<extra></extra>",
        )
    drawn.update_yaxes(autorange="reversed", title="")
    drawn.update_xaxes(title=f"Time of day ({zone})", tickformat="%H:%M:%S", hoverformat="%H:%M:%S")
    return drawn.update_layout(**{**LAYOUT, "height": 160 + 26 * frame["job"].nunique()})


def _hover_times(frame: pd.DataFrame, zone: str) -> list[list[str]]:
    """Return two lists with start and end of each bar as text: in `zone`, and in UTC unless `zone` is UTC."""

    def spans(name: str) -> list[str]:
        starts, ends = (
            frame[n].dt.tz_convert(name).dt.strftime("%H:%M:%S") for n in ("started_at", "ended_at")
        )
        return [f"{start} to {end} {name}" for start, end in zip(starts, ends, strict=True)]

    return [spans(zone), spans("UTC") if zone != "UTC" else [""] * len(frame)]
