"""A dashboard of one dataset: headline figures, charts that filter on click, and the records behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from pipeline.releases.model import Release
from portal.core.errors import ServiceError
from portal.dashboards import query_builder, suppressed_views
from portal.dashboards.query_builder import Chart, Dataset, Filters, QueryBuilder
from portal.releases import service as releases
from portal.ui import cache, exports, names, session, sharing
from portal.ui.dashboards import card, comparison_table, saved_views, url_filters, viewer_filters
from portal.ui.dashboards.headline import Aggregate, Figure, whole
from portal.ui.dashboards.page import Page
from portal.ui.exports import SingleRows


def draw(
    dataset: Dataset,
    charts: Sequence[Chart],
    figures: Callable[[Aggregate], list[Figure]],
    why_empty: Callable[[Release], str] = lambda _: "",
) -> None:
    """Draw the page; `figures` returns the headline figures above the charts.

    `why_empty` says why a release has no rows for this page. If it does, no chart is drawn.
    """
    newest = cache.release_or_stop()
    try:
        saved_views.open_from_url()
        release_id, previous = _release(newest)
        if reason := why_empty(cache.release(release_id)):
            st.info(reason)
            return
        charts = _recorded(charts, release_id)
        zone = _time_zone(dataset, release_id)
        dataset, charts = dataset.in_zone(zone), [each.in_zone(zone) for each in charts]
        page = _page(dataset, charts, release_id, previous)
        with st.spinner("Running queries …"):
            records = _numbers(page, charts, figures)
            if page.is_exact and not records:
                st.info("No records match these filters. Widen the period or clear a filter.")
                return
            saved_views.menu(dataset)
            comparison_table.draw(page, charts)
            _charts(_in_section(charts, dataset), page)
        _records(dataset, page)
    except ServiceError as error:
        session.show_error(error)


# the release


def _time_zone(dataset: Dataset, release_id: str) -> str:
    """Return the hospital's time zone or "several zones"; an empty string if there are no rows or dates."""
    if not dataset.date_sql:
        return ""
    found = cache.aggregate(dataset, QueryBuilder.time_zone, release_id).frame.iloc[0]
    return "several zones" if whole(found["zones"]) > 1 else str(found["zone"] or "")


def _recorded(charts: Sequence[Chart], release_id: str) -> list[Chart]:
    """Return the charts that need no optional field, or one that has a value in the release."""
    needed = {chart.needs: f"count({chart.needs})" for chart in charts if chart.needs}
    if not needed:
        return list(charts)

    def statement(builder: QueryBuilder, rows: Dataset) -> str:
        return builder.aggregates(rows, {f"n_{name}": sql for name, sql in needed.items()}, Filters())

    dataset = next(chart.dataset for chart in charts if chart.needs)
    found = cache.aggregate(dataset, statement, release_id).frame.iloc[0]
    return [chart for chart in charts if not chart.needs or whole(found[f"n_{chart.needs}"])]


def _page(dataset: Dataset, charts: Sequence[Chart], release_id: str, previous: str | None) -> Page:
    """Draw the filters and, if counts are exact, the switch "Safe to share"; return the page's settings."""
    is_synthetic = all(sharing.is_synthetic(each) for each in (release_id, previous) if each)
    is_exact = is_synthetic or session.user().may("query")
    is_safe = sharing.choice(dataset.name, is_synthetic) if is_exact else True
    page = Page(Filters(), release_id, previous, is_exact, is_synthetic, is_safe)
    if not is_exact:
        main = _main_chart(charts)
        published = viewer_filters.draw(
            main.dataset, lambda name: card.table(suppressed_views.by_dimension(main, name), release_id)
        )
        return replace(page, filters=published)
    filters = url_filters.draw(dataset, release_id)
    first, last = url_filters.data_range(dataset)
    page = replace(page, filters=filters, first=first, last=last)
    return comparison_table.choose_period(page, dataset)


def _main_chart(charts: Sequence[Chart]) -> Chart:
    """Return the chart with the most measures among those of kind months or ranking.

    The filters and the headline figures of viewers use its viewer tables.
    """
    counts = [chart for chart in charts if chart.kind in {"months", "ranking"} and not chart.exact_only]
    return max(counts, key=lambda chart: len(chart.measures))


def _release(newest: str) -> tuple[str, str | None]:
    """Return the release in the URL, else the published one, and the release to compare it with or None.

    If the release in the URL is not the published one, say so and draw a button to show the published one.
    """
    shown = st.query_params.get("release") or newest
    if shown != newest:
        st.button(f"Show the published release, {names.release(newest)}", on_click=_show, args=(newest,))
        release = releases.readable(session.context(), shown)
        is_older = release.created_at <= cache.release(newest).created_at
        age = "A newer release exists" if is_older else "It is not published"
        st.info(f"{names.release(shown)} is shown. {age}. The published release is {names.release(newest)}.")
        before = release.parent_release_id
    else:
        before = cache.published().previous_release_id
    st.query_params["release"] = shown
    return shown, _previous(shown, before)


def _show(release_id: str) -> None:
    st.query_params["release"] = release_id
    st.query_params.pop("compare", None)


