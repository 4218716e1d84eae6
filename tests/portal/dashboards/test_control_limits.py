"""XmR limits equal those worked out by hand and by the standard library."""

from __future__ import annotations

from itertools import pairwise
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.dashboards.control_limits import limits

BY_HAND = [10, 12, 11, 13, 10, 12, 11, 13, 10, 12, 11, 25]
"""Mean 12.5; ranges 2 1 2 3 2 1 2 3 2 1 14, mean 3; limits 12.5 ± 2.6596 × 3."""


def test_the_limits_of_a_year_are_those_worked_out_by_hand():
    found = limits(BY_HAND)
    assert found.mean == pytest.approx(12.5)
    assert (found.lower, found.upper) == (pytest.approx(4.5213, abs=1e-4), pytest.approx(20.4787, abs=1e-4))
    assert found.signals[-1]


def test_the_limits_equal_those_of_an_independent_library():
    # statprocon 2.0.0, XmR(counts): x_central_line, natural process limits, rule_1_x_indices_beyond_limits
    found = limits([12, 15, 11, 14, 18, 13, 12, 16, 14, 15, 13, 40, 14, 12], least=-100)
    assert found.mean == pytest.approx(15.643, abs=5e-4)
    assert (found.lower, found.upper) == (pytest.approx(-1.546, abs=0.02), pytest.approx(32.832, abs=0.02))
    assert [place for place, signal in enumerate(found.signals) if signal] == [11]


def test_eight_months_in_a_row_on_one_side_are_a_signal_and_seven_are_not():
    eight = [5, 9, 5, 9] + [6, 6.5] * 4 + [9, 9, 9, 9]
    found = limits(eight)
    assert found.mean == pytest.approx(fmean(eight))
    assert found.signals == (False,) * 4 + (True,) * 8 + (False,) * 4
    assert not any(limits([5, 9, 5, 9, *[6, 6.5] * 3, 6, 9, 9, 9, 9]).signals)


def test_fewer_than_twelve_months_have_no_limits():
    assert limits(BY_HAND[:11]) is None
    assert limits([1.0] * 11 + [float("nan")]) is None


@given(st.lists(st.floats(0, 1e6), min_size=12, max_size=60))
def test_the_limits_equal_wheelers_formula(values):
    found = limits(values)
    ranges = [abs(b - a) for a, b in pairwise(values)]
    assert found.mean == pytest.approx(fmean(values))
    assert found.upper == pytest.approx(fmean(values) + 3 / 1.128 * fmean(ranges))
    assert found.lower == pytest.approx(max(0, fmean(values) - 3 / 1.128 * fmean(ranges)), abs=1e-6)
    assert len(found.signals) == len(values)
