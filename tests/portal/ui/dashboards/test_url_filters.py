"""Periods of a dashboard; a click on a chart chooses once: a choice made before redraws nothing."""

from datetime import date

import pytest

from portal.dashboards.encounters import ENCOUNTERS
from portal.ui.dashboards import url_filters


@pytest.fixture
def held(monkeypatch):
    """What the session holds."""
    session = {}
    monkeypatch.setattr(url_filters.st, "session_state", session)
    return session


def _encounters(kind):
    return ENCOUNTERS, next(d for d in ENCOUNTERS.dimensions if d.filter == kind)


@pytest.mark.parametrize("month", ["2025-01", "2025-02", "2025-03"])
def test_the_month_that_is_the_period_is_not_chosen_again(held, month):
    dataset, dimension = _encounters("period")
    held[url_filters._range_key(dataset)] = date(2025, 1, 7), date(2025, 3, 20)
    held[url_filters._period_key(dataset)] = date(2025, 1, 7), date(2025, 3, 20)
    assert url_filters.choose(dataset, [(dimension, [month])])
    held |= held.pop(url_filters._click_key(dataset))
    assert not url_filters.choose(dataset, [(dimension, [month])])


def test_values_that_are_chosen_are_not_chosen_again(held):
    dataset, dimension = _encounters("listed")
    assert url_filters.choose(dataset, [(dimension, ["AMB", "IMP"])])
    held[url_filters._key(dataset, dimension)] = ["IMP", "AMB"]
    assert not url_filters.choose(dataset, [(dimension, ["AMB", "IMP"])])
    assert not url_filters.choose(dataset, [])


LOW = date(2022, 3, 10)


@pytest.mark.parametrize(
    ("preset", "newest", "expected"),
    [
        ("24m", date(2025, 12, 31), (date(2024, 1, 1), date(2025, 12, 31))),
        ("24m", date(2025, 12, 30), (date(2023, 12, 1), date(2025, 11, 30))),
        ("24m", date(2023, 5, 2), (LOW, date(2023, 4, 30))),
        ("12m", date(2024, 2, 29), (date(2023, 3, 1), date(2024, 2, 29))),
        ("12m", date(2022, 3, 20), (LOW, date(2022, 3, 20))),
        ("year", date(2025, 8, 5), (date(2025, 1, 1), date(2025, 8, 5))),
        ("year", date(2022, 4, 1), (LOW, date(2022, 4, 1))),
        ("all", date(2025, 8, 5), (LOW, date(2025, 8, 5))),
    ],
)
def test_a_preset_is_of_full_months_within_the_data(preset, newest, expected):
    assert url_filters.preset_period(preset, LOW, newest) == expected


def test_a_dashboard_opens_with_24_months_or_with_all_of_less():
    assert url_filters.default_preset(LOW, date(2025, 8, 5)) == "24m"
    assert url_filters.default_preset(LOW, date(2024, 2, 29)) == "all"
