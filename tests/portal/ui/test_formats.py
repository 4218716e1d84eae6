"""Moments in the zone of the browser, whatever it says."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from portal.ui import formats

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("Asia/Tokyo", "2026-07-01 21:00 (12:00 UTC)"),
        ("UTC", "2026-07-01 12:00 UTC"),
        ("Etc/Unknown", "2026-07-01 12:00 UTC"),
        ("../etc/passwd", "2026-07-01 12:00 UTC"),
        (None, "2026-07-01 12:00 UTC"),
    ],
)
def test_a_zone_that_nobody_knows_is_utc(monkeypatch, zone, told):
    monkeypatch.setattr(formats.st, "context", SimpleNamespace(timezone=zone))
    assert formats.when(NOON) == told


def test_a_zones_distance_is_that_of_the_moment(monkeypatch):
    monkeypatch.setattr(formats.st, "context", SimpleNamespace(timezone="Europe/Berlin"))
    assert formats.zone_words(NOON) == "Europe/Berlin, UTC+02:00"
    assert formats.zone_words(NOON.replace(month=1)) == "Europe/Berlin, UTC+01:00"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0 s"),
        (119.4, "119 s"),
        (1230, "20 min"),
        (7199, "120 min"),
        (9000, "2.5 h"),
        (4_320_000, "1,200.0 h"),
    ],
)
def test_a_duration_is_said_in_the_unit_that_fits(seconds, told):
    assert formats.duration(seconds) == told


@pytest.mark.parametrize(
    ("now", "before", "told"),
    [(1134, 1000, "+134 (+13.4%)"), (5, 0, "+5"), (7, 7, "0"), (1.5, 2.0, "-0.5 (-25.0%)"), (0, 0, "0")],
)
def test_a_change_has_a_sign_and_a_share_of_what_was_before(now, before, told):
    assert formats.change(now, before) == told


def test_a_share_is_a_percentage_with_one_decimal_and_of_nothing_a_dash():
    assert (formats.share(24, 9853), formats.share(1, 1), formats.share(0, 0)) == ("0.2%", "100.0%", "–")


def test_a_short_time_has_the_year_only_if_it_is_another(monkeypatch):
    monkeypatch.setattr(formats.st, "context", SimpleNamespace(timezone="Europe/Berlin"))
    now = datetime.now(UTC)
    assert formats.short(datetime(1999, 7, 1, 12, 5, tzinfo=UTC)) == "1 Jul 1999 14:05"
    assert str(now.year) not in formats.short(datetime(now.year, 7, 1, 12, 5, tzinfo=UTC))
    assert formats.day(datetime(1999, 7, 1, 23, 5, tzinfo=UTC)) == "2 Jul 1999"
