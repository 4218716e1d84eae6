"""Views of viewers are sums of viewer tables with true totals that disclose no small count.

The true figures come from SQL written by hand; what may be inferred is bounded by a linear program over
everything that such a role can see.
"""

from __future__ import annotations

import random
from datetime import date
from itertools import combinations_with_replacement

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from portal.dashboards import suppressed_views
from portal.dashboards.encounter_charts import ENCOUNTER_CHARTS
from portal.dashboards.medication_charts import MEDICATION_CHARTS
from portal.dashboards.patient_charts import PATIENT_CHARTS
from portal.dashboards.query_builder import Filters
from portal.privacy.viewer_tables import OTHER, viewer_stacks, viewer_table
from portal.ui.dashboards import figures
from tests.support.attack import is_safe, on_page
from tests.support.chart_truth import ADMITTED, CHARTS, Star
from tests.support.gold import RELEASE, Athena, write

PAGES = {
    "encounters": ENCOUNTER_CHARTS,
    "medications": MEDICATION_CHARTS,
    "patients": PATIENT_CHARTS,
}
ALL = [(page, chart) for page, charts in PAGES.items() for chart in charts]
BY_KEY = {chart.key: chart for _, chart in ALL}
SIZES = {"a small hospital": 150, "a larger hospital": 2500}


class Desk:
    """A viewer's desk: views over one star, and SQL by hand over the same files."""

    def __init__(self, folder, patients):
        write(folder, patients, seed=11)
        self.athena, self.star = Athena(folder), Star(folder, RELEASE)
        self.kept = {}

    def ask(self, chart):
        return self.athena.chart_sql(chart, Filters())

    def table(self, chart):
        key = chart.dataset.name, chart.dataset.noun, chart.by, tuple(chart.measures)
        if key not in self.kept:
            self.kept[key] = suppressed_views.table_of(chart, self.ask)
        return self.kept[key]

    def view(self, chart, filters=None):
        return suppressed_views.view(chart, filters or Filters(), self.ask, self.table)


@pytest.fixture(scope="module", params=SIZES, ids=lambda name: name.replace(" ", "-"))
def desk(request, tmp_path_factory):
    return Desk(tmp_path_factory.mktemp("gold"), SIZES[request.param])


def of_kind(*kinds):
    return [pytest.param(page, q, id=q.key) for page, q in ALL if q.kind in kinds]


def truth(desk, page, chart):
    """Rows by hand as a mapping: the last attribute to its count, summed over the others."""
    found = {}
    for row in desk.star.ask(page, "true", CHARTS[chart.key]):
        found[row[0]] = (
            found.get(row[0], 0) + row[-1 if chart.kind in {"months", "histogram", "pyramid"} else 1]
        )
    return found


@pytest.mark.parametrize(("page", "chart"), of_kind("ranking"))
def test_a_ranking_shows_every_value_of_11_or_more_as_it_is_and_adds_up(desk, page, chart):
    true, value = truth(desk, page, chart), next(iter(chart.measures))
    count = (
        {name: int(n) for name, n in true.items()}
        if value != "cost"
        else truth(desk, page, BY_KEY["encounters-by-month"])
    )
    frame = desk.view(chart).frame
    shown = dict(zip(frame[chart.by[0]], frame[value], strict=True))
    assert sum(shown.values()) == pytest.approx(sum(true.values()))
    named = {name: n for name, n in shown.items() if name != OTHER}
    assert named == {name: pytest.approx(true[name]) for name in named}
    assert not frame["is_partial"].any()
    missing = {name: n for name, n in count.items() if n and name not in named}
    assert sum(n >= 11 for n in missing.values()) <= 1, "one complement at most"
    assert not missing or sum(missing.values()) >= 11
    assert min(count[name] for name in named) >= 11


