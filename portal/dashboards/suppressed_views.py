"""Charts as viewers see them: sums over the viewer tables of one release, with small counts suppressed.

Filters are limited to whole months and values of one dimension. Charts over two dimensions (weekday and hour,
days and class) and rates by group are shown for the whole release only.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from portal.dashboards.query_builder import Chart, Filters
from portal.privacy.suppression import MINIMUM_CELL_SIZE, is_small, pool_shares, pool_small
from portal.privacy.viewer_tables import OTHER, ViewerTable, viewer_stacks, viewer_table

TOO_FEW = f"Too few records to show (fewer than {MINIMUM_CELL_SIZE})."
POOLED = f"“{OTHER}” pools counts below {MINIMUM_CELL_SIZE} and their complements; totals are exact."
MERGED = f"Hatched months have fewer than {MINIMUM_CELL_SIZE} and are merged with neighboring months."
PARTIAL = "Hatched bars leave out suppressed months: the true number is at least this high."
BLANK = f"Blank cells: fewer than {MINIMUM_CELL_SIZE}, or suppressed as their complement."
SHARED = f"Hatched points: months with fewer than {MINIMUM_CELL_SIZE} share one rate."
WHOLE_ONLY = "This chart is available only for all months and without filters. Clear the filters to see it."
EXACT_ONLY = "This chart is available to analysts, clinicians and engineers."
ROWS_ONLY = "Doses of single medications are available to analysts, clinicians and engineers."

RunChart = Callable[[Chart], pd.DataFrame]
"""Returns the groups of a chart over the whole release."""

Tables = Callable[[Chart], ViewerTable | None]
"""Returns the viewer table of a chart (see `table_of`); callers can cache it per release."""

Chosen = tuple[str, tuple[str, ...]] | None


@dataclass(frozen=True)
class View:
    """The suppressed groups of a chart; `frame` is None if the chart is not available, and `note` says why.

    `chart` can differ from the original: months are stacked by the dimension that is filtered.
    """

    chart: Chart
    frame: pd.DataFrame | None
    note: str = ""


def whole_months(filters: Filters, first: date, last: date) -> bool:
    """Return whether the period consists of whole months, for data from `first` to `last`."""
    start, end = filters.start or first, filters.end or last
    ends_month = end.day == calendar.monthrange(end.year, end.month)[1]
    return (start <= first or start.day == 1) and (end >= last or ends_month)


def refusal(filters: Filters, first: date | None, last: date | None) -> str:
    """Return why charts with these filters are not safe to share, or an empty string."""
    if sum(1 for values in filters.chosen.values() if values) > 1:
        return "Filters on more than one attribute cannot be shared safely. Keep one of them."
    if first and last and not whole_months(filters, first, last):
        return "Parts of a month cannot be shared safely. Select whole months."
    return ""


def table_of(chart: Chart, run_chart: RunChart) -> ViewerTable | None:
    """Return the viewer table of a chart, by its last dimension and by month if the chart has months.

    Return None if the total is less than `MINIMUM_CELL_SIZE`.
    """
    count = next(name for name, measure in chart.measures.items() if measure.is_count)
    month = "month" if chart.by[0] == "month" else None
    return viewer_table(run_chart(chart), chart.by[-1], count, list(chart.measures), month)


def by_dimension(chart: Chart, dimension: str) -> Chart:
    """Return the chart of a viewer table: the measures by `dimension` and, if there are dates, by month."""
    return replace(chart, by=("month", dimension) if chart.dataset.date_sql else (dimension,))


def unavailable(chart: Chart, filters: Filters) -> str:
    """Return why a chart is not available with these filters, or an empty string."""
    chosen = _chosen(filters)
    if chart.exact_only:
        return EXACT_ONLY
    if chart.kind == "dose":
        return ROWS_ONLY
    if chart.kind in {"months", "ranking", "line"}:
        combines = chart.kind == "months" or (chart.kind == "ranking" and chosen and chosen[0] == chart.by[0])
        return "" if chosen is None or combines else _uncombined(chart, chosen[0])
    return WHOLE_ONLY if chosen or filters.start or filters.end else ""


def source(chart: Chart) -> Chart:
    """Return the unfiltered chart that the viewer table of a chart is computed from."""
    if chart.kind == "ranking":
        return by_dimension(chart, chart.by[0])
    if chart.part is not None:
        whole = list(chart.measures)[1]
        return replace(chart, by=("month", chart.part[0]), measures={whole: chart.measures[whole]})
    return chart


def view(chart: Chart, filters: Filters, run_chart: RunChart, tables: Tables) -> View:
    """Return the suppressed view of a chart with `filters` that `refusal` accepts."""
    if reason := unavailable(chart, filters):
        return View(chart, None, reason)
    if chart.kind in _BY_MONTH:
        return _BY_MONTH[chart.kind](chart, filters, tables)
    return _WHOLE[chart.kind](chart, run_chart(chart))


def _chosen(filters: Filters) -> Chosen:
    return next(((name, values) for name, values in filters.chosen.items() if values), None)


def periods_of(table: ViewerTable, filters: Filters) -> list[int]:
    """Return the indexes of the table's periods that overlap the filtered period."""
    return table.between(
        f"{filters.start:%Y-%m}" if filters.start else None, f"{filters.end:%Y-%m}" if filters.end else None
    )


