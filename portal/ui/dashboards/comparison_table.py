"""What a dashboard is compared with, and the measures before and now as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.contracts.measures import MeasureContract
from portal.dashboards import comparison
from portal.dashboards.catalog import DATASETS
from portal.dashboards.query_builder import Chart, Dataset, QueryBuilder
from portal.ui import cache, names
from portal.ui.dashboards.page import Page


def choose_period(page: Page, dataset: Dataset) -> Page:
    """Draw the switch to compare with the previous period; return the page with the choice.

    The URL has it as `compare=period`. Without a period, or if releases are compared, draw nothing.
    """
    before = comparison.previous_period(page.filters)
    if before is None or before.end is None or page.previous or not page.first or before.end < page.first:
        return page
    label = f"{before.start:%-d %b %Y} to {before.end:%-d %b %Y}"
    key, drawn_key = f"period-{dataset.name}", f"period-drawn-{dataset.name}"
    named = st.query_params.get("compare") == "period"
    if named != st.session_state.get(drawn_key):
        st.session_state[key] = named
    wanted = st.toggle("Compare with the previous period", key=key, help=label)
    st.session_state[drawn_key] = wanted
    if not wanted:
        if named:
            st.query_params.pop("compare", None)
        return page
    st.query_params["compare"] = "period"
    if before.start and before.start < page.first:
        st.caption(f"The previous period, {label}, begins before the data ({page.first:%-d %b %Y}).")
    return page.compared_with(before)


def draw(page: Page, charts: Sequence[Chart]) -> None:
    """Draw the measures of the charts before and now, if something is compared and counts are exact."""
    if page.before is None or not page.is_exact:
        return
    contracts = {chart.measure: chart.contract for chart in charts if chart.contract}
    shown = comparison.table(contracts.values(), _values(page.before), _values(page))
    st.markdown(f"#### What changed since the {page.before_name.lower()}")
    st.table(shown.set_index("Measure"))
    if page.previous_filters is None:
        st.caption(f"Before: {names.release(page.before.release_id)}. Now: {names.release(page.release_id)}.")


def _values(page: Page) -> comparison.Value:
    def value(contract: MeasureContract) -> float | None:
        dataset = DATASETS[contract.dataset]

        def statement(builder: QueryBuilder, rows: Dataset) -> str:
            return builder.value(rows, contract, page.filters)

        found: Any = cache.aggregate(dataset, statement, page.release_id).frame.iloc[0, 0]
        return None if pd.isna(found) else float(found)

    return value
