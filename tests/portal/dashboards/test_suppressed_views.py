"""Views of viewers are sums of viewer tables with true totals: shown as they are, or pooled.

The true figures come from SQL written by hand.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from portal.dashboards import suppressed_views
from portal.dashboards.query_builder import Filters
from portal.privacy.viewer_tables import OTHER
from portal.ui.dashboards import figures
from tests.support.chart_truth import ADMITTED, CHARTS
from tests.support.viewer_desk import ALL, BY_KEY, Desk

SIZES = {"a small hospital": 150, "a larger hospital": 2500}


@pytest.fixture(scope="module", params=SIZES, ids=lambda name: name.replace(" ", "-"))
def desk(request, tmp_path_factory):
    return Desk(tmp_path_factory.mktemp("gold"), SIZES[request.param])


EXACT = [q for _, q in ALL if q.exact_only]
"""Charts that viewers are never shown."""


def of_kind(*kinds):
    """Return the charts of these kinds that viewers are shown."""
    return [pytest.param(page, q, id=q.key) for page, q in ALL if q.kind in kinds and not q.exact_only]


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
    frame = pd.DataFrame({"department": ["a", "b"], "stays": [90, 50], "back": [4, 0]})
    view = suppressed_views.view(chart, Filters(), lambda _: frame, lambda _: None)
    row = view.frame.iloc[0]
    assert (row["department"], row["stays"]) == (OTHER, 140)
    assert pd.isna(row["back"])
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


@pytest.mark.parametrize("chart", EXACT, ids=lambda chart: chart.key)
@pytest.mark.parametrize(
    "filters",
    [Filters(), Filters(date(2024, 5, 1), date(2024, 9, 30)), Filters(chosen={"class": ("IMP",)})],
    ids=["no-filter", "months", "a-value"],
)
def test_a_chart_of_exact_counts_has_no_view_and_is_not_even_counted(chart, filters):
    def ask(chart):
        raise AssertionError(f"{chart.key} is counted for a viewer")

    assert suppressed_views.view(chart, filters, ask, ask) == suppressed_views.View(
        chart, None, suppressed_views.EXACT_ONLY
    )


def test_every_chart_whose_parts_a_viewer_table_cannot_hold_is_for_exact_counts_only():
    """A viewer table sums over months and values: distinct people, averages and new series are no sums."""
    unsafe = {
        chart.key
        for _, chart in ALL
        if chart.kind == "series"
        or any("DISTINCT" in each.sql.upper() or "/" in each.sql for each in chart.measures.values())
    }
    assert {"active-patients", "patients-by-diagnosis", "cost-per-case", "discharges"} <= unsafe
    assert unsafe <= {chart.key for chart in EXACT}


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
