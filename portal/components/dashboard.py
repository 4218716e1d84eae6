"""A dashboard over one subject of the star: its numbers, charts that filter when clicked, and the rows behind them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from portal.components import at_hand, charts, exports, state, url_filters
from portal.services import facts, releases
from portal.services.aws import ServiceError
from portal.services.facts import Facts, Filters, Question, Subject
from portal.services.warehouse import Answer


def draw(
    subject: Subject,
    questions: Sequence[Question],
    figures: Callable[[Ask], list[Figure]],
) -> None:
    """The whole page; `figures` gives the numbers above the charts from the answers to aggregates."""
    newest = at_hand.release_or_stop()
    try:
        release_id, former = _release(newest)
        filters = url_filters.draw(subject, Facts(state.aws(), release_id))
        with st.spinner("Asking Athena …"):
            _numbers(filters, release_id, former, figures)
            _charts(questions, filters, release_id, former)
        _rows(subject, filters, release_id)
    except ServiceError as error:
        state.show_error(error)


Ask = Callable[[Subject, Mapping[str, str]], pd.Series]
"""Answers aggregates by name, as SQL over the subject's measures, of what the filters leave."""


class Figure:
    """A number above the charts; `number` is what a former release's is compared with.

    `counts` are how many rows or people it is of: where one is small, it is shown to those who may see PHI alone.
    """

    def __init__(
        self, label: str, number: float | None, text: str, note: str = "", counts: Sequence[int] = ()
    ) -> None:
        self.label, self.number, self.text, self.note, self.counts = label, number, text, note, counts

    def suppressed(self) -> Figure:
        if not any(0 < count < facts.FEWEST for count in self.counts):
            return self
        return Figure(self.label, None, "–", f"Fewer than {facts.FEWEST}: not shown")


def whole(value: Any) -> int:
    """A count or a sum of Athena's; nothing is 0."""
    return 0 if pd.isna(value) else int(value)


def number(value: Any) -> float | None:
    """A figure of Athena's, or None where there is none."""
    return None if pd.isna(value) else float(value)


# the release


def _release(newest: str) -> tuple[str, str | None]:
    """The release that the URL names, the published one unless it does; and the one that it is compared with."""
    shown = st.query_params.get("release") or newest
    if shown != newest:
        st.button(f"Show the published release, {newest}", on_click=_show, args=(newest,))
        made = releases.readable(state.aws(), shown)
        age = "A newer release exists" if made.created_at <= _made_at(newest) else "It is not published"
        st.info(f"Release {shown} is shown. {age}; {newest} is the published one.")
        before = made.base_release_id
    else:
        before = at_hand.published().previous_release_id
    st.query_params["release"] = shown
    return shown, _former(shown, before)


@st.cache_data(max_entries=50, show_spinner=False)
def _made_at(release_id: str) -> str:
    return releases.get(state.clients(), release_id).created_at


def _show(release_id: str) -> None:
    st.query_params["release"] = release_id
    st.query_params.pop("compare", None)


def _former(release_id: str, before: str | None) -> str | None:
    """The release before the one that is shown, or that the URL names, where the person wants both."""
    named = st.query_params.get("compare")
    if named and named != before:
        before = releases.readable(state.aws(), named).release_id
    elif before and releases.find(state.aws(), before) is None:
        st.caption(f"The former release, {before}, is not kept any longer: there is nothing to compare with.")
        before = None
    if before is None:
        return None
    compare = st.toggle(
        "Compare with the former release", bool(named), key=f"compare-{release_id}", help=f"Release {before}"
    )
    if compare:
        st.query_params["compare"] = before
    else:
        st.query_params.pop("compare", None)
    return before if compare else None


# numbers and charts


def _numbers(
    filters: Filters,
    release_id: str,
    former: str | None,
    figures: Callable[[Ask], list[Figure]],
) -> None:
    def of(release: str) -> list[Figure]:
        asked = Facts(state.aws(), release)

        def ask(subject: Subject, values: Mapping[str, str]) -> pd.Series:
            return at_hand.ask(asked.figures(subject, values, filters), release).frame.iloc[0]

        told = figures(ask)
        return told if state.user().may("see_phi") else [figure.suppressed() for figure in told]

    now = of(release_id)
    before = of(former) if former else [None] * len(now)
    for column, figure, was in zip(st.columns(len(now)), now, before, strict=True):
        change = None
        if was is not None and figure.number is not None and was.number:
            change = f"{(figure.number - was.number) / abs(was.number):+.1%} (was {was.text})"
        column.metric(figure.label, figure.text, delta=change, delta_color="off")
        if figure.note:
            column.caption(figure.note)


def _charts(questions: Sequence[Question], filters: Filters, release_id: str, former: str | None) -> None:
    """The first chart across the page, the others in two columns."""
    wanted = [release for release in (release_id, former) if release]
    at_hand.ask_together([(Facts(state.aws(), r).question(q, filters), r) for r in wanted for q in questions])
    words = filters.words(questions[0].subject)
    sides: list[Any] = []
    for number, question in enumerate(questions):
        if number % 2 == 1:
            sides = list(st.columns(2))
        with st.container() if number == 0 else sides[(number - 1) % 2]:
            _chart(question, filters, words, release_id, former)


