"""A chart on a dashboard with its menu: table, CSV, Parquet, PNG, definition and SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from portal.athena import client as athena_client
from portal.athena.client import QueryResult
from portal.athena.readable_sql import readable
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.dashboards import comparison, query_builder, suppressed_views
from portal.dashboards.in_memory import Statement
from portal.dashboards.query_builder import Chart, Filters, QueryBuilder
from portal.dashboards.suppressed_views import View
from portal.privacy.viewer_tables import ViewerTable
from portal.ui import cache, exports, names, session
from portal.ui.dashboards import figures, picture, quality_badge, url_filters
from portal.ui.dashboards.page import Page


def draw(chart: Chart, page: Page) -> None:
    """Draw a chart with its title, a menu (table, downloads, definition, SQL) and one line of notes."""
    shown = _view(chart, page, page.release_id)
    answer = _result(chart, page, page.release_id)
    before = _before(chart, page)
    with st.container(border=True, height="stretch"):
        title, menu = st.columns([7, 1], vertical_alignment="center")
        title.markdown(f"#### {shown.chart.title}", help=chart.explanation or None)
        shown = _as_chosen(shown)
        if shown.frame is not None and not shown.frame.empty:
            with menu:
                _menu(chart, page, answer, shown, before)
        if shown.frame is None or shown.frame.empty:
            st.info(shown.note or "No records match these filters. Widen the period or clear a filter.")
            return
        figure = figures.figure(shown.chart, shown.frame, before, page.before_name)
        _annotate(figure, shown)
        _plot(shown.chart, figure, page)
        quality_badge.draw(chart, page.release_id)
        if notes := " ".join(filter(None, (shown.note, figures.cut(shown.chart, shown.frame)))):
            st.caption(notes)


def _as_chosen(shown: View) -> View:
    """Draw the choice of a funnel plot below a rate without suppressed groups; return the view as chosen."""
    frame, key = shown.frame, f"{shown.chart.key}-view"
    if shown.chart.kind != "rate" or frame is None or frame[list(shown.chart.measures)].isna().any(axis=None):
        return shown
    chosen = st.segmented_control(
        "View", ["Bars", "Funnel plot"], default="Bars", required=True, key=key, label_visibility="collapsed"
    )
    return replace(shown, chart=replace(shown.chart, kind="funnel")) if chosen == "Funnel plot" else shown


def _annotate(figure: go.Figure, shown: View) -> None:
    """Mark the annotated months of a chart by month, unless the annotations cannot be read."""
    if shown.chart.by[0] != "month" or shown.frame is None:
        return
    try:
        notes = cache.chart_annotations()
    except ServiceError:
        return
    figures.annotate(figure, [(each.month, each.text) for each in notes], shown.frame["month"].to_list())


def _before(chart: Chart, page: Page) -> pd.DataFrame | None:
    """Return the groups to compare with, months of a previous period moved over the present ones."""
    if page.before is None:
        return None
    frame = _view(chart, page.before, page.before.release_id).frame
    if frame is None or page.previous_filters is None or not (page.filters.start and page.filters.end):
        return frame
    return comparison.later_by(frame, comparison.months_in(page.filters.start, page.filters.end))


# groups


def _result(chart: Chart, page: Page, release_id: str) -> QueryResult:
    return _groups(chart, statement(chart, page), release_id)


def _groups(chart: Chart, statement: Statement, release_id: str) -> QueryResult:
    return query_builder.with_source_rows(cache.aggregate(chart.dataset, statement, release_id))


def statement(chart: Chart, page: Page) -> Statement:
    """Return the statement of a chart: with the page's filters if counts are exact, else without filters."""
    return _of(chart, page.filters) if page.is_exact else _of(suppressed_views.source(chart), Filters())


def _of(chart: Chart, filters: Filters) -> Statement:
    return lambda builder, rows: builder.chart_sql(replace(chart, dataset=rows), filters)


