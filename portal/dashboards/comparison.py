"""Comparison with another period or release: the filters of the previous period, and a table of measures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, timedelta

import pandas as pd

from pipeline.contracts.measures import MeasureContract
from portal.dashboards.query_builder import Filters

Value = Callable[[MeasureContract], float | None]
"""Returns the value of a measure; None if there is nothing to measure."""


def previous_period(filters: Filters) -> Filters | None:
    """Return the filters of the period of the same length just before; None without a start and an end.

    Before whole months are as many whole months, before other periods as many days.
    """
    start, end = filters.start, filters.end
    if start is None or end is None:
        return None
    if months := months_in(start, end):
        first = (pd.Period(start, "M") - months).start_time.date()
    else:
        first = start - (end - start) - timedelta(days=1)
    return replace(filters, start=first, end=start - timedelta(days=1))


def months_in(start: date, end: date) -> int:
    """Return the number of months of a period of whole months, else 0."""
    first, last = pd.Period(start, "M"), pd.Period(end, "M")
    is_whole = start == first.start_time.date() and end == last.end_time.date()
    return (last.ordinal - first.ordinal + 1) if is_whole else 0


def later_by(frame: pd.DataFrame, months: int) -> pd.DataFrame:
    """Return groups with their months moved, so that a previous period lies over the present one."""
    if "month" not in frame or not months:
        return frame
    moved = [str(pd.Period(month, "M") + months) for month in frame["month"]]
    return frame.assign(month=pd.array(moved, dtype="string"))


def table(contracts: Iterable[MeasureContract], before: Value, now: Value) -> pd.DataFrame:
    """Return one row per measure with its value before and now and the change, as text."""
    rows = []
    for contract in contracts:
        was, present = before(contract), now(contract)
        rows.append(
            {
                "Measure": contract.name,
                "Before": text(contract, was),
                "Now": text(contract, present),
                "Change": change(contract, was, present),
                "Unit": contract.unit,
            }
        )
    return pd.DataFrame(rows)


def text(contract: MeasureContract, value: float | None) -> str:
    """Return a value as text: "1,234", "13.4 %" or "3.0"."""
    if value is None:
        return "–"
    if contract.kind == "rate":
        return f"{100 * value:.1f} %"
    return f"{value:,.1f}" if contract.kind in {"mean", "median"} else f"{value:,.0f}"


def change(contract: MeasureContract, before: float | None, now: float | None) -> str:
    """Return the change as text: "+12 (+1.3 %)", or "+0.4 points" for a rate; empty without both values."""
    if before is None or now is None:
        return ""
    difference = now - before
    if contract.kind == "rate":
        return f"{100 * difference:+.1f} points" if abs(difference) >= 0.0005 else "unchanged"
    if not difference:
        return "unchanged"
    sign = "+" if difference > 0 else "\N{MINUS SIGN}"
    amount = f"{sign}{text(contract, abs(difference))}"
    return f"{amount} ({100 * difference / abs(before):+.1f} %)" if before else amount
