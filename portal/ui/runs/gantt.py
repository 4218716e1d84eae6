"""The job runs of a run as bars over time, beside the times that they usually take."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.express as px
import plotly.graph_objects as go

from portal.ui.dashboards.figure_parts import LAYOUT
from portal.ui.theme import STATES, STRONG, USUAL


def draw(frame: pd.DataFrame, medians: Mapping[str, float], zone: str = "UTC") -> go.Figure:
    """Job runs as bars over time, a mark where each would have ended by its median.

    `frame` has the columns job, attempt, started_at, ended_at (moments of any zones), state; `medians` are seconds by
    job. Plotly knows no time zones: moments are handed to it as the clock in `zone` shows them.
    """
    frame = frame.assign(**{n: pd.to_datetime(frame[n], utc=True) for n in ("started_at", "ended_at")})
    local = frame.assign(
        **{n: frame[n].dt.tz_convert(zone).dt.tz_localize(None) for n in ("started_at", "ended_at")}
    )
    colors = {STATES[name][0]: color for name, color in STRONG.items()}
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
            marker={"symbol": "line-ns-open", "size": 16, "color": USUAL, "line": {"width": 3}},
            customdata=usual["job"].map(medians),
            hovertemplate="%{y}: usually %{customdata:.0f} s<extra></extra>",
        )  # fmt: skip
    drawn.update_yaxes(autorange="reversed", title="")
    drawn.update_xaxes(title=f"Time of day ({zone})", tickformat="%H:%M:%S", hoverformat="%H:%M:%S")
    return drawn.update_layout(**{**LAYOUT, "height": 160 + 26 * frame["job"].nunique()})


def _hover_times(frame: pd.DataFrame, zone: str) -> list[list[str]]:
    """From when to when in the zone, and the same in UTC where that is another."""

    def spans(name: str) -> list[str]:
        starts, ends = (
            frame[n].dt.tz_convert(name).dt.strftime("%H:%M:%S") for n in ("started_at", "ended_at")
        )
        return [f"{start} to {end} {name}" for start, end in zip(starts, ends, strict=True)]

    return [spans(zone), spans("UTC") if zone != "UTC" else [""] * len(frame)]