def _view(chart: Chart, page: Page, release_id: str) -> View:
    if page.is_exact:
        return View(chart, _result(chart, page, release_id).frame)
    return published(chart, page.filters, release_id)


def published(chart: Chart, filters: Filters, release_id: str) -> View:
    """Return a chart under `filters`, with small counts suppressed."""

    def run_chart(source: Chart) -> pd.DataFrame:
        return _groups(source, _of(source, Filters()), release_id).frame

    return suppressed_views.view(chart, filters, run_chart, lambda source: table(source, release_id))


def table(chart: Chart, release_id: str) -> ViewerTable | None:
    """Return the viewer table of a chart, cached per release; None if the total count is small."""
    sql = QueryBuilder(session.context(), release_id).chart_sql(chart, Filters())
    return _table(sql, release_id, chart)


@st.cache_resource(max_entries=300, show_spinner=False)
def _table(sql: str, release_id: str, _chart: Chart) -> ViewerTable | None:  # noqa: ARG001  (a part of the key)
    return suppressed_views.table_of(
        _chart, lambda source: _groups(source, _of(source, Filters()), release_id).frame
    )


def _deferred_view(context: Context, chart: Chart, page: Page) -> View:
    """Return the suppressed chart for a download; downloads run outside of a page, so they use no cache."""

    def run_chart(source: Chart) -> pd.DataFrame:
        sql = QueryBuilder(context, page.release_id).chart_sql(source, Filters())
        result = athena_client.run_query(context, sql, release_id=page.release_id)
        return query_builder.with_source_rows(result).frame

    def table(source: Chart) -> ViewerTable | None:
        return suppressed_views.table_of(source, run_chart)

    return suppressed_views.view(chart, page.shared, run_chart, table)


# the plot


def _plot(chart: Chart, figure: go.Figure, page: Page) -> None:
    """Draw the figure. If the chart allows it and counts are exact, a click on the figure filters the page.

    The key depends on the filters and the release, so that a change of either clears the selection.
    """
    words = page.filters.describe(chart.dataset)
    key = f"{chart.key}-{abs(hash((words, page.release_id))):x}"
    config = {"displaylogo": False, "displayModeBar": False}
    if not chart.click or not page.is_exact:
        st.plotly_chart(figure, key=key, config=config, alt=chart.title)
        return
    dimensions = [chart.dataset.dimension(name) for name in chart.click]
    labels = " and ".join(dimension.label.lower() for dimension in dimensions)
    figure.update_layout(clickmode="event+select", dragmode=False)
    points = st.plotly_chart(
        figure,
        key=key,
        config=config,
        alt=f"{chart.title}. Click to filter by {labels}, or use the filters above.",
        selection_mode="points",
        on_select="rerun",
    )["selection"]["points"]
    values = [_values(point["customdata"]) for point in points if point.get("customdata") is not None]
    chosen = [(d, sorted({row[n] for row in values})) for n, d in enumerate(dimensions)] if values else []
    if url_filters.choose(chart.dataset, chosen):
        st.rerun()


def _values(data: Any) -> list[str]:
    """Return the filter values in a point's custom data: a list, a mapping by position, or a single value."""
    if isinstance(data, Mapping):
        data = list(data.values())
    is_list = isinstance(data, Sequence) and not isinstance(data, str)
    return [str(each) for each in data] if is_list else [str(data)]


# the menu


