"""Filters for viewers: whole months, and values of one dimension."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pandas as pd
import streamlit as st

from portal.dashboards.query_builder import Dataset, Dimension, Filters
from portal.privacy.viewer_tables import ViewerTable
from portal.ui.dashboards.url_filters import parse_date


def draw(dataset: Dataset, tables: Callable[[str], ViewerTable | None]) -> Filters:
    """Draw and return filters by month and by one dimension; `tables` returns a dimension's viewer table."""
    offered = [d for d in dataset.filters if not d.is_number]
    named = next((d for d in offered if st.query_params.get_all(d.name)), None)
    with st.container(border=True):
        columns = st.columns(3 if dataset.date_sql else 2)
        dimension = columns[-2].selectbox(
            "Filter by",
            [None, *offered],
            index=offered.index(named) + 1 if named else 0,
            format_func=lambda d: d.label if d else "Nothing",
            key=f"by-{dataset.name}",
        )
        table = tables((dimension or offered[0]).name)
        chosen = _values(dimension, table, columns[-1]) if dimension and table else ()
        start, end = _months(dataset, table, columns[0]) if dataset.date_sql and table else (None, None)
    for other in dataset.filters:
        if other is not dimension:
            st.query_params.pop(other.name, None)
    return Filters(start, end, {dimension.name: chosen} if dimension and chosen else {})


def _values(dimension: Dimension, table: ViewerTable, column: Any) -> tuple[str, ...]:
    """Draw a multiple choice of a dimension's unsuppressed values; return the chosen ones."""
    present = [value for value in st.query_params.get_all(dimension.name) if value in table.named]
    chosen = column.multiselect(
        dimension.label,
        table.named,
        present,
        format_func=lambda v: dimension.value_labels.get(v, v),
        placeholder="All",
        key=f"published-{dimension.name}",
    )
    st.query_params[dimension.name] = chosen
    return tuple(chosen)


def _months(dataset: Dataset, table: ViewerTable, column: Any) -> tuple[date | None, date | None]:
    """Draw a month range; return its first and last day, or None for an end that excludes no data."""
    months = table.months
    if len(months) < 2:
        return None, None
    in_url = [
        (parse_date(st.query_params.get(name)), edge)
        for name, edge in (("from", months[0]), ("to", months[-1]))
    ]
    wanted = [f"{day:%Y-%m}" if day and f"{day:%Y-%m}" in months else edge for day, edge in in_url]
    first, last = column.select_slider(
        "Months", months, (min(wanted), max(wanted)), key=f"months-{dataset.name}"
    )
    start = None if first == months[0] else pd.Period(first, "M").start_time.date()
    end = None if last == months[-1] else pd.Period(last, "M").end_time.date()
    for name, day in (("from", start), ("to", end)):
        if day:
            st.query_params[name] = str(day)
        else:
            st.query_params.pop(name, None)
    return start, end
