"""What may be inferred of a small count, by a linear program over everything that a viewer can see."""

from __future__ import annotations

import random
from itertools import combinations_with_replacement

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from portal.dashboards import suppressed_views
from portal.privacy.viewer_tables import OTHER, viewer_table
from tests.support.attack import is_safe, on_page
from tests.support.viewer_desk import BY_KEY, PAGES, Desk


def test_no_view_of_a_small_star_bounds_a_small_count_more_tightly_than_1_to_10():
    """All month ranges, all dimensions, with and without a filter.

    One linear program over the joint months.
    """
    rng = np.random.default_rng(2)
    sizes = {"department": 5, "class": 4}
    months = [f"2025-{n:02}" for n in range(1, 7)]
    rows = pd.DataFrame({"month": rng.choice(months, 170, p=[0.02, 0.3, 0.05, 0.3, 0.3, 0.03])})
    for name, size in sizes.items():
        weights = 0.5 ** np.arange(size)
        rows[name] = rng.choice([f"{name} {n}" for n in range(size)], len(rows), p=weights / weights.sum())
    places, variables = {}, 0
    for name, size in sizes.items():
        for month in months:
            for n in range(size):
                places[name, month, f"{name} {n}"] = variables
                variables += 1
    equations, sums = [], []

    def know(terms, total):
        line = np.zeros(variables)
        for place, factor in terms:
            line[place] += factor
        equations.append(line)
        sums.append(total)

    def cells(name, chosen_months, values):
        return [(places[name, m, v], 1.0) for m in chosen_months for v in values]

    everything = {name: [f"{name} {n}" for n in range(size)] for name, size in sizes.items()}
    for month in months:  # the months' totals are the same whatever they are counted by
        know(
            cells("department", [month], everything["department"])
            + [(p, -1.0) for p, _ in cells("class", [month], everything["class"])],
            0,
        )
    for name in sizes:
        grouped = rows.groupby(["month", name], as_index=False).size().rename(columns={"size": "n"})
        table = viewer_table(grouped, name, "n", ["n"], "month")
        for first, last in combinations_with_replacement(range(len(table.periods)), 2):
            periods = list(range(first, last + 1))
            inside = [m for p in periods for m in table.periods[p].months if m in months]
            know(cells(name, inside, everything[name]), table.total("n", periods)[0])
            for row in table.by_value(periods).to_dict("records"):
                if row["value"] != OTHER and not row["is_partial"]:
                    know(cells(name, inside, [row["value"]]), row["n"])
        for place, period in enumerate(table.periods):
            inside = [m for m in period.months if m in months]
            stack = table.by_month([place]).groupby("value")["n"].sum()
            for value, n in stack.items():
                if value != OTHER:
                    know(cells(name, inside, [value]), n)
            if OTHER not in stack.index:
                know(cells(name, inside, [v for v in everything[name] if v not in stack.index]), 0)
    true = duckdb.sql(
        "SELECT 'department' AS d, month, department AS v, count(*) AS n FROM rows GROUP BY ALL UNION ALL "
        "SELECT 'class', month, class, count(*) FROM rows GROUP BY ALL"
    ).fetchall()
    small = [(places[d, month, v], n) for d, month, v, n in true if n < 11]
    assert len(small) > 10
    for place, _ in small:
        ends = []
        for sign in (1, -1):
            goal = np.zeros(variables)
            goal[place] = sign
            answer = linprog(
                goal, A_eq=np.array(equations), b_eq=np.array(sums), bounds=(0, None), method="highs"
            )
            assert answer.status == 0, answer.message
            ends.append(sign * answer.fun)
        assert ends[0] <= 1 + 1e-6, places
        assert ends[1] >= 10 - 1e-6


@pytest.mark.parametrize("page", PAGES)
def test_all_views_of_a_page_together_bound_no_small_count_more_tightly_than_1_to_10(tmp_path_factory, page):
    desk = Desk(tmp_path_factory.mktemp("gold"), 150)
    attack, true = on_page(PAGES[page], desk.ask, desk.table)
    small = sorted((cell for cell, n in true.items() if 0 < n < 11), key=str)
    assert len(small) > 20
    sample = random.Random(page).sample(small, 40)
    assert [cell for cell in sample if not is_safe(attack, cell)] == []


def test_the_attack_finds_a_count_that_the_others_of_its_month_give_away(tmp_path_factory):
    desk = Desk(tmp_path_factory.mktemp("gold"), 150)
    attack, true = on_page(PAGES["encounters"], desk.ask, desk.table)
    shown = {
        m
        for period in desk.table(
            suppressed_views.by_dimension(BY_KEY["encounters-by-month"], "class")
        ).periods
        if not period.is_merged
        for m in period.months
    }
    lost = next(cell for cell, n in true.items() if cell[0] == "class" and 0 < n < 11 and cell[1] in shown)
    for cell, n in true.items():
        if cell[:2] == lost[:2] and cell != lost:
            attack.know([cell], n)
    assert attack.bounds(lost) == pytest.approx([true[lost]] * 2)
    assert not is_safe(attack, lost)
