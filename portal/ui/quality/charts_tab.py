"""Charts of the release under review: key measures and months before and after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from portal.dashboards import release_comparison as comparison
from portal.dashboards.query_builder import Chart, Dataset, Filters, QueryBuilder
from portal.ui import cache
from portal.ui.quality.shown import Shown
from portal.ui.theme import GRID, MEASURE, PREVIOUS

DASHBOARDS = {
    "encounters": "Encounters",
    "medications": "Medications",
    "orders": "Orders",
    "patients": "Patients",
}


def draw(shown: Shown) -> None:
    """Draw the measures and months of the release beside those of the release that analysts see."""
    before = _before(shown.run_id)
    _links(shown.run_id, before)
    with st.spinner("Running queries …"):
        _measures(shown.run_id, before)
        for column, chart in zip(st.columns(2), comparison.MONTHLY, strict=True):
            with column, st.container(border=True):
                _months(chart, shown.run_id, before)


def _before(release_id: str) -> str | None:
    """Return the published release or, if that is the release itself, the one before; None without any."""
    published = cache.published()
    if published is None:
        return None
    newest, former = str(published.release_id), published.previous_release_id
    return (str(former) if former else None) if newest == release_id else newest


def _links(release_id: str, before: str | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("All charts of this release:", width="content")
        for page, label in DASHBOARDS.items():
            query = {"release": release_id} | ({"compare": before} if before else {})
            st.page_link(f"app_pages/{page}.py", label=label, query_params=query)


def _measures(release_id: str, before: str | None) -> None:
    was = comparison.values(_aggregate(before)) if before else {}
    rows = comparison.compared(was, comparison.values(_aggregate(release_id)))
    if not rows:
        st.info("The release has no records.")
        return
    table = pd.DataFrame(
        {
            "Measure": [each.label for each in rows],
            "Published release": [comparison.text(each.before, each.unit) for each in rows],
            "This release": [comparison.text(each.after, each.unit) for each in rows],
            "Change": [comparison.change_text(each) for each in rows],
        }
    )
    if before is None:
        table = table[["Measure", "This release"]]
        st.caption("No other release is published. There is nothing to compare with.")
    st.dataframe(table, hide_index=True, height="content")


def _aggregate(release_id: str) -> comparison.Aggregate:
    def aggregate(dataset: Dataset, values: Mapping[str, str]) -> pd.Series:
        def statement(builder: QueryBuilder, rows: Dataset) -> str:
            return builder.aggregates(rows, values, Filters())

        return cache.aggregate(dataset, statement, release_id).frame.iloc[0]

    return aggregate


def _months(chart: Chart, release_id: str, before: str | None) -> None:
    was = _counts(chart, before) if before else []
    frame = comparison.months(was, _counts(chart, release_id))
    st.markdown(f"**{chart.title}**")
    st.plotly_chart(
        figure(frame, has_before=before is not None),
        key=chart.key,
        config={"displayModeBar": False},
        alt=f"{chart.title}, before and after this release",
    )


def _counts(chart: Chart, release_id: str) -> list[tuple[str, float]]:
    def statement(builder: QueryBuilder, rows: Dataset) -> str:
        return builder.chart_sql(replace(chart, dataset=rows), Filters())

    frame = cache.aggregate(chart.dataset, statement, release_id).frame
    (measure,) = chart.measures
    return [(str(m), float(n)) for m, n in zip(frame["month"], frame[measure], strict=True) if pd.notna(m)]


def figure(frame: pd.DataFrame, *, has_before: bool) -> go.Figure:
    """Return bars per month of this release, with the published release as a line."""
    drawn = go.Figure()
    drawn.add_bar(x=list(frame.index), y=frame["after"], name="This release", marker_color=MEASURE)
    if has_before:
        drawn.add_scatter(
            x=list(frame.index),
            y=frame["before"],
            name="Published release",
            mode="lines+markers",
            line={"color": PREVIOUS, "width": 2},
        )
    return drawn.update_layout(
        height=280,
        margin={"l": 8, "r": 8, "t": 32, "b": 8},
        legend={"orientation": "h", "y": 1.15, "x": 0},
        yaxis={"rangemode": "tozero", "gridcolor": GRID, "separatethousands": True},
        xaxis={"type": "category"},
    )