@pytest.mark.parametrize(("page", "chart"), of_kind("months"))
def test_every_month_and_stack_adds_up_and_shows_each_part_of_11_or_more(desk, page, chart):
    rows = desk.star.ask(page, "true", CHARTS[chart.key])
    true = pd.DataFrame(rows, columns=["part", "month", "n"])
    view = desk.view(chart)
    dimension, value = chart.by[1], next(iter(chart.measures))
    assert view.frame[value].sum() == pytest.approx(true["n"].sum())
    merged = set(view.frame.loc[view.frame["is_merged"], "month"]) | set(view.frame.attrs["merged_months"])
    hidden_large = 0
    for month, stack in true.groupby("month"):
        if month in merged:
            continue
        assert stack["n"].sum() >= 11
        drawn = view.frame[view.frame["month"] == month].set_index(dimension)[value]
        assert drawn.sum() == stack["n"].sum()
        parts = stack.set_index("part")["n"]
        assert all(drawn[name] == parts[name] for name in drawn.index if name != OTHER)
        assert (drawn >= 11).all()
        hidden_large += sum(n >= 11 for name, n in parts.items() if name not in drawn.index)
    small = true.groupby("month")["n"].sum()
    assert set(small[small < 11].index) <= merged
    assert merged, "the star has months with fewer than 11"
    assert hidden_large <= 0.2 * (true["n"] >= 11).sum(), "few parts are hidden as complements"


@pytest.mark.parametrize(("page", "chart"), of_kind("histogram", "pyramid"))
def test_no_bin_vanishes_and_stacks_add_up(desk, page, chart):
    true = pd.DataFrame(desk.star.ask(page, "true", CHARTS[chart.key]), columns=["part", "bin", "n"])
    frame, value = desk.view(chart).frame, chart.by[0]
    count = next(iter(chart.measures))
    assert frame[count].sum() == true["n"].sum()
    assert (frame[count] >= 11).all()
    by_bin = true.groupby("bin")["n"].sum()
    shown = frame.groupby(value)[count].sum()
    single = {str(name): n for name, n in by_bin.items() if str(name) in shown.index}
    assert {name: shown[name] for name in single} == single
    assert all(str(name) in shown.index for name, n in by_bin.items() if n >= 200), (
        "a tall bin keeps its name"
    )


@pytest.mark.parametrize(("page", "chart"), of_kind("rate", "parts"))
def test_rates_are_pooled_and_no_zero_stands_beside_a_pool(desk, page, chart):
    true = {row[0]: row[1:] for row in desk.star.ask(page, "true", CHARTS[chart.key]) if sum(row[1:])}
    view = desk.view(chart)
    if view.frame is None:
        events = np.array([n[1:] if chart.kind == "rate" else n for n in true.values()]).sum(axis=0)
        assert (events < 11).any()
        return
    names = list(chart.measures)
    shown = {row[0]: tuple(row[1:]) for row in view.frame[[chart.by[0], *names]].itertuples(index=False)}
    for name, numbers in shown.items():
        if name != OTHER:
            assert numbers == true[name]
            parts = (numbers[0] - numbers[1], numbers[1]) if chart.kind == "rate" else numbers
            assert min(parts) >= 11
    for place, name in enumerate(names):
        if not view.frame[name].isna().any():
            assert view.frame[name].sum() == sum(n[place] for n in true.values())
    figures.figure(view.chart, view.frame)


def test_a_rate_of_fewer_than_11_events_is_an_interval_and_not_left_out():
    chart = BY_KEY["readmissions"]
    frame = pd.DataFrame({"department": ["a", "b"], "stays": [90, 50], "readmitted": [4, 0]})
    view = suppressed_views.view(chart, Filters(), lambda _: frame, lambda _: None)
    row = view.frame.iloc[0]
    assert (row["department"], row["stays"]) == (OTHER, 140)
    assert pd.isna(row["readmitted"])
    (bar,) = figures.figure(chart, view.frame).data
    assert bar.error_x.array[0] == pytest.approx(100 * 10 / 140)
    assert "fewer than 11" in bar.customdata[0][3]


