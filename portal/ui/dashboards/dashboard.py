"""A dashboard over one subject of the star: its numbers, charts that filter when clicked, and the rows behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import streamlit as st

from portal.core.errors import ServiceError
from portal.dashboards import query_builder, suppressed_views
from portal.dashboards.query_builder import Facts, Filters, Question, Subject
from portal.privacy.suppression import MINIMUM_CELL_SIZE, is_small
from portal.releases import service as releases
from portal.ui import cache, exports, session, sharing
from portal.ui.dashboards import card, url_filters
from portal.ui.dashboards.card import Page


def draw(
    subject: Subject,
    questions: Sequence[Question],
    figures: Callable[[Ask], list[Figure]],
) -> None:
    """The whole page; `figures` gives the numbers above the charts from the answers to aggregates."""
    newest = cache.release_or_stop()
    try:
        release_id, former = _release(newest)
        zone = _time_zone(subject, release_id)
        subject, questions = subject.in_zone(zone), [each.in_zone(zone) for each in questions]
        page = _page(subject, questions, release_id, former)
        with st.spinner("Asking Athena …"):
            _numbers(page, questions, figures)
            _charts(questions, page)
        _rows(subject, page)
    except ServiceError as error:
        session.show_error(error)


Ask = Callable[[Subject, Mapping[str, str]], pd.Series]
"""Answers aggregates by name, as SQL over the subject's measures, of what the filters leave."""


@dataclass(frozen=True)
class Figure:
    """A number above the charts; `number` is what a former release's is compared with.

    `counts` are how many rows or people it is of, `share` part and whole of a rate: small ones are suppressed
    for roles that see no exact figures. `adds` names the measure of a published table that it is the total
    of, and its format: such a figure can be filtered by roles that see published tables alone.
    """

    label: str
    number: float | None
    text: str
    note: str = ""
    counts: Sequence[int] = ()
    share: tuple[int, int] | None = None
    adds: tuple[str, Callable[[float], str]] | None = None

    def published(self, total: Callable[[str], tuple[float, bool]] | None) -> Figure:
        """The figure as a sum of published tables; `total` gives their totals where filters are set."""
        if total and self.adds:
            number, is_partial = total(self.adds[0])
            return Figure(self.label, number, ("≥ " if is_partial else "") + self.adds[1](number))
        if total:
            return Figure(self.label, None, "–", "Published for the whole release alone: clear the filters.")
        if self.share and min(self.share[0], self.share[1] - self.share[0]) < MINIMUM_CELL_SIZE:
            return Figure(
                self.label, None, suppressed_views.bounded_share(*self.share), f"Of {self.share[1]:,}"
            )
        if any(map(is_small, self.counts)):
            return Figure(self.label, None, "–", suppressed_views.TOO_FEW)
        return self


def whole(value: Any) -> int:
    """A count or a sum of Athena's; nothing is 0."""
    return 0 if pd.isna(value) else int(value)


def number(value: Any) -> float | None:
    """A figure of Athena's, or None where there is none."""
    return None if pd.isna(value) else float(value)


# the release


def _time_zone(subject: Subject, release_id: str) -> str:
    """Return the time zone of the hospital whose clock the release follows; empty where there is no row."""
    if not subject.day:
        return ""
    told = cache.ask(Facts(session.context(), release_id).time_zone(subject), release_id).frame.iloc[0]
    return "several zones" if whole(told["zones"]) > 1 else str(told["zone"] or "")


def _page(subject: Subject, questions: Sequence[Question], release_id: str, former: str | None) -> Page:
    """Rights and filters, from the URL and the widgets above the charts."""
    is_synthetic = sharing.is_synthetic(release_id)
    is_exact = is_synthetic or session.user().may("query")
    is_safe = sharing.choice(subject.name, is_synthetic) if is_exact else True
    page = Page(Filters(), release_id, former, is_exact, is_synthetic, is_safe)
    asked = Facts(session.context(), release_id)
    if not is_exact:
        base = _base(questions)
        return replace(
            page,
            filters=url_filters.draw_published(
                base.subject, lambda name: card.table(suppressed_views.by_dimension(base, name), release_id)
            ),
        )
    filters = url_filters.draw(subject, asked)
    first, last = url_filters.days(subject)
    return replace(page, filters=filters, first=first, last=last)


def _base(questions: Sequence[Question]) -> Question:
    """The count with the most measures beside it: what headline figures and filters are published by."""
    counts = [question for question in questions if question.kind in {"months", "ranking"}]
    return max(counts, key=lambda question: len(question.values))