def _uncombined(chart: Chart, dimension: str) -> str:
    label = chart.dataset.dimension(dimension).label
    return f"This chart cannot be combined with a filter on {label}. Clear it to see the chart."


def _months(chart: Chart, filters: Filters, tables: Tables) -> View:
    dimension, values = _chosen(filters) or (chart.by[1], ())
    if dimension != chart.by[1]:
        label = chart.dataset.dimension(dimension).label.lower()
        title = f"{chart.dataset.noun.capitalize()} per month, by {label}"
        chart = replace(chart, by=("month", dimension), title=title)
    table = tables(chart)
    if table is None:
        return View(chart, None, TOO_FEW)
    frame = table.by_month(periods_of(table, filters), _unsuppressed(table, values))
    frame = frame.rename(columns={"value": dimension})
    if frame.empty or (values and not _unsuppressed(table, values)):
        return View(chart, None, TOO_FEW)
    notes = [POOLED if (frame[dimension] == OTHER).any() else "", MERGED if frame["is_merged"].any() else ""]
    shown = [table.periods[index] for index in periods_of(table, filters)]
    frame.attrs["merged_months"] = [m for period in shown if period.is_merged for m in period.months]
    return View(chart, frame, " ".join(filter(None, notes)))


def _unsuppressed(table: ViewerTable, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(value for value in values if value in table.named)


def _ranking(chart: Chart, filters: Filters, tables: Tables) -> View:
    dimension, chosen = chart.by[0], _chosen(filters)
    table = tables(source(chart))
    if table is None:
        return View(chart, None, TOO_FEW)
    values = _unsuppressed(table, chosen[1]) if chosen else ()
    frame = table.by_value(periods_of(table, filters), values).rename(columns={"value": dimension})
    frame = frame[frame[next(iter(chart.measures))] > 0].reset_index(drop=True)
    if frame.empty or (chosen and not values):
        return View(chart, None, TOO_FEW)
    notes = [POOLED if (frame[dimension] == OTHER).any() else ""]
    notes += [PARTIAL if frame["is_partial"].any() else ""]
    return View(chart, frame, " ".join(filter(None, notes)))


def _line(chart: Chart, filters: Filters, tables: Tables) -> View:
    assert chart.part is not None
    hits, whole = chart.measures
    table = tables(source(chart))
    shares = table.share_by_month(whole, chart.part[1]) if table else None
    if table is None or shares is None:
        return View(chart, None, TOO_FEW)
    months = {m for n in periods_of(table, filters) for m in table.periods[n].months}
    frame = shares[shares["month"].isin(months)].rename(columns={"part": hits, "whole": whole})
    return View(chart, frame.reset_index(drop=True), SHARED if frame["is_pooled"].any() else "")


def _shares(chart: Chart, frame: pd.DataFrame) -> View:
    """Return a view with all groups that have a small or zero part pooled.

    If a part of the pool is small, too, the view shows a bound of the pooled rate, or nothing.
    """
    names = list(chart.measures)
    parts = frame[names].astype("int64").to_numpy()
    if chart.kind == "rate":
        parts = np.column_stack([parts[:, 0] - parts[:, 1], parts[:, 1]])
    pooled, is_there = pool_shares(parts), parts.sum(axis=1) > 0
    if parts.sum() < MINIMUM_CELL_SIZE:
        return View(chart, None, TOO_FEW)
    if not pooled.any():
        return View(chart, frame[is_there])
    rest = parts[pooled].sum(axis=0)
    other: dict[str, Any] = {
        chart.by[0]: OTHER,
        **dict(zip(names, frame[names][pooled].sum(), strict=True)),
    }
    if (rest < MINIMUM_CELL_SIZE).any():
        if chart.kind == "parts" or (rest < MINIMUM_CELL_SIZE).all():
            return View(
                chart, None, f"No breakdown is shown, because a part has fewer than {MINIMUM_CELL_SIZE}."
            )
        other |= {names[1]: None, "is_high": bool(rest[0] < MINIMUM_CELL_SIZE)}
    shown = frame[is_there & ~pooled].astype(dict.fromkeys(names, "Int64"))
    pool = pd.DataFrame([other]).astype(dict.fromkeys(names, "Int64"))
    return View(chart, pd.concat([shown, pool], ignore_index=True), POOLED)


def _cells(chart: Chart, frame: pd.DataFrame) -> View:
    """Return a view of weekday and hour without small cells; if there are any, zero cells are blank, too."""
    name = next(iter(chart.measures))
    if frame[name].sum() < MINIMUM_CELL_SIZE:
        return View(chart, None, TOO_FEW)
    day, hour = chart.by
    every = pd.MultiIndex.from_product([range(1, 8), range(24)], names=[day, hour])
    cells = frame.astype("int64").set_index([day, hour])[name].reindex(every, fill_value=0)
    pooled = pool_small(cells.to_list())
    if pooled.any():
        cells = cells.astype("Int64").mask(pooled | (cells == 0))
    return View(chart, cells.reset_index(), BLANK if pooled.any() else "")


def _stacks(chart: Chart, frame: pd.DataFrame) -> View:
    row, column = chart.by
    count = next(iter(chart.measures))
    if frame.empty:
        return View(chart, None, TOO_FEW)
    stacks = viewer_stacks(frame, row, column, count, _ordered(frame[row]))
    if stacks.empty:
        return View(chart, None, TOO_FEW)
    return View(chart, stacks, POOLED if (stacks[column] == OTHER).any() else "")


def _ordered(rows: pd.Series) -> list[str]:
    """Return the labels of all rows in order: numbers without gaps, text by its leading number."""
    if pd.api.types.is_numeric_dtype(rows):
        numbers = sorted({int(each) for each in rows})
        step = int(np.gcd.reduce(np.diff(numbers))) if len(numbers) > 1 else 1
        return [str(each) for each in range(numbers[0], numbers[-1] + 1, step)]
    return sorted({str(each) for each in rows}, key=_leading_number)


def _leading_number(text: str) -> tuple[int, str]:
    digits = "".join(c for c in text.split("-", 1)[0] if c.isdigit())
    return (int(digits) if digits else -1), text


_BY_MONTH = {"months": _months, "ranking": _ranking, "line": _line}
_WHOLE = {"rate": _shares, "parts": _shares, "week": _cells, "histogram": _stacks, "pyramid": _stacks}


def bounded_share(part: int, whole: int) -> str:
    """Return a share as text; if the part or the rest is small, only a bound.

    Return "–" if `whole` is zero, or too small for a bound.
    """
    if not whole or min(part, whole - part) >= MINIMUM_CELL_SIZE:
        return f"{part / whole:.1%}" if whole else "–"
    if whole < 3 * (MINIMUM_CELL_SIZE - 1):
        return "–"
    if part < MINIMUM_CELL_SIZE:
        return f"under {MINIMUM_CELL_SIZE / whole:.1%}"
    return f"over {(whole - MINIMUM_CELL_SIZE) / whole:.1%}"


def count_in_words(count: int) -> str:
    """Return a count as text; "fewer than 11" for a small count."""
    return f"fewer than {MINIMUM_CELL_SIZE}" if is_small(count) else f"{count:,}"
