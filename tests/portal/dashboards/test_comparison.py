"""The previous period, months moved over the present ones, and the table of changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pandas as pd
import pytest

from pipeline.contracts.measures import measure
from portal.dashboards import comparison
from portal.dashboards.query_builder import Filters


@pytest.mark.parametrize(
    ("start", "end", "first", "last", "months"),
    [
        (date(2024, 1, 1), date(2025, 12, 31), date(2022, 1, 1), date(2023, 12, 31), 24),
        (date(2024, 3, 1), date(2024, 3, 31), date(2024, 2, 1), date(2024, 2, 29), 1),
        (date(2025, 3, 3), date(2025, 3, 9), date(2025, 2, 24), date(2025, 3, 2), 0),
        (date(2025, 3, 3), date(2025, 3, 3), date(2025, 3, 2), date(2025, 3, 2), 0),
    ],
)
def test_the_previous_period_is_as_long_and_ends_the_day_before(start, end, first, last, months):
    filters = Filters(start, end, {"class": ("IMP",)})
    assert comparison.previous_period(filters) == replace(filters, start=first, end=last)
    assert comparison.months_in(start, end) == months


def test_without_a_start_or_an_end_there_is_no_previous_period():
    assert comparison.previous_period(Filters()) is None
    assert comparison.previous_period(Filters(start=date(2025, 1, 1))) is None


def test_months_of_the_previous_period_lie_over_the_present_ones():
    frame = pd.DataFrame({"month": ["2023-11", "2023-12"], "n": [1, 2]})
    assert list(comparison.later_by(frame, 14)["month"]) == ["2025-01", "2025-02"]
    assert comparison.later_by(frame, 0) is frame
    assert comparison.later_by(frame[["n"]], 14).equals(frame[["n"]])


def test_a_change_is_told_in_the_unit_of_the_measure():
    count, rate, median = (measure(name) for name in ("encounters", "readmission_30d", "length_of_stay"))
    before, now = {count: 1000.0, rate: 0.125, median: 3.0}, {count: 1012.0, rate: 0.129, median: 2.5}
    rows = comparison.table((count, rate, median), before.get, now.get)
    assert rows["Before"].to_list() == ["1,000", "12.5 %", "3.0"]
    assert rows["Now"].to_list() == ["1,012", "12.9 %", "2.5"]
    assert rows["Change"].to_list() == ["+12 (+1.2 %)", "+0.4 points", "\N{MINUS SIGN}0.5 (-16.7 %)"]
    none = comparison.table((count, rate), {}.get, {count: 5.0}.get)
    assert none["Before"].to_list() == ["–", "–"]
    assert none["Change"].to_list() == ["", ""]
    assert comparison.change(count, 5.0, 5.0) == comparison.change(rate, 0.5, 0.5) == "unchanged"
    assert comparison.change(count, 0.0, 5.0) == "+5"
