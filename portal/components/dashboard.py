"""A dashboard over one subject of the star: filters that are the URL, charts that filter when clicked, rows behind them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from portal.components import charts, exports, state
from portal.services import facts
from portal.services.aws import ServiceError
from portal.services.facts import Dimension, Facts, Filters, Question, Subject
from portal.services.warehouse import Answer


def draw(
    subject: Subject,
    questions: Sequence[Question],
    figures: Callable[[Callable[[Mapping[str, str]], pd.Series]], list[Figure]],
) -> None:
    """The whole page; `figures` gives the numbers above the charts from the answers to aggregates."""
    release_id = state.release_or_stop()
    try:
        filters, former = _filters(subject, Facts(state.aws(), release_id))
        with st.spinner("Asking Athena …"):
            _numbers(subject, filters, release_id, former, figures)
            _charts(questions, filters, release_id, former)
        _rows(subject, filters, release_id)
    except ServiceError as error:
        state.show_error(error)


class Figure:
    """A number above the charts; `number` is what a former release's is compared with."""

    def __init__(self, label: str, number: float | None, text: str, note: str = "") -> None:
        self.label, self.number, self.text, self.note = label, number, text, note


# filters


def _key(subject: Subject, dimension: Dimension) -> str:
    return f"filter-{subject.name}-{dimension.name}"


def _filters(subject: Subject, asked: Facts) -> tuple[Filters, str | None]:
    """What the URL says, changed by what is chosen here; with it the former release, where it is compared with."""
    choices = state.ask(asked.choices(subject), asked.release_id).frame
    for name, values in st.session_state.pop(_clicked(subject), {}).items():
        st.session_state[_key(subject, subject.dimension(name))] = values
    with st.container(border=True):
        listed = [d for d in subject.filters if d.filter == "listed"]
        columns = st.columns(len(listed) + bool(subject.moment))
        start = end = None
        if subject.moment:
            with columns[0]:
                start, end = _period(subject, choices["first"].iloc[0], choices["last"].iloc[0])
        chosen: dict[str, tuple[str, ...]] = {}
        for column, dimension in zip(columns[-len(listed) :], listed, strict=True):
            with column:
                chosen[dimension.name] = _pick(
                    subject, dimension, facts.listed(choices[dimension.name].iloc[0])
                )
        clicked = [d for d in subject.filters if d.filter == "clicked" and _present(subject, d)]
        for dimension in clicked:
            chosen[dimension.name] = _pick(subject, dimension, _present(subject, dimension))
        former = _former()
        filters = Filters(start, end, {name: values for name, values in chosen.items() if values})
        if filters.chosen or st.query_params.get("from") or st.query_params.get("to"):
            st.button("Clear all filters", on_click=_clear, args=(subject,))
    return filters, former


def _present(subject: Subject, dimension: Dimension) -> list[str]:
    """The values that are chosen now: by the session, or before its first draw by the URL."""
    key = _key(subject, dimension)
    return list(st.session_state[key] if key in st.session_state else st.query_params.get_all(dimension.name))


def _pick(subject: Subject, dimension: Dimension, options: Sequence[str]) -> tuple[str, ...]:
    """A multiple choice whose state is the URL's; values that are not there any more are left out."""
    key = _key(subject, dimension)
    st.session_state[key] = [value for value in _present(subject, dimension) if value in options]
    chosen = st.multiselect(
        dimension.label, options, format_func=lambda v: dimension.words.get(v, v), key=key, placeholder="All"
    )
    st.query_params[dimension.name] = chosen
    return tuple(chosen)


def _clear(subject: Subject) -> None:
    for dimension in subject.filters:
        st.session_state[_key(subject, dimension)] = []
    st.session_state.pop(f"filter-{subject.name}-period", None)
    for name in ("from", "to", *(d.name for d in subject.filters)):
        st.query_params.pop(name, None)


def _period(subject: Subject, first: Any, last: Any) -> tuple[date | None, date | None]:
    """The days looked at; None, None is the whole of it."""
    if pd.isna(first) or pd.isna(last):
        return None, None
    low, high = pd.Timestamp(first).date(), pd.Timestamp(last).date()
    given = [_day(st.query_params.get(name)) for name in ("from", "to")]
    start = min(max(given[0] or low, low), high)
    end = max(min(given[1] or high, high), start)
    picked = st.date_input(
        "Period", (start, end), min_value=low, max_value=high, key=f"filter-{subject.name}-period", format="YYYY-MM-DD"
    )  # fmt: skip
    if not isinstance(picked, tuple) or len(picked) != 2:
        return start, end
    for name, value, edge in (("from", picked[0], low), ("to", picked[1], high)):
        if value == edge:
            st.query_params.pop(name, None)
        else:
            st.query_params[name] = str(value)
    return picked[0], picked[1]


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _former() -> str | None:
    """The release before the published one, where the person wants both."""
    former = state.published().previous_release_id
    if former is None:
        return None
    compare = st.toggle(
        "Compare with the former release", st.query_params.get("compare") == "yes", help=f"Release {former}"
    )
    if compare:
        st.query_params["compare"] = "yes"
    else:
        st.query_params.pop("compare", None)
    return former if compare else None


