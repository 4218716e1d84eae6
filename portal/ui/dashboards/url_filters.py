"""The filters of a dashboard: what they hold is the URL, and a click on a chart chooses in them too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pandas as pd
import streamlit as st

from portal.dashboards import query_builder
from portal.dashboards.query_builder import Dimension, Facts, Filters, Subject
from portal.privacy.published import PublishedTable
from portal.ui import cache


def _key(subject: Subject, dimension: Dimension) -> str:
    return f"filter-{subject.name}-{dimension.name}"


def draw(subject: Subject, asked: Facts) -> Filters:
    """What the URL says, changed by what is chosen here."""
    choices = cache.ask(asked.choices(subject), asked.release_id).frame
    for key, value in st.session_state.pop(_clicked(subject), {}).items():
        st.session_state[key] = value
    with st.container(border=True):
        listed = [d for d in subject.filters if d.filter == "listed"]
        columns = st.columns(len(listed) + bool(subject.day))
        start = end = None
        if subject.day:
            with columns[0]:
                start, end = _period(subject, choices["first"].iloc[0], choices["last"].iloc[0])
        chosen: dict[str, tuple[str, ...]] = {}
        for column, dimension in zip(columns[-len(listed) :], listed, strict=True):
            with column:
                chosen[dimension.name] = _pick(
                    subject, dimension, query_builder.listed(choices[dimension.name].iloc[0])
                )
        for dimension in subject.filters:
            if dimension.filter == "clicked" and (present := _present(subject, dimension)):
                chosen[dimension.name] = _pick(subject, dimension, present)
        filters = Filters(start, end, {name: values for name, values in chosen.items() if values})
        if filters.chosen or st.query_params.get("from") or st.query_params.get("to"):
            st.button("Clear all filters", on_click=_clear, args=(subject,))
    return filters


def days(subject: Subject) -> tuple[date | None, date | None]:
    """The first and the last day of the data, once the filters are drawn."""
    low, high = st.session_state.get(_days_key(subject), (None, None))
    return low, high


# filters of roles that see published tables: whole months, and values of one dimension


def draw_published(subject: Subject, tables: Callable[[str], PublishedTable | None]) -> Filters:
    """What the URL says of months and of one dimension; `tables` gives the published table of a dimension."""
    offered = [d for d in subject.filters if not d.is_number]
    named = next((d for d in offered if st.query_params.get_all(d.name)), None)
    with st.container(border=True):
        columns = st.columns(3 if subject.day else 2)
        dimension = columns[-2].selectbox(
            "Filter by", [None, *offered], index=offered.index(named) + 1 if named else 0,
            format_func=lambda d: d.label if d else "Nothing", key=f"by-{subject.name}",
        )  # fmt: skip
        table = tables((dimension or offered[0]).name)
        chosen = _values(dimension, table, columns[-1]) if dimension and table else ()
        start, end = _months(subject, table, columns[0]) if subject.day and table else (None, None)
    for other in subject.filters:
        if other is not dimension:
            st.query_params.pop(other.name, None)
    return Filters(start, end, {dimension.name: chosen} if dimension and chosen else {})


def _values(dimension: Dimension, table: PublishedTable, place: Any) -> tuple[str, ...]:
    """A choice among the values that are published."""
    present = [value for value in st.query_params.get_all(dimension.name) if value in table.named]
    chosen = place.multiselect(
        dimension.label, table.named, present, format_func=lambda v: dimension.words.get(v, v),
        placeholder="All", key=f"published-{dimension.name}",
    )  # fmt: skip
    st.query_params[dimension.name] = chosen
    return tuple(chosen)


def _months(subject: Subject, table: PublishedTable, place: Any) -> tuple[date | None, date | None]:
    """Whole months; None at an end that is the data's own."""
    months = table.months
    if len(months) < 2:
        return None, None
    in_url = [
        (_day(st.query_params.get(name)), edge) for name, edge in (("from", months[0]), ("to", months[-1]))
    ]
    wanted = [f"{day:%Y-%m}" if day and f"{day:%Y-%m}" in months else edge for day, edge in in_url]
    first, last = place.select_slider(
        "Months", months, (min(wanted), max(wanted)), key=f"months-{subject.name}"
    )
    start = None if first == months[0] else pd.Period(first, "M").start_time.date()
    end = None if last == months[-1] else pd.Period(last, "M").end_time.date()
    for name, day in (("from", start), ("to", end)):
        if day:
            st.query_params[name] = str(day)
        else:
            st.query_params.pop(name, None)
    return start, end


