"""A linear program over published totals learns only that a suppressed cell is 1 to 10."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.optimize import linprog

from portal.privacy.suppression import fold, merge_runs, pool_shares, pool_small, suppress_table

counts = st.one_of(st.just(0), st.integers(1, 10), st.integers(11, 60))
lists = st.lists(counts, min_size=1, max_size=12)


def bounds(equations, sums, variables):
    """Least and greatest value of every variable that is no less than 0 and fits the equations."""
    found = []
    for index in range(variables):
        ends = []
        for sign in (1, -1):
            goal = np.zeros(variables)
            goal[index] = sign
            answer = linprog(goal, A_eq=equations, b_eq=sums, bounds=(0, None), method="highs")
            assert answer.status in {0, 3}, answer.message
            ends.append(np.inf if answer.status == 3 else sign * answer.fun)
        found.append(tuple(ends))
    return found


@given(lists)
def test_a_pool_takes_every_small_part_and_is_not_small_itself(numbers):
    pooled = pool_small(numbers)
    assert all(pooled[n] for n, count in enumerate(numbers) if 0 < count < 11)
    assert not any(pooled[n] for n, count in enumerate(numbers) if count == 0)
    assert sum(numbers) < 11 or not 0 < np.array(numbers)[pooled].sum() < 11
    large = [count for count, hidden in zip(numbers, pooled, strict=True) if hidden and count >= 11]
    assert len(large) <= 1
    assert large == [] or large == [min(count for count in numbers if count >= 11)]


def test_a_part_is_pooled_as_complement_only_where_the_small_ones_are_fewer_than_11():
    assert pool_small([9, 71, 400]).tolist() == [True, True, False]
    assert pool_small([9, 2, 71, 400]).tolist() == [True, True, False, False]
    assert not pool_small([0, 11, 12]).any()


@given(st.lists(st.tuples(counts, counts), min_size=1, max_size=9))
def test_groups_with_a_small_or_a_zero_part_are_pooled_together(groups):
    parts = np.array(groups)
    pooled = pool_shares(parts)
    sizes = parts.sum(axis=1)
    shown = parts[~pooled & (sizes > 0)]
    assert (shown >= 11).all(), "no rate of 0 % stands beside groups that were pooled for 1 to 10"
    assert not pooled[sizes == 0].any()
    if pooled.any() and not pooled[sizes > 0].all():
        assert (parts[pooled].sum(axis=0) >= 11).all()
        assert pooled.sum() > 1


@given(lists)
def test_runs_cover_all_rows_once_and_none_is_small(totals):
    runs = merge_runs(totals)
    assert [index for run in runs for index in run] == list(range(len(totals)))
    if sum(totals) >= 11:
        assert not any(0 < sum(totals[i] for i in run) < 11 for run in runs)
    alone = [run[0] for run in runs if len(run) == 1]
    assert all(totals[i] >= 11 or totals[i] == 0 for i in alone) or sum(totals) < 11


def test_runs_merge_a_small_tail_and_no_more():
    assert merge_runs([40, 30, 9, 4, 0, 2]) == [range(0, 1), range(1, 2), range(2, 6)]
    assert merge_runs([3, 800, 0, 900]) == [range(0, 2), range(2, 3), range(3, 4)]
    assert merge_runs([800, 0, 3]) == [range(0, 3)]
    assert merge_runs([3, 0, 2]) == [range(0, 3)]
    assert merge_runs([0, 0]) == [range(0, 1), range(1, 2)]


tables = st.tuples(st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda shape: arrays.arrays(np.int64, shape, elements=counts)
)


@settings(max_examples=150, deadline=None)
@given(tables)
def test_no_linear_program_over_a_published_table_bounds_a_small_cell(table):
    runs = merge_runs(table.sum(axis=1))
    table = np.array([table[list(run)].sum(axis=0) for run in runs])
    if table.sum() < 11:
        return  # nothing of it is published
    attack(table, *suppress_table(table))


def attack(table, folded, hidden):
    """Solve for every original cell from row totals, totals of unfolded columns, and shown cells."""
    rows, columns = table.shape
    shown_table = fold(table, folded)
    members = [[j] for j in np.flatnonzero(~folded)] + (
        [list(np.flatnonzero(folded))] if folded.any() else []
    )
    equations, sums = [], []

    def know(cells, total):
        line = np.zeros((rows, columns))
        for cell in cells:
            line[cell] = 1
        equations.append(line.ravel())
        sums.append(total)

    has_pool = hidden.any(axis=1)
    for i in range(rows):
        know([(i, j) for j in range(columns)], table[i].sum())
        for place, group in enumerate(members):
            if not hidden[i, place] and (shown_table[i, place] or not has_pool[i]):
                know([(i, j) for j in group], shown_table[i, place])
    for group in members:
        know([(i, j) for i in range(rows) for j in group], table[:, group].sum())
    found = bounds(np.array(equations), np.array(sums), table.size)
    for value, (least, greatest) in zip(table.ravel(), found, strict=True):
        if 0 < value < 11:
            assert least <= 1 + 1e-6
            assert greatest >= 10 - 1e-6
    assert not ((shown_table > 0) & (shown_table < 11) & ~hidden).any()


def test_the_attack_finds_a_cell_that_only_its_row_protects():
    table = np.array([[3, 40], [50, 60]])
    hidden = np.array([[True, True], [False, False]])
    with pytest.raises(AssertionError):
        attack(table, np.array([False, False]), hidden)


def test_a_table_of_ten_years_by_forty_departments_is_suppressed_in_seconds_and_keeps_most_cells():
    random = np.random.default_rng(3)
    table = random.poisson(random.gamma(1.2, 40, 40), (120, 40))
    folded, hidden = suppress_table(table)
    left = fold(table, folded)
    large = left >= 11
    assert not hidden[large].mean() > 0.1
    assert folded.sum() <= 6
