"""Infer suppressed cells from everything a viewer sees of a page, with a linear program over all cells."""

from __future__ import annotations

import re

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_matrix

from portal.dashboards import suppressed_views
from portal.privacy.viewer_tables import OTHER


class Attack:
    """Equations over unknown counts, named by tuples; every count is at least 0."""

    def __init__(self):
        self.places, self.most = {}, {}
        self.rows, self.sums = [], []

    def place(self, cell):
        return self.places.setdefault(cell, len(self.places))

    def know(self, cells, total=0.0, minus=()):
        """Add the equation: the sum of `cells` minus the sum of `minus` is `total`."""
        line = [(self.place(cell), 1.0) for cell in cells] + [(self.place(cell), -1.0) for cell in minus]
        self.rows.append(line)
        self.sums.append(float(total))

    def bounds(self, cell):
        """Return the minimum and maximum of a cell that satisfy all equations."""
        entries = [(n, place, factor) for n, line in enumerate(self.rows) for place, factor in line]
        lines, columns, factors = zip(*entries, strict=True)
        known = coo_matrix((factors, (lines, columns)), (len(self.rows), len(self.places))).tocsr()
        limits = [(0, self.most.get(n)) for n in range(len(self.places))]
        ends = []
        for sign in (1, -1):
            goal = np.zeros(len(self.places))
            goal[self.place(cell)] = sign
            answer = linprog(goal, A_eq=known, b_eq=self.sums, bounds=limits, method="highs")
            assert answer.status == 0, answer.message
            ends.append(sign * answer.fun)
        return ends


def is_safe(attack, cell):
    """Return True if every value from 1 to 10 remains possible for a count."""
    least, most = attack.bounds(cell)
    return least <= 1 + 1e-6 and most >= 10 - 1e-6


def on_page(charts, ask, tables):
    """Return an attack that knows everything one page shows, and the true counts by cell.

    A page shows the suppressed tables of every dimension and the charts of two attributes. `ask` and `tables`
    are the arguments of `suppressed_views.view`.
    """
    counted = [q for q in charts if q.kind in {"months", "ranking"}]
    base = max(counted, key=lambda q: len(q.measures))
    count = next(name for name, value in base.measures.items() if value.is_count)
    attack, true = Attack(), {}
    for dimension in (each.name for each in base.dataset.filters if not each.is_number):
        chart = suppressed_views.by_dimension(base, dimension)
        _table(attack, true, dimension, ask(chart), tables(chart), count)
    for chart in charts:
        if chart.kind == "week":
            _week(attack, true, chart, ask(chart))
        if chart.kind in {"histogram", "pyramid"}:
            _stacks(attack, true, chart, ask(chart))
    return attack, true


def _table(attack, true, dimension, frame, table, count):
    rows = frame.assign(month=frame.get("month", "")).astype({dimension: str})
    values, months = sorted(set(rows[dimension])), sorted(set(rows["month"]))
    cell = lambda month, value: (dimension, month, value)  # noqa: E731
    true |= {cell(m, v): 0 for m in months for v in values}
    for month, value, n in rows[["month", dimension, count]].itertuples(index=False):
        true[cell(month, value)] += int(n)
    for month in months:  # a month has the same total for every dimension
        attack.know([cell(month, v) for v in values], minus=[("total", month)])
    if table is None:
        return
    measure = table.measures[count]
    columns = {v: [v] for v in table.named} | {OTHER: [v for v in values if v not in table.named]}
    for place, period in enumerate(table.periods):
        inside = [m for m in period.months if m in months]  # other months have no rows
        attack.know([("total", m) for m in inside], measure.by_period[place])
        if period.anchor:
            attack.most |= {attack.place(("total", m)): 10 for m in inside if m != period.anchor}
        for column, value in enumerate(table.values):
            if not np.isnan(measure.cells[place, column]):
                attack.know(
                    [cell(m, v) for m in inside for v in columns[value]], measure.cells[place, column]
                )
    for column, value in enumerate(table.values):
        attack.know([cell(m, v) for m in months for v in columns[value]], measure.by_value[column])


def _totals(attack, dimension, value):
    return [cell for cell in attack.places if len(cell) == 3 and cell[0] == dimension and cell[2] == value]


def _week(attack, true, chart, frame):
    frame, name = frame.dropna(subset=list(chart.by)).astype("int64"), next(iter(chart.measures))
    shown = suppressed_views.view(chart, suppressed_views.Filters(), lambda _: frame, lambda _: None).frame
    every = {("week", day, hour): 0 for day in range(1, 8) for hour in range(24)}
    true |= every | {
        ("week", day, hour): n for day, hour, n in frame[[*chart.by, name]].itertuples(index=False)
    }
    totals = [cell for cell in attack.places if cell[0] == "total"]
    attack.know([*every, ("none", chart.key)], minus=totals)  # rows without a time are in no cell
    if shown is not None:
        for day, hour, n in shown.dropna()[[*chart.by, name]].itertuples(index=False):
            attack.know([("week", int(day), int(hour))], n)


def _stacks(attack, true, chart, frame):
    (row, column), name = chart.by, next(iter(chart.measures))
    frame = frame.dropna(subset=[row])
    shown = suppressed_views.view(chart, suppressed_views.Filters(), lambda _: frame, lambda _: None).frame
    if shown is None:
        return
    order, parts = suppressed_views._ordered(frame[row]), sorted({str(each) for each in frame[column]})
    cell = lambda label, part: (chart.key, label, part)  # noqa: E731
    true |= {cell(label, part): 0 for label in order for part in parts}
    true |= {cell(str(r), str(c)): int(n) for r, c, n in frame[[row, column, name]].itertuples(index=False)}
    for part in parts:  # rows without this attribute are in no cell
        all_of = _totals(attack, column, part)
        if all_of:
            attack.know([*(cell(label, part) for label in order), ("none", chart.key, part)], minus=all_of)
    for label, stack in shown.groupby(row, sort=False):
        inside, named = _run(str(label), order), [c for c in stack[column] if c != OTHER]
        for part, n in stack[[column, name]].itertuples(index=False):
            of = [part] if part != OTHER else [p for p in parts if p not in named]
            attack.know([cell(each, p) for each in inside for p in of], n)
        if OTHER not in set(stack[column]):
            attack.know([cell(each, p) for each in inside for p in parts if p not in named])


def _run(label, order):
    """Return the rows that the label of a merged group represents."""
    if label in order:
        return [label]
    if label.endswith("+"):
        return order[order.index(label[:-1]) :]
    first, last = re.fullmatch(r"(.+) to (.+)", label).groups()
    return order[order.index(first) : order.index(last) + 1]