# filters of roles that see exact figures


def _present(subject: Subject, dimension: Dimension) -> list[str]:
    """The values that are chosen now: by the session, or before its first draw by the URL."""
    key = _key(subject, dimension)
    said = st.session_state[key] if key in st.session_state else st.query_params.get_all(dimension.name)
    return [value for value in said if dimension.allows(value)]


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
    st.session_state.pop(_period_key(subject), None)
    for name in ("from", "to", *(d.name for d in subject.filters)):
        st.query_params.pop(name, None)


def _period_key(subject: Subject) -> str:
    return f"filter-{subject.name}-period"


def _days_key(subject: Subject) -> str:
    """Where the first and the last day of the data are remembered."""
    return f"days-{subject.name}"


def _period(subject: Subject, first: Any, last: Any) -> tuple[date | None, date | None]:
    """The days looked at; None, None where there are none. Half a choice changes nothing yet."""
    if pd.isna(first) or pd.isna(last):
        return None, None
    low, high = pd.Timestamp(first).date(), pd.Timestamp(last).date()
    key = _period_key(subject)
    st.session_state[_days_key(subject)] = low, high
    in_url = [_day(st.query_params.get(name)) for name in ("from", "to")]
    start, end = _between(in_url, low, high)
    held = st.session_state.get(key)
    if held is None or len(held) == 2:
        start, end = _between(held or in_url, low, high)
        st.session_state[key] = (start, end)
    picked = st.date_input("Period", min_value=low, max_value=high, key=key, format="YYYY-MM-DD")
    if not isinstance(picked, tuple) or len(picked) != 2:
        return start, end
    for name, value, edge in (("from", picked[0], low), ("to", picked[1], high)):
        if value == edge:
            st.query_params.pop(name, None)
        else:
            st.query_params[name] = str(value)
    return picked[0], picked[1]


def _between(days: Sequence[date | None], low: date, high: date) -> tuple[date, date]:
    """A period within the data's own."""
    start = min(max(days[0] or low, low), high)
    return start, max(min(days[1] or high, high), start)


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _choice(subject: Subject, dimension: Dimension, values: Sequence[str]) -> tuple[str, Any]:
    """The state of the filter by which these values are chosen: months are the data's days from the first to the last."""
    if dimension.filter != "period":
        return _key(subject, dimension), list(values)
    first, last = (pd.Period(value, "M") for value in (values[0], values[-1]))
    days = first.start_time.date(), last.end_time.date()
    return _period_key(subject), _between(days, *st.session_state[_days_key(subject)])


def _clicked(subject: Subject) -> str:
    """Where a click waits for the next draw: a filter's value is set before it is drawn."""
    return f"clicked-{subject.name}"


def choose(subject: Subject, chosen: Sequence[tuple[Dimension, list[str]]]) -> bool:
    """Have values chosen at the next draw, as a click does; whether that changes anything."""
    wanted = dict(_choice(subject, *each) for each in chosen)
    if all(_holds(key) == value for key, value in wanted.items()):
        return False
    st.session_state[_clicked(subject)] = wanted
    return True


def _holds(key: str) -> Any:
    """What a filter that was drawn holds now, in the order in which a click chooses."""
    held = st.session_state.get(key, [])
    return held if isinstance(held, tuple) else sorted(held)