def _menu(chart: Chart, page: Page, answer: QueryResult, shown: View, before: pd.DataFrame | None) -> None:
    """Draw the menu of a chart; "Safe to share" suppresses small counts in its files."""
    is_suppressed_now = page.is_exact and page.is_safe and not page.is_synthetic
    reason = refusal(chart, page) if is_suppressed_now else ""
    words, name = page.filters.describe(chart.dataset), f"{chart.key}-{answer.release_id}"

    def frame(context: Context) -> pd.DataFrame:
        if not is_suppressed_now:
            return shown.frame if shown.frame is not None else pd.DataFrame()
        safe = _deferred_view(context, chart, page).frame
        return pd.DataFrame(columns=[*chart.by, *chart.measures]) if safe is None else safe

    with st.popover("⋮", type="tertiary", help=f"Table, downloads, SQL and definition: {chart.title}"):
        if st.button("Table", key=f"{chart.key}-table", width="stretch"):
            _table_of(shown, before, page.before_name)
        exports.answer_buttons(
            (st, st), frame, answer, (words, page.small_counts), name, refusal=reason, key=chart.key
        )
        if st.button(
            "PNG", key=f"{chart.key}-png", width="stretch", disabled=bool(reason), help=reason or None
        ):
            if is_suppressed_now:
                _picture(published(chart, page.shared, page.release_id), page, None)
            else:
                _picture(shown, page, before)
        if st.button("Definition", key=f"{chart.key}-definition", width="stretch"):
            _definition_of(chart)
        if st.button("SQL", key=f"{chart.key}-sql", width="stretch"):
            _sql_of(chart, answer)
        st.caption(names.as_of(answer))


@st.dialog("Table", width="large")
def _table_of(shown: View, before: pd.DataFrame | None, before_name: str) -> None:
    """Show all groups of a chart, the largest first."""
    assert shown.frame is not None
    listed = figures.table(shown.chart, shown.frame, before, before_name)
    st.markdown(f"**{shown.chart.title}** · {len(listed):,} rows")
    st.dataframe(listed, hide_index=True, width="stretch", column_config=session.numbers(listed))


@st.dialog("Definition", width="large")
def _definition_of(chart: Chart) -> None:
    """Show what the chart counts, of what and without what, with a link to the measure in the dictionary."""
    if contract := chart.contract:
        st.markdown(f"**{contract.name}**")
        st.markdown(contract.definition)
    if chart.note:
        st.markdown(chart.note)
    if chart.contract and st.button("Open in dictionary", key=f"{chart.key}-dictionary"):
        st.switch_page("app_pages/dictionary.py", query_params={"measure": chart.measure})


@st.dialog("SQL", width="large")
def _sql_of(chart: Chart, answer: QueryResult) -> None:
    """Show the statement of a chart; the page SQL, which reads the published release, can open it."""
    sql = readable(answer.sql)
    st.markdown(f"**{chart.title}**")
    st.code(sql, language="sql", wrap_lines=True)
    is_published = cache.published().release_id == answer.release_id
    if session.user().may("query") and is_published and st.button("Open in SQL", key=f"{chart.key}-open"):
        st.session_state["sql"] = sql
        st.switch_page("app_pages/sql.py")


def refusal(chart: Chart, page: Page) -> str:
    """Return why a chart cannot be downloaded with "Safe to share" on, or an empty string."""
    return suppressed_views.refusal(page.filters, page.first, page.last) or suppressed_views.unavailable(
        chart, page.shared
    )


@st.dialog("Picture", width="large")
def _picture(shown: View, page: Page, before: pd.DataFrame | None) -> None:
    if shown.frame is None:
        st.info(shown.note)
        return
    previous = page.previous if before is not None and page.previous_filters is None else None
    note = picture.footnote(page.release_id, previous, shown.note, f"small counts: {page.small_counts}")
    drawn = figures.figure(shown.chart, shown.frame, before, page.before_name)
    _annotate(drawn, shown)
    figure = picture.standalone(
        drawn,
        shown.chart.title,
        f"Filters: {page.filters.describe(shown.chart.dataset)}",
        note,
    )
    config = {
        "displaylogo": False,
        "displayModeBar": True,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"filename": f"{shown.chart.key}-{page.release_id}", "scale": 2},
    }
    st.caption("Click the camera icon at the top right of the chart to save it as PNG.")
    st.plotly_chart(
        figure,
        key=f"{shown.chart.key}-picture",
        config=config,
        width="content",
        theme=None,
        alt=shown.chart.title,
    )