def test_doses_not_given_are_the_true_share_of_shown_and_of_pooled_months(desk):
    chart = BY_KEY["not-given"]
    true = {
        month: (part, whole)
        for month, part, whole in desk.star.ask("medications", "true", CHARTS["not-given"])
    }
    frame = desk.view(chart).frame
    own = frame[~frame["is_pooled"]]
    for row in own.itertuples(index=False):
        if row.month in true and row.administrations == true[row.month][1]:
            assert row.not_given == true[row.month][0] >= 11
    pooled = frame[frame["is_pooled"]]
    if len(pooled):
        assert len({*zip(pooled["not_given"], pooled["administrations"], strict=True)}) == 1
        hidden = sum(part for month, (part, _) in true.items() if month not in set(own["month"]))
        assert pooled["not_given"].iloc[0] == hidden >= 11


def test_arrivals_are_blank_where_small_and_exact_where_not(desk):
    chart = BY_KEY["arrivals"]
    true = {(day, hour): n for day, hour, n in desk.star.ask("encounters", "true", CHARTS["arrivals"])}
    frame = desk.view(chart).frame
    for row in frame.itertuples(index=False):
        n = true.get((row.weekday, row.hour), 0)
        assert pd.isna(row.encounters) or row.encounters == n
        assert not (0 < n < 11) or pd.isna(row.encounters)
    if frame["encounters"].isna().any():
        assert not (frame["encounters"] == 0).any(), "or absent cells would be known to be 1 to 10"


def test_doses_of_a_single_medication_are_for_roles_that_may_open_rows(desk):
    assert desk.view(BY_KEY["dose-distribution"]).frame is None


@pytest.mark.parametrize("dimension", ["department", "class", "payer"])
def test_filters_are_sums_of_the_same_table(desk, dimension):
    chart = BY_KEY[
        "encounters-by-department"
        if dimension == "department"
        else "payers"
        if dimension == "payer"
        else "cost-by-class"
    ]
    table = desk.table(suppressed_views.source(chart))
    for first, last in [("2024-05", "2024-09"), ("2025-01", "2025-01"), ("2024-02", "2025-12")]:
        periods = table.between(first, last)
        months = [m for n in periods for m in table.periods[n].months]
        filters = Filters(date.fromisoformat(f"{first}-01"), date.fromisoformat(f"{last}-28"))
        frame = desk.view(chart, filters).frame
        listed = ", ".join(f"'{m}'" for m in months)
        column = {"class": "class", "department": "dep", "payer": "who_pays"}[dimension]
        true = dict(
            desk.star.ask(
                "encounters",
                f"strftime({ADMITTED}, '%Y-%m') IN ({listed})",
                f"SELECT {column}, count(*) FROM r GROUP BY ALL",
            )
        )
        assert frame["encounters"].sum() == sum(true.values())
        for row in frame[frame[dimension] != OTHER].to_dict("records"):
            assert row["encounters"] == true[row[dimension]] or (
                row["is_partial"] and row["encounters"] < true[row[dimension]]
            )


def test_a_filter_on_one_dimension_stacks_months_by_it_and_refuses_other_charts(desk):
    filters = Filters(chosen={"department": ("Emergency",)})
    view = desk.view(BY_KEY["encounters-by-month"], filters)
    assert view.chart.by == ("month", "department")
    assert set(view.frame["department"]) == {"Emergency"}
    for key in ("payers", "case-mix", "readmissions", "arrivals", "length-of-stay"):
        assert desk.view(BY_KEY[key], filters).frame is None
    assert list(desk.view(BY_KEY["encounters-by-department"], filters).frame["department"]) == ["Emergency"]


@pytest.mark.parametrize(("page", "chart"), ALL, ids=lambda each: getattr(each, "key", each))
def test_every_view_has_a_figure_or_says_why_not(desk, page, chart):
    view = desk.view(chart)
    if view.frame is None:
        assert view.note
    else:
        assert figures.figure(view.chart, view.frame).data


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


# by hand


