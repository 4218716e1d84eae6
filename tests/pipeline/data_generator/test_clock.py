"""Conversion between local time and UTC, compared with `zoneinfo`."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data_generator.clock import clock

ZONES = (
    "America/New_York",
    "America/Los_Angeles",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "UTC",
)
FIRST = (datetime(2019, 1, 1) - datetime(1970, 1, 1)).days
LAST = (datetime(2026, 1, 1) - datetime(1970, 1, 1)).days


def _utc(naive, zone):
    return int(naive.replace(tzinfo=ZoneInfo(zone)).timestamp())


def _naive_seconds(naive):
    return int(naive.replace(tzinfo=UTC).timestamp())


@settings(deadline=None)
@given(
    st.sampled_from(ZONES),
    st.lists(st.datetimes(datetime(2019, 1, 2), datetime(2025, 12, 30)), min_size=1, max_size=50),
)
def test_any_local_time_becomes_the_utc_time_of_zoneinfo(zone, times):
    times = [time.replace(microsecond=0) for time in times]
    local = np.array([_naive_seconds(time) for time in times])
    assert clock(zone, FIRST, LAST).to_utc(local).tolist() == [_utc(time, zone) for time in times]


@pytest.mark.parametrize("zone", ZONES)
def test_every_quarter_hour_of_two_years_converts_to_local_time_and_back_like_zoneinfo(zone):
    utc = np.arange(_utc(datetime(2023, 1, 1), "UTC"), _utc(datetime(2025, 1, 1), "UTC"), 900)
    local = clock(zone, FIRST, LAST).to_local(utc)
    expected = [
        _naive_seconds(datetime.fromtimestamp(second, ZoneInfo(zone)).replace(tzinfo=None))
        for second in utc.tolist()
    ]
    assert local.tolist() == expected


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2024-11-03T01:30", "2024-11-03T05:30"),  # occurs twice: the first one, still daylight saving time
        ("2024-11-03T02:00", "2024-11-03T07:00"),
        ("2024-03-10T01:59", "2024-03-10T06:59"),
        ("2024-03-10T02:30", "2024-03-10T07:30"),  # does not exist: 03:30 daylight saving time
        ("2024-03-10T03:00", "2024-03-10T07:00"),
    ],
)
def test_the_clock_changes_in_new_york(local, utc):
    seconds = np.array([_naive_seconds(datetime.fromisoformat(local))])
    found = clock("America/New_York", FIRST, LAST).to_utc(seconds)[0]
    assert datetime(1970, 1, 1) + timedelta(seconds=int(found)) == datetime.fromisoformat(utc)
