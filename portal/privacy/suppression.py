"""Suppress small counts in tables whose totals are shown, by primary and complementary suppression.

A small count (1 to 10) is never shown alone: it is pooled with others. Where a pool would be small itself, or
where shown totals would bound a pooled cell more tightly than 1 to 10, the smallest safe neighbor joins the
pool (complementary suppression). Zero cells of a row that has a pool are not distinguished from
pooled ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

MINIMUM_CELL_SIZE = 11
"""Smallest count above zero that is shown.

Counts from 1 to 10 could identify a person: CMS cell size suppression policy (ResDAC, 2024).
"""

Counts = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Number = TypeVar("Number", np.int64, np.float64)


def is_small(count: int) -> bool:
    """Return whether a count is below the minimum cell size, but not zero."""
    return 0 < count < MINIMUM_CELL_SIZE


def pool_small(counts: Sequence[int] | Counts) -> Mask:
    """Return a mask of the parts to pool, given that their total is shown.

    These are the small parts and, if their sum is small, too, the next smallest part.
    """
    numbers = np.asarray(counts)
    pooled = np.asarray((numbers > 0) & (numbers < MINIMUM_CELL_SIZE))
    if pooled.any() and is_small(int(numbers[pooled].sum())):
        left = np.flatnonzero(~pooled & (numbers > 0))
        pooled[left[numbers[left].argsort(kind="stable")[:1]]] = True
    return pooled


def pool_shares(parts: Counts) -> Mask:
    """Return a mask of the groups to pool, so that no other group has a small or zero part.

    `parts` has a row for each group and a column for each part (of a rate: events and non-events). Zero parts
    are pooled like small ones; otherwise, a missing group would disclose that its part is 1 to 10.
    """
    sizes = parts.sum(axis=1)
    is_there = sizes > 0
    pooled = is_there & (parts < MINIMUM_CELL_SIZE).any(axis=1)
    if not pooled.any():
        return np.asarray(pooled)
    for candidate in sizes.argsort(kind="stable"):
        is_safe = (parts[pooled].sum(axis=0) >= MINIMUM_CELL_SIZE).all() and pooled.sum() > 1
        if is_safe:
            break
        pooled[candidate] |= is_there[candidate]
    return np.asarray(pooled)


def merge_runs(totals: Sequence[int] | Counts) -> list[range]:
    """Return runs of consecutive rows without small totals; one run if the total of all rows is small.

    Rows with a total of zero stay alone unless they lie inside a run.
    """
    runs: list[range] = []
    start, total = 0, 0
    for index, count in enumerate(totals):
        total += int(count)
        if not is_small(total):
            runs.append(range(start, index + 1))
            start, total = index + 1, 0
    if total:
        while runs and not any(totals[index] for index in runs[-1]):
            runs.pop()
        start = runs.pop().start if runs else 0
        runs.append(range(start, len(totals)))
    return runs


def suppress_table(table: Counts) -> tuple[Mask, Mask]:
    """Return how to suppress a table whose row and column totals are shown.

    The caller must have merged rows with small totals.
    """
    folded = pool_small(table.sum(axis=0))
    while True:
        hidden, exposed = _hide(fold(table, folded))
        if exposed is None:
            return folded, hidden
        kept = np.flatnonzero(~folded)
        order = kept[table[:, kept].sum(axis=0).argsort(kind="stable")]
        wanted = [kept[exposed]] if exposed < len(kept) else []
        folded[[*wanted, *order[: 2 if not folded.any() else 1]]] = True


def fold(table: npt.NDArray[Number], folded: Mask) -> npt.NDArray[Number]:
    """Return `table` with the folded columns replaced by their sum, as the last column."""
    if not folded.any():
        return table
    return np.column_stack([table[:, ~folded], table[:, folded].sum(axis=1)])


def _hide(table: Counts) -> tuple[Mask, int | None]:
    """Return a mask of the cells to hide, and the column of a cell that they leave exposed, or None.

    The cells to hide are the small cells and their complements.
    """
    small = (table > 0) & (table < MINIMUM_CELL_SIZE)
    hidden = np.array([pool_small(row) for row in table], dtype=bool).reshape(table.shape)
    cells = [(int(row), int(column)) for row, column in np.argwhere(small)]
    is_changed = True
    while is_changed:
        is_changed = False
        for row, column in cells:
            while not _is_protected(table, _unknown(table, hidden), row, column):
                complement = _complement(table, hidden, row, column)
                if not complement:
                    return hidden, column
                for cell in complement:
                    hidden[cell] = is_changed = True
    return hidden, None


def _unknown(table: Counts, hidden: Mask) -> Mask:
    """Return a mask of the hidden cells and the zero cells of their rows, which look alike to readers."""
    return np.asarray(hidden | ((table == 0) & hidden.any(axis=1, keepdims=True)))


def _complement(table: Counts, hidden: Mask, row: int, column: int) -> list[tuple[int, int]]:
    """Return the cells to hide so that totals do not expose a small cell.

    These are the cheapest cells that leave all values from 1 to 10 possible. If there are none, it is the
    smallest shown cell in the same row or column; without one, the list is empty.
    """
    value = int(table[row, column])
    cost = np.where(hidden, 0, table)
    found = [_rectangle(table, cost, row, column, value), _helper(table, hidden, cost, row, column, value)]
    for cells in sorted(filter(None, found), key=lambda cells: sum(int(cost[cell]) for cell in cells)):
        return cells
    shown = (table > 0) & ~hidden
    near = [(row, int(j)) for j in np.flatnonzero(shown[row])]
    near += [(int(i), column) for i in np.flatnonzero(shown[:, column])]
    return sorted(near, key=lambda cell: (table[cell], cell))[:1]


def _rectangle(table: Counts, cost: Counts, row: int, column: int, value: int) -> list[tuple[int, int]]:
    """Return the shown corners of the cheapest rectangle that can offset a change of the exposed cell.

    The list is empty if there is no such rectangle.
    """
    total = (cost + cost[row][None, :] + cost[:, column][:, None]).astype(float)
    can_give = np.minimum(table[row][None, :], table[:, column][:, None]) >= MINIMUM_CELL_SIZE - value
    total[~can_give | (table < value - 1)] = np.inf
    total[row], total[:, column] = np.inf, np.inf
    i, j = (int(index) for index in np.unravel_index(int(total.argmin()), total.shape))
    if not np.isfinite(total[i, j]):
        return []
    return [cell for cell in ((row, j), (i, column), (i, j)) if cost[cell]]


def _helper(
    table: Counts, hidden: Mask, cost: Counts, row: int, column: int, value: int
) -> list[tuple[int, int]]:
    """Return the shown cells of the cheapest helping row, in the columns hidden in the exposed cell's row.

    A helping row can offset a change of the exposed cell. The list is empty if there is none.
    """
    columns = np.flatnonzero(hidden[row])
    total = cost[:, columns].sum(axis=1).astype(float)
    others = columns[columns != column]
    total[(table[:, column] < MINIMUM_CELL_SIZE - value) | (table[:, others].sum(axis=1) < value - 1)] = (
        np.inf
    )
    total[row] = np.inf
    total[total == 0] = np.inf  # already hidden
    helper = int(total.argmin())
    if not np.isfinite(total[helper]):
        return []
    return [(helper, int(j)) for j in columns if cost[helper, j]]


def _is_protected(table: Counts, unknown: Mask, row: int, column: int) -> bool:
    """Return whether totals and shown cells leave all counts from 1 to 10 possible for a hidden cell."""
    value = int(table[row, column])
    return _can_grow(table, unknown, row, column, MINIMUM_CELL_SIZE - value) and _can_shrink(
        table, unknown, row, column, value - 1
    )


def _can_grow(table: Counts, unknown: Mask, row: int, column: int, need: int) -> bool:
    gives_row = unknown[row] & (table[row] >= need)
    gives_column = unknown[:, column] & (table[:, column] >= need)
    gives_row[column] = gives_column[row] = False
    if unknown[np.ix_(gives_column, gives_row)].any():
        return True
    return _flow(table, unknown, row, column, need, grows=True) >= need


def _can_shrink(table: Counts, unknown: Mask, row: int, column: int, need: int) -> bool:
    if need <= 0:
        return True
    takes_row, takes_column = unknown[row].copy(), unknown[:, column].copy()
    takes_row[column] = takes_column[row] = False
    inner = np.ix_(takes_column, takes_row)
    if (unknown[inner] & (table[inner] >= need)).any():
        return True
    return _flow(table, unknown, row, column, need, grows=False) >= need


def _flow(table: Counts, unknown: Mask, row: int, column: int, need: int, *, grows: bool) -> int:
    """Return by how much a hidden cell can change, at most `need`, with all totals constant.

    The search uses augmenting paths. A path starts in the cell's row and ends in its column; the cells on it
    shrink and grow alternately.
    """
    values = np.where(unknown, table, 0)
    free = unknown.copy()
    free[row, column] = False
    moved = 0
    while moved < need:
        path = _path(values, free, row, column, grows)
        if path is None:
            break
        shrinking = path[0::2] if grows else path[1::2]
        step = min(need - moved, *(int(values[cell]) for cell in shrinking))
        for number, cell in enumerate(path):
            values[cell] += -step if (number % 2 == 0) == grows else step
        moved += step
    return moved


def _path(values: Counts, free: Mask, row: int, column: int, grows: bool) -> list[tuple[int, int]] | None:
    """Return the cells of the shortest path over free cells from `row` to `column`; None if there is none."""
    outward = free & (values > 0) if grows else free
    inward = free if grows else free & (values > 0)
    came: dict[tuple[str, int], tuple[tuple[str, int], tuple[int, int]]] = {}
    queue: deque[tuple[str, int]] = deque([("row", row)])
    while queue:
        node = queue.popleft()
        side, index = node
        ends = np.flatnonzero(outward[index] if side == "row" else inward[:, index])
        for end in map(int, ends):
            to = ("column", end) if side == "row" else ("row", end)
            if to in came or to == ("row", row):
                continue
            came[to] = node, (index, end) if side == "row" else (end, index)
            if to == ("column", column):
                return _back(came, to)
            queue.append(to)
    return None


def _back(
    came: dict[tuple[str, int], tuple[tuple[str, int], tuple[int, int]]], node: tuple[str, int]
) -> list[tuple[int, int]]:
    path = []
    while node in came:
        node, cell = came[node]
        path.append(cell)
    return path[::-1]