def _release(newest: str) -> tuple[str, str | None]:
    """The release that the URL names, the published one unless it does; and the one that it is compared with."""
    shown = st.query_params.get("release") or newest
    if shown != newest:
        st.button(f"Show the published release, {newest}", on_click=_show, args=(newest,))
        made = releases.readable(session.context(), shown)
        age = "A newer release exists" if made.created_at <= _made_at(newest) else "It is not published"
        st.info(f"Release {shown} is shown. {age}; {newest} is the published one.")
        before = made.base_release_id
    else:
        before = cache.published().previous_release_id
    st.query_params["release"] = shown
    return shown, _former(shown, before)


@st.cache_data(max_entries=50, show_spinner=False)
def _made_at(release_id: str) -> str:
    return releases.get(session.process_context(), release_id).created_at


def _show(release_id: str) -> None:
    st.query_params["release"] = release_id
    st.query_params.pop("compare", None)


def _former(release_id: str, before: str | None) -> str | None:
    """The release before the one that is shown, or that the URL names, where the person wants both."""
    named = st.query_params.get("compare")
    if named and named != before:
        before = releases.readable(session.context(), named).release_id
    elif before and releases.find(session.context(), before) is None:
        st.caption(f"The previous release, {before}, is no longer stored. There is nothing to compare with.")
        before = None
    if before is None:
        return None
    compare = st.toggle(
        "Compare with the previous release",
        bool(named),
        key=f"compare-{release_id}",
        help=f"Release {before}",
    )
    if compare:
        st.query_params["compare"] = before
    else:
        st.query_params.pop("compare", None)
    return before if compare else None


# numbers and charts


def _numbers(page: Page, questions: Sequence[Question], figures: Callable[[Ask], list[Figure]]) -> None:
    def of(release: str) -> list[Figure]:
        asked = Facts(session.context(), release)
        filters = page.filters if page.is_exact else Filters()

        def ask(subject: Subject, values: Mapping[str, str]) -> pd.Series:
            return cache.ask(asked.figures(subject, values, filters), release).frame.iloc[0]

        told = figures(ask)
        return (
            told
            if page.is_exact
            else [figure.published(_totals(page, questions, release)) for figure in told]
        )

    now = of(page.release_id)
    before = of(page.former) if page.former else [None] * len(now)
    for column, figure, was in zip(st.columns(len(now)), now, before, strict=True):
        change = None
        if was is not None and figure.number is not None and was.number:
            change = f"{(figure.number - was.number) / abs(was.number):+.1%} (was {was.text})"
        column.metric(figure.label, figure.text, delta=change, delta_color="off")
        if figure.note:
            column.caption(figure.note)


def _totals(
    page: Page, questions: Sequence[Question], release_id: str
) -> Callable[[str], tuple[float, bool]] | None:
    """Totals of the published table under the filters; None where nothing is filtered."""
    filters, base = page.filters, _base(questions)
    dimension, values = next(iter(filters.chosen.items()), (base.by[-1], ()))
    table = card.table(suppressed_views.by_dimension(base, dimension), release_id)
    if table is None or not (values or filters.start or filters.end):
        return None
    periods = suppressed_views.periods_of(table, filters)
    return lambda name: table.total(name, periods, values)


def _charts(questions: Sequence[Question], page: Page) -> None:
    """The first chart across the page, the others in two columns."""
    wanted = [release for release in (page.release_id, page.former) if release]
    cache.ask_together([(card.statement(q, page, r), r) for r in wanted for q in questions])
    sides: list[Any] = []
    for number, question in enumerate(questions):
        if number % 2 == 1:
            sides = list(st.columns(2))
        with st.container() if number == 0 else sides[(number - 1) % 2]:
            card.draw(question, page)


# the rows behind the charts


def _rows(subject: Subject, page: Page) -> None:
    person = session.user()
    if not person.may("query"):
        return
    wanted = st.toggle(
        "Show records", st.query_params.get("rows") == "yes", key=f"rows-{subject.name}"
    )  # fmt: skip
    if not wanted:
        st.query_params.pop("rows", None)
        return
    st.query_params["rows"] = "yes"
    answer = query_builder.rows(session.context(), page.release_id, subject, page.filters)
    if answer.frame.empty:
        st.info("Nothing fits these filters.")
        return
    st.dataframe(answer.frame, hide_index=True, width="stretch", column_config=session.numbers(answer.frame))
    least = (
        f"The newest {query_builder.MOST_ROWS:,}; " if len(answer.frame) == query_builder.MOST_ROWS else ""
    )
    st.caption(f"{least}{session.as_of(answer)}")
    words = page.filters.words(subject)
    st.download_button(
        "CSV of these rows", session.deferred_download(lambda _: exports.csv(answer.frame, answer, words, page.small_counts)),
        f"{subject.name}-{page.release_id}.csv", "text/csv", key=f"rows-{subject.name}-csv", on_click="ignore",
        disabled=page.is_safe, help="Rows are not safe to share: turn off Safe to share first." if page.is_safe else None,
    )  # fmt: skip
