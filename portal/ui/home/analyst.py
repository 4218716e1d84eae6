"""Home of analysts: the key measures with their trend and the change since the previous release."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from pipeline.releases.model import Published, Release
from portal.core.errors import ServiceError
from portal.dashboards import measures
from portal.dashboards.measures import Measure
from portal.dashboards.query_builder import Dataset, Filters, QueryBuilder
from portal.ui import cache, names
from portal.ui.releases import detail

_MONTHS = 24


def draw(published: Published, release: Release) -> None:
    before = detail.previous(release, published)
    now, then = detail.of(release.release_id), detail.of(before.release_id) if before else {}
    trends = {name: trend(measure, release.release_id) for name, measure in measures.MEASURES.items()}
    for column, (name, measure) in zip(
        st.columns(len(measures.MEASURES)), measures.MEASURES.items(), strict=True
    ):
        column.metric(
            measure.label,
            measure.text(now[name]),
            measure.change(now[name], then.get(name)) or None,
            delta_color="off",
            border=True,
            height="stretch",
            chart_data=trends[name] or None,
            chart_type="line",
        )
    compared = f" Change since {names.release(before.release_id)}." if before else ""
    st.caption(f"Lines are the last {_MONTHS} months with data.{compared}")


def trend(measure: Measure, release_id: str) -> list[float]:
    """Return the value of a measure for each of the last months with data, oldest first."""
    chart = measures.by_month(measure.dataset)

    def statement(builder: QueryBuilder, rows: Dataset) -> str:
        return builder.chart_sql(replace(chart, dataset=rows), Filters())

    try:
        frame = cache.aggregate(chart.dataset, statement, release_id).frame
    except ServiceError:
        return []
    name = next(name for name, each in measures.MEASURES.items() if each is measure)
    rows = frame.dropna(subset=["month"]).sort_values("month").to_dict("records")
    values = [measure.value({str(k): v for k, v in row.items()}, name) for row in rows[-_MONTHS:]]
    return [value for value in values if value is not None]
