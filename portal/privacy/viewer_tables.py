"""Tables for viewers: counts by month and by the values of one dimension, suppressed once per release.

Every number that viewers see is a sum over one of these tables, so that two views together disclose no more
than the table. Months with a small total are merged with their neighbors into periods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from portal.privacy.suppression import MINIMUM_CELL_SIZE, Number, fold, merge_runs, pool_small, suppress_table

OTHER = "Other or suppressed"
_ALL_MONTHS = ""

Figures = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Period:
    """Consecutive months with one total.

    `anchor` is the month that a merged period's numbers are assigned to, if there is one.
    """

    months: tuple[str, ...]
    anchor: str | None = None

    @property
    def is_merged(self) -> bool:
        return len(self.months) > 1

    @property
    def label(self) -> str:
        return f"{self.months[0]} to {self.months[-1]}" if self.is_merged else self.months[0]


@dataclass(frozen=True)
class Measure:
    """Numbers of one measure: `cells` by period and value (NaN if suppressed), and their totals."""

    cells: Figures
    by_period: Figures
    by_value: Figures


@dataclass(frozen=True)
class ViewerTable:
    """Measures by period and by value of one dimension, with small counts suppressed.

    The last value is `OTHER` if small values were folded into it.
    """

    periods: tuple[Period, ...]
    values: tuple[str, ...]
    measures: Mapping[str, Measure]

    @property
    def named(self) -> tuple[str, ...]:
        """Return the values that have their own column: all but `OTHER`."""
        return tuple(value for value in self.values if value != OTHER)

    @property
    def months(self) -> tuple[str, ...]:
        return tuple(month for period in self.periods for month in period.months)

    def between(self, first: str | None, last: str | None) -> list[int]:
        """Return the indexes of the periods that overlap the months from `first` to `last` (None: open)."""
        return [
            index
            for index, period in enumerate(self.periods)
            if (first is None or period.months[-1] >= first) and (last is None or period.months[0] <= last)
        ]

    def total(self, name: str, periods: Sequence[int], chosen: Sequence[str] = ()) -> tuple[float, bool]:
        """Return the total of a measure over `periods`, and whether it leaves out suppressed cells.

        The total is over the values `chosen`, or over all values if none is chosen.
        """
        if not chosen:
            return float(self.measures[name].by_period[list(periods)].sum()), False
        rows = self.by_value(periods, chosen)
        return float(rows[name].sum()), bool(rows["is_partial"].any()) or len(rows) < len(chosen)

    def by_value(self, periods: Sequence[int], chosen: Sequence[str] = ()) -> pd.DataFrame:
        """Return one row per value with its sums over `periods`.

        `is_partial` marks sums that leave out suppressed months. Without `chosen`, a row `OTHER` has the
        suppressed rest, so that the rows add up to the total.
        """
        is_whole = len(periods) == len(self.periods)
        columns = self._columns(chosen)
        rows = pd.DataFrame({"value": [self.values[column] for column in columns]})
        for name, measure in self.measures.items():
            cells = measure.cells[np.ix_(list(periods), columns)]
            rows[name] = measure.by_value[columns] if is_whole else np.nansum(cells, axis=0)
            rows["is_partial"] = [not is_whole and bool(np.isnan(column).any()) for column in cells.T]
        if chosen:
            return rows
        return self._with_other(rows, {name: self.total(name, periods)[0] for name in self.measures})

    def _columns(self, chosen: Sequence[str]) -> list[int]:
        """Return the column indexes of the chosen values, or of all named values if none is chosen."""
        return [index for index, value in enumerate(self.values) if value in (chosen or self.named)]

    def by_month(self, periods: Sequence[int], chosen: Sequence[str] = ()) -> pd.DataFrame:
        """Return one row per month and value; without `chosen`, the rows of a month add up to its total.

        The numbers of a merged period are assigned to its anchor or, without one, spread evenly over its
        months.
        """
        parts = []
        for index in periods:
            rows = self._of_period(index, chosen)
            period = self.periods[index]
            at = (period.anchor,) if period.anchor else period.months
            for month in at:
                share = rows.assign(month=month, is_merged=period.is_merged)
                parts.append(share.assign(**{name: share[name] / len(at) for name in self.measures}))
        if not parts:
            return pd.DataFrame(columns=["value", *self.measures, "month", "is_merged"])
        return pd.concat(parts, ignore_index=True)

    def _of_period(self, period: int, chosen: Sequence[str]) -> pd.DataFrame:
        columns = self._columns(chosen)
        rows = pd.DataFrame({"value": [self.values[column] for column in columns]})
        for name, measure in self.measures.items():
            rows[name] = measure.cells[period, columns]
        rows = rows.dropna()
        rows = rows[(rows[list(self.measures)] != 0).any(axis=1)]
        if chosen:
            return rows
        return self._with_other(rows, {name: m.by_period[period] for name, m in self.measures.items()})

    def _with_other(self, rows: pd.DataFrame, totals: Mapping[str, float]) -> pd.DataFrame:
        """Return the rows with a row `OTHER` for the difference between `totals` and their sums, if any."""
        rest = {name: total - rows[name].sum() for name, total in totals.items()}
        if not any(round(each, 6) for each in rest.values()):
            return rows
        other = pd.DataFrame([{"value": OTHER, "is_partial": False, **rest}])
        return pd.concat([rows, other[[n for n in other if n in rows]]], ignore_index=True)

    def share_by_month(self, name: str, value: str) -> pd.DataFrame | None:
        """Return the part of `value` and the whole for each month; None if the value has no own column.

        Months with a small, zero or suppressed part share one part and one whole; `is_pooled` marks them.
        """
        if value not in self.named:
            return None
        measure, column = self.measures[name], self.values.index(value)
        part, whole = measure.cells[:, column], measure.by_period
        pooled = ~(part >= MINIMUM_CELL_SIZE)
        hits = measure.by_value[column] - part[~pooled].sum()
        if pooled.any() and hits < MINIMUM_CELL_SIZE:  # the pool is too small: add the next smallest month
            pooled |= part == part[~pooled].min(initial=np.inf)
            hits = measure.by_value[column] - part[~pooled].sum()
        shares = pd.DataFrame(
            {
                "month": [period.months for period in self.periods],
                "part": np.where(pooled, hits, part),
                "is_pooled": pooled,
                "whole": np.where(pooled, whole[pooled].sum(), whole),
            }
        )
        exploded: pd.DataFrame = shares[whole != 0].explode("month", ignore_index=True)
        return exploded


def viewer_table(
    frame: pd.DataFrame, dimension: str, count: str, measures: Sequence[str], month: str | None = None
) -> ViewerTable | None:
    """Return `frame` by month and dimension with small values of its column `count` suppressed.

    The columns `measures` are summed, too, and suppressed in the same cells. Without `month`, there is
    one period. Return None if the total count is less than `MINIMUM_CELL_SIZE`.
    """
    rows = frame.assign(**{dimension: frame[dimension].astype(str)})
    months = _calendar(rows[month]) if month else [_ALL_MONTHS]
    index = rows[month] if month else pd.Series(_ALL_MONTHS, rows.index)
    tables = {
        name: _pivot(rows, index, dimension, name, months) for name in dict.fromkeys([count, *measures])
    }
    counts = tables[count].to_numpy().round().astype(np.int64)
    if counts.sum() < MINIMUM_CELL_SIZE:
        return None
    runs = merge_runs(counts.sum(axis=1))
    totals = counts.sum(axis=1)
    folded, hidden = suppress_table(_merged(counts, runs))
    named = [
        str(value) for value, is_folded in zip(tables[count].columns, folded, strict=True) if not is_folded
    ]
    return ViewerTable(
        periods=tuple(_period(months, totals, run) for run in runs),
        values=(*named, *([OTHER] if folded.any() else [])),
        measures={
            name: _measure(fold(_merged(table.to_numpy(), runs), folded), hidden)
            for name, table in tables.items()
        },
    )


def _measure(table: Figures, hidden: npt.NDArray[np.bool_]) -> Measure:
    is_unknown = hidden | ((table == 0) & hidden.any(axis=1, keepdims=True))
    return Measure(np.where(is_unknown, np.nan, table), table.sum(axis=1), table.sum(axis=0))


def _pivot(
    rows: pd.DataFrame, index: pd.Series, dimension: str, name: str, months: Sequence[str]
) -> pd.DataFrame:
    figures = rows.assign(_row=index, _figure=rows[name].astype(float))
    table = figures.pivot_table(
        index="_row", columns=dimension, values="_figure", aggfunc="sum", fill_value=0
    )
    return table.reindex(index=list(months), fill_value=0)


def _calendar(months: pd.Series) -> list[str]:
    """Return all months from the first to the last of `months`."""
    return [str(each) for each in pd.period_range(months.min(), months.max(), freq="M")]


def _merged(table: npt.NDArray[Number], runs: Sequence[range]) -> npt.NDArray[Number]:
    return np.array([table[run.start : run.stop].sum(axis=0) for run in runs])


def _period(months: Sequence[str], totals: npt.NDArray[np.int64], run: range) -> Period:
    """Return consecutive months as a period, with an anchor only if that discloses no small month."""
    large = [index for index in run if totals[index] >= MINIMUM_CELL_SIZE]
    is_safe = len(large) == 1 and sum(totals[index] for index in run) >= 2 * MINIMUM_CELL_SIZE - 1
    anchor = months[large[0]] if is_safe and len(run) > 1 else None
    return Period(tuple(months[run.start : run.stop]), anchor)


# charts without months


def viewer_stacks(
    frame: pd.DataFrame, row: str, column: str, count: str, order: Sequence[str]
) -> pd.DataFrame:
    """Return stacks with small rows merged and small parts of a stack pooled as `OTHER`.

    `order` lists all rows. Merged rows are labeled "3 to 7", or "15+" at the end of the order. Return no rows
    if the total count is less than `MINIMUM_CELL_SIZE`.
    """
    table = frame.assign(**{row: frame[row].astype(str)}).pivot_table(
        index=row, columns=column, values=count, aggfunc="sum", fill_value=0, dropna=False
    )
    table = table.reindex(index=list(order), fill_value=0)
    rows = []
    for run in merge_runs(table.sum(axis=1).astype(int).to_list()):
        counts = table.iloc[run.start : run.stop].sum(axis=0).astype(int)
        pooled = pool_small(counts.to_list())
        parts = {
            str(name): int(n) for name, n, p in zip(counts.index, counts, pooled, strict=True) if n and not p
        }
        if pooled.any():
            parts[OTHER] = int(counts[pooled].sum())
        label = _run_label([order[index] for index in run], is_last=run.stop == len(order))
        rows += [{row: label, column: name, count: n} for name, n in parts.items()]
    total = int(table.to_numpy().sum())
    return pd.DataFrame(rows if total >= MINIMUM_CELL_SIZE else [], columns=[row, column, count])


def _run_label(rows: Sequence[str], *, is_last: bool) -> str:
    if len(rows) == 1:
        return rows[0]
    if is_last:
        return f"{rows[0]}+"
    return f"{rows[0]} to {rows[-1]}"