# numbers and charts


def _numbers(
    subject: Subject,
    filters: Filters,
    release_id: str,
    former: str | None,
    figures: Callable[[Callable[[Mapping[str, str]], pd.Series]], list[Figure]],
) -> None:
    def of(release: str) -> list[Figure]:
        asked = Facts(state.aws(), release)
        return figures(
            lambda values: state.ask(asked.figures(subject, values, filters), release).frame.iloc[0]
        )

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
    state.ask_together([(Facts(state.aws(), r).question(q, filters), r) for r in wanted for q in questions])
    words = filters.words(questions[0].subject)
    sides: list[Any] = []
    for number, question in enumerate(questions):
        if number % 2 == 1:
            sides = list(st.columns(2))
        with st.container() if number == 0 else sides[(number - 1) % 2]:
            _chart(question, filters, words, release_id, former)


def _chart(question: Question, filters: Filters, words: str, release_id: str, former: str | None) -> None:
    answer = state.ask(Facts(state.aws(), release_id).question(question, filters), release_id)
    before = (
        state.ask(Facts(state.aws(), former).question(question, filters), former).frame if former else None
    )
    with st.container(border=True):
        st.markdown(f"#### {question.title}")
        if answer.frame.empty:
            st.info("Nothing fits these filters. Widen the period or clear a filter.")
        else:
            figure = _signed(charts.figure(question, answer.frame, before), release_id, words)
            _plot(question, figure, words, release_id)
        if question.note:
            st.caption(question.note)
        st.caption(state.as_of(answer))
        if not answer.frame.empty:
            _takeaway(question, answer, words)


def _plot(question: Question, figure: go.Figure, words: str, release_id: str) -> None:
    """The figure; a click on it filters the page. Its key changes with the filters, so that no click stays."""
    key = f"{question.key}-{abs(hash((words, release_id))):x}"
    config = {
        "displaylogo": False,
        "toImageButtonOptions": {"filename": f"{question.key}-{release_id}", "scale": 2},
    }
    if question.click is None:
        st.plotly_chart(figure, key=key, config=config, alt=question.title)
        return
    dimension = question.subject.dimension(question.click)
    figure.update_layout(clickmode="event+select", dragmode=False)
    points = st.plotly_chart(
        figure,
        key=key,
        config=config,
        alt=f"{question.title}. A click filters by {dimension.label.lower()}; the filter above does so by keyboard.",
        selection_mode="points",
        on_select="rerun",
    )["selection"]["points"]
    values = {str(_first(point["customdata"])) for point in points if point.get("customdata") is not None}
    if values and sorted(values) != sorted(_present(question.subject, dimension)):
        st.session_state[_clicked(question.subject)] = {dimension.name: sorted(values)}
        st.rerun()


def _clicked(subject: Subject) -> str:
    """Where a click waits for the next draw: a filter's value is set before it is drawn."""
    return f"clicked-{subject.name}"


def _first(data: Any) -> Any:
    """Custom data come as a list, or as a mapping by position."""
    if isinstance(data, Mapping):
        return next(iter(data.values()))
    return data[0] if isinstance(data, Sequence) and not isinstance(data, str) else data


def _signed(figure: go.Figure, release_id: str, words: str) -> go.Figure:
    """The figure with release and filters inside it: a picture of it that is saved says what it shows."""
    said = f"Release {release_id}; filters: {words}"
    lines = "<br>".join(textwrap.wrap(said, 70)[:3])
    place = {"x": 0, "xref": "container", "xanchor": "left", "y": 0, "yref": "container", "yanchor": "bottom"}
    margin = dict(figure.layout.margin.to_plotly_json())
    return figure.update_layout(
        title={"text": lines, "font": {"size": 10, "weight": "normal"}, "pad": {"l": 8, "b": 4}, **place},
        margin={**margin, "b": 88},
        height=figure.layout.height + 80,
    )


# taking away


def _takeaway(question: Question, answer: Answer, words: str) -> None:
    person = state.user()
    frame = answer.frame if person.may("see_phi") else question.suppressed(answer.frame)
    hidden = len(frame) and int(frame.isna().sum().sum() > answer.frame.isna().sum().sum())
    note = f"counts from 1 to {facts.FEWEST - 1} are left empty" if hidden else "none left out"
    columns = st.columns(3)
    with columns[0].popover("SQL", width="stretch"):
        st.code(answer.sql, language="sql", wrap_lines=True)
    name = f"{question.key}-{answer.release_id}"
    columns[1].download_button(
        "CSV", lambda: exports.csv(frame, answer, words, note), f"{name}.csv", "text/csv",
        key=f"{question.key}-csv", width="stretch", on_click="ignore",
    )  # fmt: skip
    columns[2].download_button(
        "Parquet", lambda: exports.parquet(frame, answer, words, note), f"{name}.parquet", "application/vnd.apache.parquet",
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
        "CSV of these rows", lambda: exports.csv(answer.frame, answer, filters.words(subject)),
        f"{subject.name}-{release_id}.csv", "text/csv", key=f"rows-{subject.name}-csv", on_click="ignore",
    )  # fmt: skip
