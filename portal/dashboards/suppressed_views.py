"""What a chart shows to who may not open rows: sums of the published tables of one release.

A view takes whole months and values of one dimension as filters. Charts over two attributes (weekday and hour, days
and class) and shares by group are published for the whole release alone.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from portal.dashboards.query_builder import Filters, Question
from portal.privacy.published import OTHER, PublishedTable, publish, publish_stacks
from portal.privacy.suppression import MINIMUM_CELL_SIZE, is_small, pool_shares, pool_small

TOO_FEW = f"Too few records to show (fewer than {MINIMUM_CELL_SIZE})."
POOLED = f"“{OTHER}” pools counts below {MINIMUM_CELL_SIZE} and their complements; totals are exact."
MERGED = f"Hatched months have fewer than {MINIMUM_CELL_SIZE} and are counted with their neighbors."
PARTIAL = "Hatched bars leave out months that are suppressed: at least this many."
BLANK = f"Blank cells: fewer than {MINIMUM_CELL_SIZE}, or suppressed as their complement."
SHARED = f"Hatched points: months with fewer than {MINIMUM_CELL_SIZE} share one rate."
WHOLE_ONLY = "This chart is published for all months and without filters. Clear the filters to see it."
ROWS_ONLY = "Doses of single medications are shown to roles that may open rows."

Ask = Callable[[Question], pd.DataFrame]
"""Answers a question over the whole release."""

Tables = Callable[[Question], PublishedTable | None]
"""Gives the published table of a count (see `table_of`), which callers may cache: it is made once a release."""

Chosen = tuple[str, tuple[str, ...]] | None


@dataclass(frozen=True)
class View:
    """The groups of a chart as they may leave the portal; `frame` is None where none may, and `note` says why.

    `question` is the one that the groups answer: months are stacked by the dimension that is filtered.
    """

    question: Question
    frame: pd.DataFrame | None
    note: str = ""


def whole_months(filters: Filters, first: date, last: date) -> bool:
    """Whether the period is made of whole months of data that begin on `first` and end on `last`."""
    start, end = filters.start or first, filters.end or last
    ends_month = end.day == calendar.monthrange(end.year, end.month)[1]
    return (start <= first or start.day == 1) and (end >= last or ends_month)


def refusal(filters: Filters, first: date | None, last: date | None) -> str:
    """Why views with these filters may not leave the portal; empty where they may."""
    if sum(1 for values in filters.chosen.values() if values) > 1:
        return "Filters on more than one attribute cannot be shared safely: keep one of them."
    if first and last and not whole_months(filters, first, last):
        return "Parts of a month cannot be shared safely: choose whole months."
    return ""


def table_of(question: Question, ask: Ask) -> PublishedTable | None:
    """The published table of a count by month and one dimension (`by` of the question)."""
    count = next(name for name, value in question.values.items() if value.is_count)
    month = "month" if question.by[0] == "month" else None
    return publish(ask(question), question.by[-1], count, list(question.values), month)


def by_dimension(question: Question, dimension: str) -> Question:
    """The question that a published table answers: the same counts by month and `dimension`."""
    return replace(question, by=("month", dimension) if question.subject.day else (dimension,))


def unavailable(question: Question, filters: Filters) -> str:
    """Why a chart is not published under these filters; empty where it is."""
    chosen = _chosen(filters)
    if question.kind == "dose":
        return ROWS_ONLY
    if question.kind in {"months", "ranking", "line"}:
        combines = question.kind == "months" or (
            question.kind == "ranking" and chosen and chosen[0] == question.by[0]
        )
        return "" if chosen is None or combines else _uncombined(question, chosen[0])
    return WHOLE_ONLY if chosen or filters.start or filters.end else ""


def source(question: Question) -> Question:
    """The question over the whole release that a chart without filters is made of."""
    if question.kind == "ranking":
        return by_dimension(question, question.by[0])
    if question.part is not None:
        whole = list(question.values)[1]
        return replace(question, by=("month", question.part[0]), values={whole: question.values[whole]})
    return question


def view(question: Question, filters: Filters, ask: Ask, tables: Tables) -> View:
    """Return what may leave the portal of a chart under `filters` that `refusal` accepts."""
    if reason := unavailable(question, filters):
        return View(question, None, reason)
    if question.kind in _BY_MONTH:
        return _BY_MONTH[question.kind](question, filters, tables)
    return _WHOLE[question.kind](question, ask(question))


def _chosen(filters: Filters) -> Chosen:
    return next(((name, values) for name, values in filters.chosen.items() if values), None)


def periods_of(table: PublishedTable, filters: Filters) -> list[int]:
    """The periods that a filter takes in: one that it cuts is taken in whole."""
    return table.between(
        f"{filters.start:%Y-%m}" if filters.start else None, f"{filters.end:%Y-%m}" if filters.end else None
    )


def _uncombined(question: Question, dimension: str) -> str:
    label = question.subject.dimension(dimension).label
    return f"This chart cannot be combined with a filter on {label}. Clear it to see the chart."


def _months(question: Question, filters: Filters, tables: Tables) -> View:
    dimension, values = _chosen(filters) or (question.by[1], ())
    if dimension != question.by[1]:
        label = question.subject.dimension(dimension).label.lower()
        title = f"{question.subject.noun.capitalize()} per month, by {label}"
        question = replace(question, by=("month", dimension), title=title)
    table = tables(question)
    if table is None:
        return View(question, None, TOO_FEW)
    frame = table.by_month(periods_of(table, filters), _published(table, values))
    frame = frame.rename(columns={"value": dimension})
    if frame.empty or (values and not _published(table, values)):
        return View(question, None, TOO_FEW)
    said = [POOLED if (frame[dimension] == OTHER).any() else "", MERGED if frame["is_merged"].any() else ""]
    months = [
        m for n in periods_of(table, filters) if table.periods[n].is_merged for m in table.periods[n].months
    ]
    frame.attrs["merged_months"] = months
    return View(question, frame, " ".join(filter(None, said)))


def _published(table: PublishedTable, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(value for value in values if value in table.named)


def _ranking(question: Question, filters: Filters, tables: Tables) -> View:
    dimension, chosen = question.by[0], _chosen(filters)
    table = tables(source(question))
    if table is None:
        return View(question, None, TOO_FEW)
    values = _published(table, chosen[1]) if chosen else ()
    frame = table.by_value(periods_of(table, filters), values).rename(columns={"value": dimension})
    frame = frame[frame[next(iter(question.values))] > 0].reset_index(drop=True)
    if frame.empty or (chosen and not values):
        return View(question, None, TOO_FEW)
    said = [POOLED if (frame[dimension] == OTHER).any() else "", PARTIAL if frame["is_partial"].any() else ""]
    return View(question, frame, " ".join(filter(None, said)))


def _line(question: Question, filters: Filters, tables: Tables) -> View:
    assert question.part is not None
    hits, whole = question.values
    table = tables(source(question))
    shares = table.share_by_month(whole, question.part[1]) if table else None
    if table is None or shares is None:
        return View(question, None, TOO_FEW)
    months = {m for n in periods_of(table, filters) for m in table.periods[n].months}
    frame = shares[shares["month"].isin(months)].rename(columns={"part": hits, "whole": whole})
    return View(question, frame.reset_index(drop=True), SHARED if frame["is_pooled"].any() else "")


def _shares(question: Question, frame: pd.DataFrame) -> View:
    """Groups with a small part, or a part of zero, are pooled; where the pool has one too, only a bound is told."""
    names = list(question.values)
    parts = frame[names].astype("int64").to_numpy()
    if question.kind == "rate":
        parts = np.column_stack([parts[:, 0] - parts[:, 1], parts[:, 1]])
    pooled, is_there = pool_shares(parts), parts.sum(axis=1) > 0
    if parts.sum() < MINIMUM_CELL_SIZE:
        return View(question, None, TOO_FEW)
    if not pooled.any():
        return View(question, frame[is_there])
    rest = parts[pooled].sum(axis=0)
    other: dict[str, Any] = {
        question.by[0]: OTHER,
        **dict(zip(names, frame[names][pooled].sum(), strict=True)),
    }
    if (rest < MINIMUM_CELL_SIZE).any():
        if question.kind == "parts" or (rest < MINIMUM_CELL_SIZE).all():
            return View(question, None, f"Fewer than {MINIMUM_CELL_SIZE} in a part: no breakdown is shown.")
        other |= {names[1]: None, "is_high": bool(rest[0] < MINIMUM_CELL_SIZE)}
    shown = frame[is_there & ~pooled].astype(dict.fromkeys(names, "Int64"))
    pool = pd.DataFrame([other]).astype(dict.fromkeys(names, "Int64"))
    return View(question, pd.concat([shown, pool], ignore_index=True), POOLED)


def _cells(question: Question, frame: pd.DataFrame) -> View:
    """Cells of two attributes: those that are suppressed, and then those of zero too, are not a number."""
    name = next(iter(question.values))
    if frame[name].sum() < MINIMUM_CELL_SIZE:
        return View(question, None, TOO_FEW)
    day, hour = question.by
    every = pd.MultiIndex.from_product([range(1, 8), range(24)], names=[day, hour])
    cells = frame.astype("int64").set_index([day, hour])[name].reindex(every, fill_value=0)
    pooled = pool_small(cells.to_list())
    if pooled.any():
        cells = cells.astype("Int64").mask(pooled | (cells == 0))
    return View(question, cells.reset_index(), BLANK if pooled.any() else "")


def _stacks(question: Question, frame: pd.DataFrame) -> View:
    row, column = question.by
    count = next(iter(question.values))
    if frame.empty:
        return View(question, None, TOO_FEW)
    stacks = publish_stacks(frame, row, column, count, _ordered(frame[row]))
    if stacks.empty:
        return View(question, None, TOO_FEW)
    return View(question, stacks, POOLED if (stacks[column] == OTHER).any() else "")


def _ordered(rows: pd.Series) -> list[str]:
    """All rows in order: numbers without a gap at their own step, texts by the number that they begin with."""
    if pd.api.types.is_numeric_dtype(rows):
        numbers = sorted({int(each) for each in rows})
        step = int(np.gcd.reduce(np.diff(numbers))) if len(numbers) > 1 else 1
        return [str(each) for each in range(numbers[0], numbers[-1] + 1, step)]
    return sorted({str(each) for each in rows}, key=_beginning)


def _beginning(text: str) -> tuple[int, str]:
    digits = "".join(c for c in text.split("-", 1)[0] if c.isdigit())
    return (int(digits) if digits else -1), text


_BY_MONTH = {"months": _months, "ranking": _ranking, "line": _line}
_WHOLE = {"rate": _shares, "parts": _shares, "week": _cells, "histogram": _stacks, "pyramid": _stacks}


def bounded_share(part: int, whole: int) -> str:
    """A share in words; of a part or a rest below the minimum, only the bound."""
    if not whole or min(part, whole - part) >= MINIMUM_CELL_SIZE:
        return f"{part / whole:.1%}" if whole else "–"
    if whole < 3 * (MINIMUM_CELL_SIZE - 1):
        return "–"
    is_low = part < MINIMUM_CELL_SIZE
    return f"{'under' if is_low else 'over'} {(MINIMUM_CELL_SIZE if is_low else whole - MINIMUM_CELL_SIZE) / whole:.1%}"


def count_in_words(count: int) -> str:
    return f"fewer than {MINIMUM_CELL_SIZE}" if is_small(count) else f"{count:,}"
