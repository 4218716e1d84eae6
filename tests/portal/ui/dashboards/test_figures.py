"""Figures of each kind, alone and beside a previous release, with long names and click values."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from portal.dashboards.encounter_charts import ENCOUNTER_CHARTS
from portal.dashboards.medication_charts import MEDICATION_CHARTS
from portal.dashboards.order_charts import ORDER_CHARTS
from portal.dashboards.patient_charts import PATIENT_CHARTS
from portal.privacy.viewer_tables import OTHER
from portal.ui import theme
from portal.ui.dashboards import figure_parts, figures, funnel
from portal.ui.dashboards.card import _values

CHARTS_BY_KEY = (*ENCOUNTER_CHARTS, *MEDICATION_CHARTS, *ORDER_CHARTS, *PATIENT_CHARTS)
BY_KEY = {chart.key: chart for chart in CHARTS_BY_KEY}
VALUES = {
    "weekday": [1, 7, 3],
    "hour": [0, 23, 12],
    "days": [0, 30, 2],
    "wait": [0, 120, 30],
    "month": ["2025-01", "2025-02", "2025-03"],
    "dose": [5.0, 10.0, 20.0],
    "unit": ["mg", "mg", "mg"],
    "sex": ["F", "M", "U"],
    "age_band": ["5-9", "90+", "Not recorded"],
}


def _rows(chart, factor=1):
    """Three groups of the chart; of two values the second is never the smaller."""
    frame = pd.DataFrame({name: VALUES.get(name, ["a" * 50, "a" * 49 + "b", "c"]) for name in chart.by})
    for place, name in enumerate(chart.measures):
        order = place if chart.kind != "rate" else len(chart.measures) - place
        frame[name] = [factor * (10 + 5 * order), factor * (20 + 5 * order), factor * (30 + 5 * order)]
    if "medication" in frame and chart.kind == "dose":
        frame["medication"] = "Heparin"
    return frame


@pytest.mark.parametrize("chart", CHARTS_BY_KEY, ids=lambda q: q.key)
def test_every_question_has_a_figure_alone_and_beside_a_former_release(chart):
    alone = figures.figure(chart, _rows(chart))
    assert len(alone.data) >= 1
    beside = figures.figure(chart, _rows(chart), _rows(chart, factor=2))
    if chart.kind == "week":
        assert np.nansum(np.array(beside.data[0].z)) == -np.nansum(np.array(alone.data[0].z))
    else:
        assert [trace for trace in beside.data if "revious" in str(trace.name)]


@pytest.mark.parametrize("chart", [q for q in CHARTS_BY_KEY if q.click], ids=lambda q: q.key)
def test_a_click_says_values_that_the_filters_know(chart):
    frame = _rows(chart)
    marks = [t for t in figures.figure(chart, frame).data if t.customdata is not None]
    clicked = {
        tuple(_values(list(point))[: len(chart.click)]) for trace in marks for point in trace.customdata
    }
    wanted = {tuple(str(value) for value in row) for row in frame[list(chart.click)].itertuples(index=False)}
    assert wanted <= clicked
    assert len(clicked) == (7 * 24 if chart.kind == "week" else len(wanted))
    assert all(chart.dataset.dimension(name).filter for name in chart.click)


def test_a_suppressed_hour_is_blank_and_has_no_mark():
    chart = BY_KEY["arrivals"]
    frame = _rows(chart).astype({"encounters": "Int64"})
    frame.loc[0, "encounters"] = pd.NA
    cells, marks = figures.figure(chart, frame).data
    assert math.isnan(cells.z[0][0])
    assert np.isnan(np.array(cells.z, dtype=float)).sum() == 1
    assert len(marks.x) == 7 * 24 - 1


def test_the_pooled_group_stands_below_the_largest_in_its_own_colour_and_partial_bars_are_hatched():
    chart = BY_KEY["encounters-by-department"]
    frame = pd.DataFrame(
        {"department": ["a", OTHER, "b"], "encounters": [20, 900, 30], "is_partial": [True, False, False]}
    )
    (bars,) = figures.figure(chart, frame).data
    assert list(bars.y) == [OTHER, "a", "b"]
    assert list(bars.marker.color) == [theme.SUPPRESSED, theme.MEASURE, theme.MEASURE]
    assert list(bars.marker.pattern.shape) == ["", "/", ""]


def test_merged_months_are_hatched_and_say_so():
    chart = BY_KEY["encounters-by-month"]
    frame = pd.DataFrame({"month": ["2025-02"], "class": ["AMB"], "encounters": [803]})
    frame.attrs["merged_months"] = ["2025-01"]
    bars, band = figures.figure(chart, frame).data
    assert (list(bars.x), list(bars.y)) == (["2025-02"], [803])
    assert (list(band.x), band.marker.pattern.shape, band.yaxis) == (["2025-01"], "/", "y2")
    assert "Fewer than 11" in band.name


def test_months_that_share_one_rate_are_hollow():
    chart = BY_KEY["not-given"]
    frame = pd.DataFrame(
        {
            "month": ["2025-01", "2025-02"],
            "not_given": [12, 30],
            "administrations": [300, 310],
            "is_pooled": [True, False],
        }
    )
    (line,) = figures.figure(chart, frame).data
    assert list(line.marker.symbol) == ["circle-open", "circle"]


def test_a_chart_of_the_largest_says_how_many_there_are_and_lists_all():
    chart = BY_KEY["patients-by-zip3"]
    frame = pd.DataFrame({"zip3": [f"{n:03}" for n in range(30)], "patients": range(100, 130)})
    assert figures.cut(chart, frame.head(12)) == ""
    assert figures.cut(chart, frame).startswith("Top 12 of 30.")
    listed = figures.table(chart, frame, frame.head(29))
    assert list(listed.columns) == [
        "ZIP code, first three digits",
        "Patients",
        "Patients, previous release",
    ]
    assert listed.iloc[0].to_list()[:2] == ["029", 129]
    assert len(listed) == 30
    assert listed["Patients, previous release"].isna().sum() == 1


def test_long_names_are_shortened_and_still_told_apart():
    names = list(
        figures.figure(BY_KEY["encounters-by-department"], _rows(BY_KEY["encounters-by-department"]))
        .data[0]
        .y
    )
    assert len(set(names)) == 3
    assert max(len(name.strip("\u200b")) for name in names) == 34


def test_the_interval_of_a_share_is_wilsons():
    # Newcombe 1998, table I: 81 of 263, and 0 of 20
    assert [round(end, 4) for end in figure_parts.wilson(81, 263)] == [0.2553, 0.3662]
    assert [round(end, 4) for end in figure_parts.wilson(0, 20)] == [0.0, 0.1611]
    assert figure_parts.wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("hits", "total"), [(0, 20), (3, 17), (81, 263), (500, 1000), (9, 9)])
def test_the_interval_of_a_share_is_that_of_scipy(hits, total):
    expected = binomtest(hits, total).proportion_ci(method="wilson")
    assert figure_parts.wilson(hits, total) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_a_group_outside_of_the_funnel_is_one_whose_interval_leaves_out_the_overall_rate():
    chart = BY_KEY["readmissions"]
    frame = pd.DataFrame({"department": ["a", "b", "c"], "stays": [1000, 400, 100], "back": [100, 80, 10]})
    drawn = figures.figure(replace(chart, kind="funnel"), frame, frame)
    outer, marks, before = drawn.data[1], drawn.data[2], drawn.data[3]
    assert list(marks.x) == [1000, 400, 100]
    assert list(marks.y) == pytest.approx([10, 20, 10])
    assert list(marks.text) == ["", "b", ""], "190 of 1,500 are 12.7 %; 20 % of 400 is beyond 17.8 %"
    assert (before.name, outer.name) == ("Previous release", "99.8 % limits")
    # limits by hand: 0.12667 ± 3.0902 * sqrt(0.12667 * 0.87333 / 400)
    assert funnel.funnel_limits(190 / 1500, 400, 3.090232) == pytest.approx((0.07527, 0.17806), abs=1e-5)


def test_annotated_months_that_a_chart_shows_are_marked_with_their_text_and_others_are_not():
    chart = BY_KEY["encounters-by-month"]
    frame = _rows(chart)
    drawn = figures.figure(chart, frame)
    notes = [("2025-02", "New <ward> opened"), ("2024-01", "Before the data"), ("2025-03", "x" * 60)]
    figures.annotate(drawn, notes, frame["month"].to_list())
    assert [(shape.x0, shape.x1) for shape in drawn.layout.shapes] == [("2025-02",) * 2, ("2025-03",) * 2]
    assert [note.text for note in drawn.layout.annotations] == [
        "⚑ New &lt;ward&gt; opened",
        f"⚑ {'x' * 39}…",
    ]


def test_a_comparison_is_named_by_what_it_is_with():
    chart = BY_KEY["readmissions"]
    drawn = figures.figure(chart, _rows(chart), _rows(chart), "Previous period")
    texts = [str(trace.name) + str(trace.hovertemplate) for trace in drawn.data]
    assert any("Previous period" in text for text in texts)
    assert not any("release" in text for text in texts)
    listed = figures.table(chart, _rows(chart), _rows(chart), "Previous period")
    assert any(name.endswith(", previous period") for name in listed.columns)


# colours

MARKS = {
    name: getattr(theme, name)
    for name in ("MEASURE", "PREVIOUS", "REFERENCE", "BELOW", "ABOVE", "NEUTRAL", "SUPPRESSED")
}
STATE_COLORS = {colour for pair in theme.STATE_COLORS.values() for colour in pair} | set(
    theme.STRONG.values()
)
TOGETHER = (
    (*theme.SEQUENCE, theme.PREVIOUS, theme.NEUTRAL, theme.SUPPRESSED),
    (*theme.ROUTE_SEQUENCE, theme.PREVIOUS, theme.NEUTRAL, theme.SUPPRESSED),
    (*theme.KIND_SEQUENCE, theme.PREVIOUS, theme.NEUTRAL, theme.SUPPRESSED),
    (theme.BELOW, theme.REFERENCE, theme.ABOVE, theme.PREVIOUS),
    (theme.MEASURE, theme.PREVIOUS, theme.REFERENCE, theme.NEUTRAL),
    tuple(theme.SEVERITY_COLORS.values()),
)
"""Colours that are in one figure."""

SIGHTS = {
    "all cones": np.eye(3),
    # Machado, Oliveira and Fernandes 2009, table 1, severity 1.0
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


def _lab(colour, sight):
    """CIE L*a*b* of a hex colour as it is seen."""
    said = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    linear = np.where(said <= 0.04045, said / 12.92, ((said + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(to_xyz @ np.clip(sight @ linear, 0, 1) / np.array([0.9505, 1, 1.089]))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_no_colour_has_two_meanings():
    palettes = (*theme.SEQUENCE, *theme.ROUTE_SEQUENCE, *theme.KIND_SEQUENCE)
    meanings = [*MARKS.values(), *theme.SEVERITY_COLORS.values(), *palettes]
    assert len(set(meanings)) == len(meanings)
    assert not STATE_COLORS & set(meanings)
    for members in (theme.CLASSES, theme.ROUTES, theme.KINDS, theme.SEXES):
        assert len(set(members.values())) == len(members)
        assert set(members.values()) <= {*palettes, theme.NEUTRAL}
    assert len(theme.MEMBERS) == sum(map(len, (theme.CLASSES, theme.ROUTES, theme.KINDS, theme.SEXES)))


@pytest.mark.parametrize("sight", SIGHTS)
def test_colours_of_one_figure_are_told_apart_by_everybody(sight):
    for colours in TOGETHER:
        for one, other in combinations(colours, 2):
            assert np.linalg.norm(_lab(one, SIGHTS[sight]) - _lab(other, SIGHTS[sight])) > 12, (one, other)


def test_a_month_outside_the_limits_is_marked_and_the_limits_are_drawn():
    chart = BY_KEY["not-given"]
    shares = [10, 12, 11, 13, 10, 12, 11, 13, 10, 12, 11, 25]  # limits by hand: 4.5, 12.5, 20.5
    months = [f"2025-{month:02}" for month in range(1, 13)]
    frame = pd.DataFrame({"month": months, "not_given": shares, "administrations": 100})
    drawn = figures.figure(chart, frame)
    assert [round(shape.y0, 1) for shape in drawn.layout.shapes] == [12.5, 20.5, 4.5]
    assert list(drawn.data[0].marker.color) == [*[theme.MEASURE] * 11, theme.ABOVE]
    pooled = figures.figure(chart, frame.assign(is_pooled=[True] * 2 + [False] * 10))
    assert not pooled.layout.shapes, "pooled months have no rate of their own"


def test_medications_with_all_doses_in_range_are_left_out_and_the_worst_is_on_top():
    chart = BY_KEY["dose-range"]
    frame = pd.DataFrame(
        {"medication": ["a", "b", "c"], "below": [0, 1, 5], "usual": [50, 99, 5], "above": [0, 0, 0]}
    )
    assert list(figures.figure(chart, frame).data[0].y) == ["b", "c"]
    (note,) = figures.figure(chart, frame.head(1)).layout.annotations
    assert note.text == "No dose lies outside its usual range."
