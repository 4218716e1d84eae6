"""A click on a chart chooses once: a choice made before redraws nothing."""

from datetime import date

import pytest

from portal.dashboards.encounter_charts import ENCOUNTERS
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