def test_a_month_of_71_inpatients_and_9_observations_keeps_its_total():
    """Finding 21: June 2024 showed 1,203 of 1,283 encounters."""
    june = {"AMB": 900, "EMER": 200, "VR": 103, "IMP": 71, "OBSENC": 9}
    may = {"AMB": 880, "EMER": 210, "VR": 99, "IMP": 75, "OBSENC": 20}
    rows = [
        {"month": m, "class": c, "n": n}
        for m, stack in (("2024-05", may), ("2024-06", june))
        for c, n in stack.items()
    ]
    table = viewer_table(pd.DataFrame(rows), "class", "n", ["n"], "month")
    drawn = table.by_month([0, 1]).groupby("month")["n"].sum()
    assert drawn.to_dict() == {"2024-05": sum(may.values()), "2024-06": 1283}
    whole = table.by_value([0, 1]).set_index("value")["n"].to_dict()
    assert whole == {c: may[c] + june[c] for c in may}


def test_a_day_with_one_observation_stay_keeps_its_228_inpatient_stays():
    """Finding 22: the histogram had a hole at day 3."""
    rows = [
        (2, "IMP", 300),
        (2, "OBSENC", 40),
        (3, "IMP", 228),
        (3, "EMER", 15),
        (3, "OBSENC", 1),
        (4, "IMP", 6),
        (5, "IMP", 4),
        (9, "IMP", 3),
    ]
    stacks = viewer_stacks(
        pd.DataFrame(rows, columns=["days", "class", "n"]),
        "days",
        "class",
        "n",
        [str(n) for n in range(2, 10)],
    )
    found = {(day, name): n for day, name, n in stacks.itertuples(index=False)}
    assert found == {
        ("2", "IMP"): 300,
        ("2", "OBSENC"): 40,
        ("3", "IMP"): 228,
        ("3", OTHER): 16,
        ("4+", "IMP"): 13,
    }


def test_a_small_month_is_counted_with_its_neighbor_and_drawn_there():
    rows = [
        {"month": "2024-01", "class": "AMB", "n": 3},
        {"month": "2024-02", "class": "AMB", "n": 800},
        {"month": "2024-03", "class": "AMB", "n": 900},
    ]
    table = viewer_table(pd.DataFrame(rows), "class", "n", ["n"], "month")
    assert [(p.label, p.anchor) for p in table.periods] == [
        ("2024-01 to 2024-02", "2024-02"),
        ("2024-03", None),
    ]
    assert table.by_month([0, 1])[["month", "n"]].to_numpy().tolist() == [["2024-02", 803], ["2024-03", 900]]


def test_small_months_alone_are_spread_over_their_period():
    rows = [{"month": f"2020-0{n}", "class": "AMB", "n": 4} for n in (1, 2, 4)]
    table = viewer_table(pd.DataFrame(rows), "class", "n", ["n"], "month")
    assert [p.label for p in table.periods] == ["2020-01 to 2020-04"]
    assert table.by_month([0])["n"].to_list() == [3, 3, 3, 3]


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [
        (20, 100, "20.0%"),
        (4, 100, "under 11.0%"),
        (0, 100, "under 11.0%"),
        (97, 100, "over 89.0%"),
        (3, 20, "–"),
        (0, 0, "–"),
    ],
)
def test_a_rate_with_a_small_part_is_told_by_its_bound(part, whole, words):
    assert suppressed_views.bounded_share(part, whole) == words


@pytest.mark.parametrize(
    ("filters", "reason"),
    [
        (Filters(), ""),
        (Filters(date(2025, 1, 1), date(2025, 2, 28)), ""),
        (Filters(date(2024, 1, 7), date(2025, 2, 28)), ""),
        (Filters(date(2025, 1, 2), date(2025, 2, 28)), "Select whole months"),
        (Filters(date(2025, 1, 1), date(2025, 2, 27)), "Select whole months"),
        (Filters(chosen={"class": ("IMP",), "payer": ("Aetna",)}), "more than one attribute"),
        (Filters(chosen={"class": ("IMP",), "payer": ()}), ""),
    ],
)
def test_only_whole_months_and_one_dimension_may_be_shared(filters, reason):
    found = suppressed_views.refusal(filters, date(2024, 1, 7), date(2025, 12, 20))
    assert reason in found
    assert bool(found) == bool(reason)
