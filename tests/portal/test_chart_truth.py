"""Every chart of every dashboard, unfiltered and with ten random filter sets, against SQL written by hand."""

from __future__ import annotations

import pytest

from portal.dashboards.query_builder import Filters
from tests.support.chart_filters import ALL, PAGES, check, chosen
from tests.support.chart_truth import Star
from tests.support.gold import RELEASE, Athena, write


@pytest.fixture(scope="module")
def gold(tmp_path_factory):
    """5,000 patients as files, with the portal's Athena over them and SQL by hand."""
    folder = write(tmp_path_factory.mktemp("gold"), patients=5000, seed=5)
    return Athena(folder), Star(folder, RELEASE)


@pytest.mark.parametrize(("page", "chart"), ALL, ids=lambda each: getattr(each, "key", each))
def test_a_chart_shows_what_the_files_hold(gold, page, chart):
    check(gold, page, chart, Filters(), "true")


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("page", PAGES)
def test_charts_under_random_filters_show_what_the_files_hold(gold, page, seed):
    filters, condition = chosen(gold[1], page, seed)
    for chart in PAGES[page]:
        check(gold, page, chart, filters, condition)