def _previous(release_id: str, before: str | None) -> str | None:
    """Draw the switch to compare releases; return the release to compare with, None if the switch is off.

    That is the release in the URL, else `before`. Without either, or if `before` was deleted, draw no switch
    and return None.
    """
    named = st.query_params.get("compare")
    if named == "period":
        named = None
    if named and named != before:
        before = releases.readable(session.context(), named).release_id
    elif before and releases.find(session.context(), before) is None:
        st.caption(
            f"The previous release, {names.release(before)}, is no longer stored. There is nothing to "
            "compare with."
        )
        before = None
    if before is None:
        return None
    compare = st.toggle(
        "Compare with the previous release",
        bool(named),
        key=f"compare-{release_id}",
        help=names.release(before),
    )
    if compare:
        st.query_params["compare"] = before
    elif named:
        st.query_params.pop("compare", None)
    return before if compare else None


# numbers and charts


def _numbers(
    page: Page, charts: Sequence[Chart], figures: Callable[[Aggregate], list[Figure]]
) -> float | None:
    """Draw the headline figures; return the number of the first one, which counts the records."""

    def of(shown: Page) -> list[Figure]:
        release = shown.release_id
        filters = shown.filters if page.is_exact else Filters()

        def aggregate(dataset: Dataset, values: Mapping[str, str]) -> pd.Series:
            def statement(builder: QueryBuilder, rows: Dataset) -> str:
                return builder.aggregates(rows, values, filters)

            return cache.aggregate(dataset, statement, release).frame.iloc[0]

        exact = figures(aggregate)
        if page.is_exact:
            return exact
        return [figure.published(_totals(page, charts, release)) for figure in exact]

    now = of(page)
    before = of(page.before) if page.before else [None] * len(now)
    for column, figure, was in zip(st.columns(len(now)), now, before, strict=True):
        change = None
        if was is not None and figure.number is not None and was.number:
            change = f"{figure.change_since(was.number)} (was {was.text})"
        column.metric(figure.label, figure.text, delta=change, delta_color="off")
        if figure.note:
            column.caption(figure.note)
    return now[0].number


def _totals(
    page: Page, charts: Sequence[Chart], release_id: str
) -> Callable[[str], tuple[float, bool]] | None:
    """Return a function that totals a measure under the filters; None without filters or viewer table."""
    filters, main = page.filters, _main_chart(charts)
    dimension, values = next(iter(filters.chosen.items()), (main.by[-1], ()))
    table = card.table(suppressed_views.by_dimension(main, dimension), release_id)
    if table is None or not (values or filters.start or filters.end):
        return None
    periods = suppressed_views.periods_of(table, filters)
    return lambda name: table.total(name, periods, values)


ALL = "All"
"""Section with the charts of all sections, to print or to search the page."""


def _in_section(charts: Sequence[Chart], dataset: Dataset) -> list[Chart]:
    """Draw the choice of a section, initially that of the URL; return its charts.

    Without sections, draw nothing and return all charts.
    """
    names = list(dict.fromkeys(chart.section for chart in charts))
    if len(names) < 2:
        return list(charts)
    by_address = {name.lower(): name for name in (*names, ALL)}
    key, drawn_key = f"section-{dataset.name}", f"section-drawn-{dataset.name}"
    named = st.query_params.get("section", names[0]).lower()
    if named != st.session_state.get(drawn_key):  # at first, and after Back
        st.session_state[key] = by_address.get(named, names[0])
    chosen = st.segmented_control(
        "Charts", [*names, ALL], key=key, required=True, label_visibility="collapsed"
    )
    if chosen == names[0]:
        st.query_params.pop("section", None)
    else:
        st.query_params["section"] = str(chosen).lower()
    st.session_state[drawn_key] = str(chosen).lower()
    return [chart for chart in charts if chosen in (chart.section, ALL)]


def _charts(charts: Sequence[Chart], page: Page) -> None:
    """Draw the charts in two columns, the first across the page if it is by month."""
    charts = [chart for chart in charts if page.is_exact or not chart.exact_only]
    wanted = [each for each in (page, page.before) if each]
    cache.prefetch([(c.dataset, card.statement(c, each), each.release_id) for each in wanted for c in charts])
    wide, paired = (charts[:1], charts[1:]) if charts and charts[0].kind in _WIDE else ([], charts)
    for chart in wide:
        card.draw(chart, page)
    for first in range(0, len(paired), 2):
        for side, chart in zip(st.columns(2), paired[first : first + 2], strict=False):
            with side:
                card.draw(chart, page)


_WIDE = {"months", "pyramid"}
"""Kinds of charts that are drawn across the page where they come first."""


# the rows behind the charts


def _records(dataset: Dataset, page: Page) -> None:
    if not session.user().may("query"):
        return
    wanted = st.toggle("Show records", st.query_params.get("rows") == "yes", key=f"rows-{dataset.name}")
    if not wanted:
        st.query_params.pop("rows", None)
        return
    st.query_params["rows"] = "yes"
    answer = query_builder.rows(session.context(), page.release_id, dataset, page.filters)
    if answer.frame.empty:
        st.info("No records match these filters.")
        return
    st.dataframe(answer.frame, hide_index=True, width="stretch", column_config=session.numbers(answer.frame))
    most = query_builder.MOST_ROWS
    limit = f"The newest {most:,}; " if len(answer.frame) == most else ""
    st.caption(f"{limit}{names.as_of(answer)}")
    words = page.filters.describe(dataset)
    exports.button(
        "CSV of these rows",
        lambda _: exports.csv(answer.frame, answer, words, page.small_counts),
        f"{dataset.name}-{page.release_id}.csv",
        rows=SingleRows({"dataset": dataset.name, "release": page.release_id}),
        key=f"rows-{dataset.name}-csv",
        disabled=page.is_safe,
        help="Records are not safe to share. Turn off Safe to share first." if page.is_safe else None,
    )
