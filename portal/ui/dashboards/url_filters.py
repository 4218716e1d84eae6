"""Filters of a dashboard. The URL stores them, and clicks on charts change them, too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pandas as pd
import streamlit as st

from portal.dashboards import query_builder
from portal.dashboards.query_builder import Dataset, Dimension, Filters, QueryBuilder
from portal.reviews import wording
from portal.ui import cache


def _key(dataset: Dataset, dimension: Dimension) -> str:
    return f"filter-{dataset.name}-{dimension.name}"


def draw(dataset: Dataset, release_id: str) -> Filters:
    """Draw the filters, initially with the values in the URL, and return them."""
    choices = cache.aggregate(dataset, QueryBuilder.filter_values, release_id).frame
    _follow_address(dataset)
    for key, value in st.session_state.pop(_click_key(dataset), {}).items():
        st.session_state[key] = value
    with st.container(border=True):
        listed = [d for d in dataset.filters if d.filter == "listed"]
        columns = st.columns(len(listed) + bool(dataset.date_sql))
        start = end = None
        if dataset.date_sql:
            with columns[0]:
                start, end = _period(dataset, choices["first"].iloc[0], choices["last"].iloc[0])
        chosen: dict[str, tuple[str, ...]] = {}
        for column, dimension in zip(columns[-len(listed) :], listed, strict=True):
            with column:
                chosen[dimension.name] = _pick(
                    dataset, dimension, query_builder.split_values(choices[dimension.name].iloc[0])
                )
        chosen |= _clicked(dataset)
        filters = Filters(start, end, {name: values for name, values in chosen.items() if values})
        if filters.chosen or any(st.query_params.get(name) for name in _PERIOD):
            _chips(dataset, filters)
    st.session_state[_address_key(dataset)] = _address(dataset)
    return filters


_PERIOD = ("from", "to", "period")
"""Parameters of the URL that hold the period."""


def _address(dataset: Dataset) -> dict[str, list[str]]:
    """Return the parameters of the URL that hold filters, with their values."""
    names = (*_PERIOD, *(dimension.name for dimension in dataset.filters))
    return {name: found for name in names if (found := st.query_params.get_all(name))}


def _follow_address(dataset: Dataset) -> None:
    """Take the filters from the URL if it is not the one of the last draw, as after Back."""
    drawn = st.session_state.get(_address_key(dataset))
    if drawn is None or drawn == _address(dataset):
        return
    for key in (_period_key(dataset), _preset_key(dataset), *(_key(dataset, d) for d in dataset.filters)):
        st.session_state.pop(key, None)


def _clicked(dataset: Dataset) -> dict[str, tuple[str, ...]]:
    """Return the values of filters that only clicks set, and keep them in the URL."""
    chosen = {}
    for dimension in dataset.filters:
        if dimension.filter == "clicked":
            values = _present(dataset, dimension)
            st.session_state[_key(dataset, dimension)] = values
            st.query_params[dimension.name] = values
            chosen[dimension.name] = tuple(values)
    return chosen


def _chips(dataset: Dataset, filters: Filters) -> None:
    """Draw a button for each chosen value and for a period of one's own; a click on it removes the filter."""
    with st.container(horizontal=True, gap="small"):
        if st.query_params.get("from") and filters.start and filters.end:
            label = f"{filters.start:%-d %b %Y} to {filters.end:%-d %b %Y}"
            _chip(f"chip-{dataset.name}-period", label, _forget_period, dataset)
        for name, values in filters.chosen.items():
            dimension = dataset.dimension(name)
            for value in values:
                label = f"{dimension.label}: {dimension.value_labels.get(value, value)}"
                _chip(f"chip-{dataset.name}-{name}-{value}", label, _remove, dataset, dimension, value)
        st.button("Clear all filters", on_click=_clear, args=(dataset,), type="tertiary")


def _chip(key: str, label: str, action: Callable[..., None], *args: Any) -> None:
    st.button(f"{wording.escape_markdown(label)} ✕", key=key, on_click=action, args=args)


def _remove(dataset: Dataset, dimension: Dimension, value: str) -> None:
    key = _key(dataset, dimension)
    st.session_state[key] = [each for each in st.session_state.get(key, []) if each != value]


def _forget_period(dataset: Dataset) -> None:
    """Return to the period that the page opens with."""
    for key in (_period_key(dataset), _preset_key(dataset)):
        st.session_state.pop(key, None)
    for name in _PERIOD:
        st.query_params.pop(name, None)


def data_range(dataset: Dataset) -> tuple[date | None, date | None]:
    """Return the first and the last date of the data as stored by `draw`, or (None, None)."""
    low, high = st.session_state.get(_range_key(dataset), (None, None))
    return low, high


# filters of roles that see exact counts


def _present(dataset: Dataset, dimension: Dimension) -> list[str]:
    """Return the chosen values that are valid: from session state or, before the first draw, from the URL."""
    key = _key(dataset, dimension)
    chosen = st.session_state[key] if key in st.session_state else st.query_params.get_all(dimension.name)
    return [value for value in chosen if dimension.allows(value)]


def _pick(dataset: Dataset, dimension: Dimension, options: Sequence[str]) -> tuple[str, ...]:
    """Draw a multiple choice that the URL stores; return the chosen values that still exist."""
    key = _key(dataset, dimension)
    st.session_state[key] = [value for value in _present(dataset, dimension) if value in options]
    chosen = st.multiselect(
        dimension.label,
        options,
        format_func=lambda value: dimension.value_labels.get(value, value),
        key=key,
        placeholder="All",
    )
    st.query_params[dimension.name] = chosen
    return tuple(chosen)


