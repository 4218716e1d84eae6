"""Acceptances that expire soon are listed before they do, and for two weeks after."""

from __future__ import annotations

from datetime import date, timedelta

from pipeline.reviews.acceptances import Acceptance
from portal.reviews import expiring

TODAY = date(2026, 11, 29)


def _accepted(*days):
    found = [
        Acceptance("patients", f"R{n}", "lee", "other", str(TODAY + timedelta(n)), 0.1, 0, 1) for n in days
    ]
    return {(each.table_name, each.rule_id): each for each in found}


def test_those_that_end_within_a_month_are_listed_the_first_to_end_first():
    listed = expiring.soon(_accepted(31, 30, 1, 0, -1, -14, -15), TODAY)
    assert [(each.days_left, each.text) for each in listed] == [
        (-14, "14 days ago"),
        (-1, "1 day ago"),
        (0, "today"),
        (1, "in 1 day"),
        (30, "in 30 days"),
    ]


def test_without_acceptances_nothing_is_listed():
    assert expiring.soon({}, TODAY) == []