def _asked(question: Question, filters: Filters, release_id: str) -> tuple[Answer, int]:
    """The answer as this person may see it, and of how many groups it leaves the figures out."""
    answer = facts.grouped(
        at_hand.ask(Facts(state.aws(), release_id).question(question, filters), release_id)
    )
    if state.user().may("see_phi"):
        return answer, 0
    frame = question.suppressed(answer.frame)
    return replace(answer, frame=frame), len(frame) - len(charts.shown(question, frame))


def _chart(question: Question, filters: Filters, words: str, release_id: str, former: str | None) -> None:
    answer, hidden = _asked(question, filters, release_id)
    before = _asked(question, filters, former)[0].frame if former else None
    note = f"Counts under {facts.FEWEST}, and those that would give them away, are not shown: {hidden:,} of {len(answer.frame):,} groups."  # fmt: skip
    notes = [question.note, note if hidden else "", charts.cut(question, answer.frame), state.as_of(answer)]
    with st.container(border=True):
        st.markdown(f"#### {question.title}")
        if answer.frame.empty:
            st.info("Nothing fits these filters. Widen the period or clear a filter.")
        elif hidden == len(answer.frame):
            st.info(
                f"Only counts under {facts.FEWEST} fit these filters. Widen the period or clear a filter."
            )
        else:
            figure = _signed(charts.figure(question, answer.frame, before), release_id, former, words)
            _plot(question, figure, words, release_id)
        for said in filter(None, notes):
            st.caption(said)
        if charts.cut(question, answer.frame):
            _table(question, answer.frame, before)
        if not answer.frame.empty:
            _takeaway(question, answer, words, note if hidden else "none left out")


def _table(question: Question, frame: pd.DataFrame, before: pd.DataFrame | None) -> None:
    """All groups of a chart that shows the largest."""
    listed = charts.table(question, frame, before)
    with st.expander(f"All {len(listed):,} as a table"):
        st.dataframe(listed, hide_index=True, width="stretch", column_config=state.numbers(listed))


def _plot(question: Question, figure: go.Figure, words: str, release_id: str) -> None:
    """The figure; a click on it filters the page. Its key changes with the filters, so that no click stays."""
    key = f"{question.key}-{abs(hash((words, release_id))):x}"
    config = {
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "displayModeBar": True,
        "toImageButtonOptions": {"filename": f"{question.key}-{release_id}", "scale": 2},
    }
    if not question.click:
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


def _signed(figure: go.Figure, release_id: str, former: str | None, words: str) -> go.Figure:
    """The figure with release and filters inside it: a picture of it that is saved says what it shows."""
    beside = f", beside {former}" if former else ""
    said = f"Release {release_id}{beside}; filters: {words}"
    lines = "<br>".join(textwrap.wrap(said, 70)[:3])
    place = {"x": 0, "xref": "container", "xanchor": "left", "y": 0, "yref": "container", "yanchor": "bottom"}
    margin = dict(figure.layout.margin.to_plotly_json())
    return figure.update_layout(
        title={"text": lines, "font": {"size": 10, "weight": "normal"}, "pad": {"l": 8, "b": 4}, **place},
        margin={**margin, "b": 88},
        height=figure.layout.height + 80,
    )


# taking away


def _takeaway(question: Question, answer: Answer, words: str, note: str) -> None:
    frame = answer.frame
    columns = st.columns(3)
    with columns[0].popover("SQL", width="stretch"):
        st.code(answer.sql, language="sql", wrap_lines=True)
    name = f"{question.key}-{answer.release_id}"
    columns[1].download_button(
        "CSV", state.at_the_click(lambda _: exports.csv(frame, answer, words, note)), f"{name}.csv", "text/csv",
        key=f"{question.key}-csv", width="stretch", on_click="ignore",
    )  # fmt: skip
    columns[2].download_button(
        "Parquet", state.at_the_click(lambda _: exports.parquet(frame, answer, words, note)),
        f"{name}.parquet", "application/vnd.apache.parquet",
        key=f"{question.key}-parquet", width="stretch", on_click="ignore",
    )  # fmt: skip


# the rows behind the charts


def _rows(subject: Subject, filters: Filters, release_id: str) -> None:
    person = state.user()
    if not person.may("query"):
        return
    wanted = st.toggle(
        f"Show the {subject.noun} behind these charts", st.query_params.get("rows") == "yes", key=f"rows-{subject.name}"
    )  # fmt: skip
    if not wanted:
        st.query_params.pop("rows", None)
        return
    st.query_params["rows"] = "yes"
    answer = facts.rows(state.aws(), release_id, subject, filters)
    if answer.frame.empty:
        st.info("Nothing fits these filters.")
        return
    st.dataframe(answer.frame, hide_index=True, width="stretch", column_config=state.numbers(answer.frame))
    least = f"The newest {facts.MOST_ROWS:,}; " if len(answer.frame) == facts.MOST_ROWS else ""
    st.caption(f"{least}{state.as_of(answer)}")
    st.download_button(
        "CSV of these rows", state.at_the_click(lambda _: exports.csv(answer.frame, answer, filters.words(subject))),
        f"{subject.name}-{release_id}.csv", "text/csv", key=f"rows-{subject.name}-csv", on_click="ignore",
    )  # fmt: skip