def _clear(dataset: Dataset) -> None:
    for dimension in dataset.filters:
        st.session_state[_key(dataset, dimension)] = []
        st.query_params.pop(dimension.name, None)
    _forget_period(dataset)


def _address_key(dataset: Dataset) -> str:
    return f"address-{dataset.name}"


def _period_key(dataset: Dataset) -> str:
    return f"filter-{dataset.name}-period"


def _preset_key(dataset: Dataset) -> str:
    return f"filter-{dataset.name}-preset"


def _range_key(dataset: Dataset) -> str:
    """Return the session-state key of the first and last date of the data."""
    return f"range-{dataset.name}"


PRESETS = {
    "24m": "Last 24 full months",
    "12m": "Last 12 full months",
    "year": "This year",
    "all": "All data",
    "custom": "Custom",
}
"""Periods by their value in the URL; a custom one has its first and last date there instead."""


def preset_period(preset: str, low: date, high: date) -> tuple[date, date]:
    """Return the first and last date of a preset, for data from `low` to `high`.

    The last full month is that of `high`, if `high` is its last day, else the month before.
    """
    if preset == "year":
        return max(date(high.year, 1, 1), low), high
    if preset not in {"12m", "24m"}:
        return low, high
    newest = pd.Period(high, "M")
    last = newest if newest.end_time.date() == high else newest - 1
    if last.end_time.date() < low:
        return low, high
    first = last - (int(preset[:-1]) - 1)
    return max(first.start_time.date(), low), last.end_time.date()


def default_preset(low: date, high: date) -> str:
    """Return the period of a dashboard that is opened without one: 24 months, or all of less data."""
    return "24m" if preset_period("24m", low, high)[0] > low else "all"


def _preset(dataset: Dataset, low: date, high: date) -> str:
    """Draw the choice of a preset, initially that of the URL, and return it."""
    key, usual = _preset_key(dataset), default_preset(low, high)
    if key not in st.session_state:
        has_dates = any(parse_date(st.query_params.get(name)) for name in ("from", "to"))
        in_url = "custom" if has_dates else str(st.query_params.get("period", usual))
        st.session_state[key] = in_url if in_url in PRESETS else usual
    chosen = st.selectbox("Period", list(PRESETS), format_func=lambda name: PRESETS[name], key=key)
    if chosen in {usual, "custom"}:
        st.query_params.pop("period", None)
    else:
        st.query_params["period"] = chosen
    return str(chosen)


def _period(dataset: Dataset, first: Any, last: Any) -> tuple[date | None, date | None]:
    """Draw the choice of the period and return its first and last date, or (None, None) without data.

    While the user has picked only the start of a custom period, return the previous period.
    """
    if pd.isna(first) or pd.isna(last):
        return None, None
    low, high = pd.Timestamp(first).date(), pd.Timestamp(last).date()
    st.session_state[_range_key(dataset)] = low, high
    preset = _preset(dataset, low, high)
    if preset != "custom":
        for name in ("from", "to"):
            st.query_params.pop(name, None)
        start, end = st.session_state[_period_key(dataset)] = preset_period(preset, low, high)
        st.caption(f"{start:%-d %b %Y} to {end:%-d %b %Y}")
        return start, end
    return _custom_period(dataset, low, high)


def _custom_period(dataset: Dataset, low: date, high: date) -> tuple[date, date]:
    key = _period_key(dataset)
    in_url = [parse_date(st.query_params.get(name)) for name in ("from", "to")]
    start, end = _between(in_url, low, high)
    stored = st.session_state.get(key)
    if stored is None or len(stored) == 2:
        start, end = _between(stored or in_url, low, high)
        st.session_state[key] = (start, end)
    picked = st.date_input("First and last date", min_value=low, max_value=high, key=key, format="YYYY-MM-DD")
    if not isinstance(picked, tuple) or len(picked) != 2:
        return start, end
    for name, value in zip(("from", "to"), picked, strict=True):
        st.query_params[name] = str(value)
    return picked[0], picked[1]


def _between(days: Sequence[date | None], low: date, high: date) -> tuple[date, date]:
    """Return the period limited to the dates of the data; without a start or end, use that of the data."""
    start = min(max(days[0] or low, low), high)
    return start, max(min(days[1] or high, high), start)


def parse_date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _stored_filter(dataset: Dataset, dimension: Dimension, values: Sequence[str]) -> dict[str, Any]:
    """Return the session-state keys and values of a filter by `values`; months become a custom period."""
    if dimension.filter != "period":
        return {_key(dataset, dimension): list(values)}
    first, last = (pd.Period(value, "M") for value in (values[0], values[-1]))
    days = first.start_time.date(), last.end_time.date()
    period = _between(days, *st.session_state[_range_key(dataset)])
    return {_period_key(dataset): period, _preset_key(dataset): "custom"}


def _click_key(dataset: Dataset) -> str:
    """Return the session-state key of the filters of a click, which the next `draw` applies."""
    return f"clicked-{dataset.name}"


def choose(dataset: Dataset, chosen: Sequence[tuple[Dimension, list[str]]]) -> bool:
    """Store the filters of a click for the next draw and return True, or False if they are already set."""
    wanted = {key: value for each in chosen for key, value in _stored_filter(dataset, *each).items()}
    if all(_present_value(key) == value for key, value in wanted.items()):
        return False
    st.session_state[_click_key(dataset)] = wanted
    return True


def _present_value(key: str) -> Any:
    """Return the current value of a filter; lists are sorted, as those of a click are."""
    stored = st.session_state.get(key, [])
    return sorted(stored) if isinstance(stored, list) else stored
