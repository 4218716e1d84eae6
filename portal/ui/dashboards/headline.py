"""Headline figures of a dashboard: their numbers, and what viewers see of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from portal.dashboards import suppressed_views
from portal.dashboards.query_builder import Dataset
from portal.privacy.suppression import MINIMUM_CELL_SIZE, is_small

Aggregate = Callable[[Dataset, Mapping[str, str]], pd.Series]
"""Called with a dataset and SQL aggregates by name; returns their values, for viewers without the filters."""


@dataclass(frozen=True)
class Figure:
    """A headline figure, whose `number` is compared with that of the previous release.

    `counts` are the numbers of rows or people behind the figure, `share` is the part and the whole of a rate.
    If a count, the part or its complement is small, the figure is suppressed for viewers. `adds` is the
    measure that the figure totals, and a function that formats the total; for viewers, filters apply only to
    figures with `adds`.
    """

    label: str
    number: float | None
    text: str
    note: str = ""
    counts: Sequence[int] = ()
    share: tuple[int, int] | None = None
    adds: tuple[str, Callable[[float], str]] | None = None

    def change_since(self, was: float) -> str:
        """Return the change since a former number as text: in points for a rate, else in percent."""
        now = self.number or 0.0
        return f"{100 * (now - was):+.1f} points" if self.share else f"{(now - was) / abs(was):+.1%}"

    def published(self, total: Callable[[str], tuple[float, bool]] | None) -> Figure:
        """Return the figure with small counts suppressed.

        `total` is None without filters. Else it returns the total of a measure under the filters, and whether
        that total leaves out suppressed counts.
        """
        if total and self.adds:
            number, is_partial = total(self.adds[0])
            return Figure(self.label, number, ("≥ " if is_partial else "") + self.adds[1](number))
        if total:
            return Figure(self.label, None, "–", "Available for the whole release only. Clear the filters.")
        part, base = self.share or (0, 0)
        if self.share and min(part, base - part) < MINIMUM_CELL_SIZE:
            bound = suppressed_views.bounded_share(part, base)
            return Figure(
                self.label, None, bound, suppressed_views.TOO_FEW if is_small(base) else f"Of {base:,}"
            )
        if any(map(is_small, self.counts)):
            return Figure(self.label, None, "–", suppressed_views.TOO_FEW)
        return self


def whole(value: Any) -> int:
    """Return an aggregate as a whole number; NULL is 0."""
    return 0 if pd.isna(value) else int(value)


def number(value: Any) -> float | None:
    """Return an aggregate as a number; NULL is None."""
    return None if pd.isna(value) else float(value)
