"""A click on a chart chooses once: a choice made before redraws nothing."""

from datetime import date

import pytest

from portal.dashboards.charts import ENCOUNTERS
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
    subject, dimension = _encounters("period")
    held[url_filters._days_key(subject)] = date(2025, 1, 7), date(2025, 3, 20)
    held[url_filters._period_key(subject)] = date(2025, 1, 7), date(2025, 3, 20)
    assert url_filters.choose(subject, [(dimension, [month])])
    held |= held.pop(url_filters._clicked(subject))
    assert not url_filters.choose(subject, [(dimension, [month])])


def test_values_that_are_chosen_are_not_chosen_again(held):
    subject, dimension = _encounters("listed")
    assert url_filters.choose(subject, [(dimension, ["AMB", "IMP"])])
    held[url_filters._key(subject, dimension)] = ["IMP", "AMB"]
    assert not url_filters.choose(subject, [(dimension, ["AMB", "IMP"])])
    assert not url_filters.choose(subject, [])
