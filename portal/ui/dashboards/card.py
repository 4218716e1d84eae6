"""A chart on a dashboard, and what of it may be taken away: CSV, Parquet and a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from portal.athena import client as athena_client
from portal.athena.client import QueryResult
from portal.core.context import Context
from portal.dashboards import query_builder, suppressed_views
from portal.dashboards.query_builder import Facts, Filters, Question
from portal.dashboards.suppressed_views import View
from portal.privacy.published import PublishedTable
from portal.ui import cache, exports, session, sharing
from portal.ui.dashboards import figures, picture, url_filters


@dataclass(frozen=True)
class Page:
    """What the charts of a dashboard have in common.

    `is_exact`: the person sees exact figures. `is_safe`: what leaves the page is suppressed. `first` and
    `last` are the days of the data.
    """

    filters: Filters
    release_id: str
    former: str | None = None
    is_exact: bool = True
    is_synthetic: bool = False
    is_safe: bool = True
    first: date | None = None
    last: date | None = None

    @property
    def shared(self) -> Filters:
        """The filters of published views: a period that takes in all of the data is none."""
        filters = self.filters
        start = filters.start if filters.start and self.first and filters.start > self.first else None
        end = filters.end if filters.end and self.last and filters.end < self.last else None
        return replace(filters, start=start, end=end) if self.is_exact else filters

    @property
    def small_counts(self) -> str:
        """What an export says of small counts."""
        return sharing.words(self.is_safe, self.is_synthetic)


def draw(question: Question, page: Page) -> None:
    shown = (
        _exact(question, page, page.release_id)
        if page.is_exact
        else published(question, page.filters, page.release_id)
    )
    answer, former = _answer(question, page, page.release_id), page.former
    before = None
    if former:
        before = (
            _exact(question, page, former) if page.is_exact else published(question, page.filters, former)
        ).frame
    with st.container(border=True):
        st.markdown(f"#### {shown.question.title}")
        if shown.frame is None or shown.frame.empty:
            st.info(shown.note or "Nothing fits these filters. Widen the period or clear a filter.")
            return
        figure = figures.figure(shown.question, shown.frame, before)
        _plot(shown.question, figure, page)
        cut = figures.cut(shown.question, shown.frame)
        for said in filter(None, (question.note, shown.note, cut, session.as_of(answer))):
            st.caption(said)
        if cut:
            listed = figures.table(shown.question, shown.frame, before)
            with st.expander(f"All {len(listed):,} as a table"):
                st.dataframe(listed, hide_index=True, width="stretch", column_config=session.numbers(listed))
        _takeaway(question, page, answer, shown, before)


# groups


def _answer(question: Question, page: Page, release_id: str) -> QueryResult:
    return query_builder.grouped(cache.ask(statement(question, page, release_id), release_id))


def statement(question: Question, page: Page, release_id: str) -> str:
    """The SQL that a chart is made of."""
    asked = Facts(session.context(), release_id)
    return (
        asked.question(question, page.filters)
        if page.is_exact
        else asked.question(suppressed_views.source(question), Filters())
    )


def _exact(question: Question, page: Page, release_id: str) -> View:
    return View(question, _answer(question, page, release_id).frame)


def published(question: Question, filters: Filters, release_id: str) -> View:
    """The chart as sums of published tables."""

    def ask(asked: Question) -> pd.DataFrame:
        return query_builder.grouped(
            cache.ask(Facts(session.context(), release_id).question(asked, Filters()), release_id)
        ).frame

    return suppressed_views.view(question, filters, ask, lambda asked: table(asked, release_id))


def table(question: Question, release_id: str) -> PublishedTable | None:
    """The published table of a count, made once a release."""
    sql = Facts(session.context(), release_id).question(question, Filters())
    return _table(sql, release_id, question)


@st.cache_resource(max_entries=300, show_spinner=False)
def _table(sql: str, release_id: str, _question: Question) -> PublishedTable | None:
    return suppressed_views.table_of(
        _question, lambda _: query_builder.grouped(cache.ask(sql, release_id)).frame
    )


def _at_the_click(context: Context, question: Question, page: Page) -> View:
    """The safe chart, made when a download button is clicked: no page, and so no cache, is there then."""

    def ask(asked: Question) -> pd.DataFrame:
        sql = Facts(context, page.release_id).question(asked, Filters())
        return query_builder.grouped(athena_client.run_query(context, sql, release_id=page.release_id)).frame

    return suppressed_views.view(
        question, page.shared, ask, lambda asked: suppressed_views.table_of(asked, ask)
    )


# the plot


def _plot(question: Question, figure: go.Figure, page: Page) -> None:
    """The figure; a click on it filters the page. Its key changes with the filters, so that no click stays."""
    words = page.filters.words(question.subject)
    key = f"{question.key}-{abs(hash((words, page.release_id))):x}"
    config = {"displaylogo": False, "displayModeBar": False}
    if not question.click or not page.is_exact:
        st.plotly_chart(figure, key=key, config=config, alt=question.title)
        return
    dimensions = [question.subject.dimension(name) for name in question.click]
    labels = " and ".join(dimension.label.lower() for dimension in dimensions)
    figure.update_layout(clickmode="event+select", dragmode=False)
    points = st.plotly_chart(
        figure,
        key=key,
        config=config,
        alt=f"{question.title}. A click filters by {labels}; the filters above do so by keyboard.",
        selection_mode="points",
        on_select="rerun",
    )["selection"]["points"]
    values = [_values(point["customdata"]) for point in points if point.get("customdata") is not None]
    chosen = [(d, sorted({row[n] for row in values})) for n, d in enumerate(dimensions)] if values else []
    if url_filters.choose(question.subject, chosen):
        st.rerun()


def _values(data: Any) -> list[str]:
    """What a point says that a click filters by: custom data come as a list, or as a mapping by position."""
    if isinstance(data, Mapping):
        data = list(data.values())
    return [str(each) for each in data] if isinstance(data, Sequence) and not isinstance(data, str) else [str(data)]  # fmt: skip


# taking away


def _takeaway(
    question: Question, page: Page, answer: QueryResult, shown: View, before: pd.DataFrame | None
) -> None:
    """CSV, Parquet and PNG; with Safe to share on, of the published tables."""
    is_redone = page.is_exact and page.is_safe and not page.is_synthetic
    reason = refusal(question, page) if is_redone else ""
    columns = st.columns(4)
    with columns[0].popover("SQL", width="stretch"):
        st.code(answer.sql, language="sql", wrap_lines=True)
    words, name = page.filters.words(question.subject), f"{question.key}-{answer.release_id}"

    def frame(context: Context) -> pd.DataFrame:
        if not is_redone:
            return shown.frame if shown.frame is not None else pd.DataFrame()
        safe = _at_the_click(context, question, page).frame
        return pd.DataFrame(columns=[*question.by, *question.values]) if safe is None else safe

    for column, label, write, suffix, mime in (
        (columns[1], "CSV", exports.csv, "csv", "text/csv"),
        (columns[2], "Parquet", exports.parquet, "parquet", "application/vnd.apache.parquet"),
    ):
        made = session.deferred_download(partial(_written, write, frame, answer, (words, page.small_counts)))
        column.download_button(
            label, made, f"{name}.{suffix}", mime, key=f"{question.key}-{suffix}", width="stretch",
            on_click="ignore", disabled=bool(reason), help=reason or None,
        )  # fmt: skip
    if columns[3].button(
        "PNG", key=f"{question.key}-png", width="stretch", disabled=bool(reason), help=reason or None
    ):
        _picture(
            published(question, page.shared, page.release_id) if is_redone else shown,
            page,
            None if is_redone else before,
        )


def _written(
    write: Callable[[pd.DataFrame, QueryResult, str, str], str | bytes],
    frame: Callable[[Context], pd.DataFrame],
    answer: QueryResult,
    said: tuple[str, str],
    context: Context,
) -> str | bytes:
    return write(frame(context), answer, *said)


def refusal(question: Question, page: Page) -> str:
    """Why a chart cannot leave with Safe to share on, whatever its figures are; empty where it can."""
    return suppressed_views.refusal(page.filters, page.first, page.last) or suppressed_views.unavailable(
        question, page.shared
    )


@st.dialog("Picture", width="large")
def _picture(shown: View, page: Page, before: pd.DataFrame | None) -> None:
    if shown.frame is None:
        st.info(shown.note)
        return
    former = page.former if before is not None else None
    note = picture.footnote(page.release_id, former, shown.note, f"small counts: {page.small_counts}")
    figure = picture.standalone(
        figures.figure(shown.question, shown.frame, before), shown.question.title,
        f"Filters: {page.filters.words(shown.question.subject)}", note,
    )  # fmt: skip
    config = {
        "displaylogo": False,
        "displayModeBar": True,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"filename": f"{shown.question.key}-{page.release_id}", "scale": 2},
    }
    st.caption("The camera at the top right of the chart saves it as PNG, as it is here.")
    st.plotly_chart(
        figure,
        key=f"{shown.question.key}-picture",
        config=config,
        width="content",
        theme=None,
        alt=shown.question.title,
    )
