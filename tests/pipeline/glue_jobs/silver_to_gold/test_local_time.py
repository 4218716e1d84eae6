"""The hospital's clock on the nights of the change of time, and at the ends of months."""

from __future__ import annotations

from datetime import date

import pytest

from pipeline import frames
from pipeline.glue_jobs.bronze_to_silver.typing import timestamp
from pipeline.glue_jobs.quality.audit import with_local_times
from pipeline.glue_jobs.silver_to_gold.local_time import local, local_date, local_month

NEW_YORK = "America/New_York"

CASES = [
    # zone, UTC, hour by hand, day, month
    # the last second before 2:00 is skipped
    (NEW_YORK, "2025-03-09 06:59:59", 1, date(2025, 3, 9), "2025-03"),
    (NEW_YORK, "2025-03-09 07:00:00", 3, date(2025, 3, 9), "2025-03"),
    (NEW_YORK, "2025-03-10 03:59:59", 23, date(2025, 3, 9), "2025-03"),  # the end of a day of 23 hours
    (NEW_YORK, "2025-03-10 04:00:00", 0, date(2025, 3, 10), "2025-03"),
    (NEW_YORK, "2025-11-02 05:30:00", 1, date(2025, 11, 2), "2025-11"),  # 1:30 for the first time
    (NEW_YORK, "2025-11-02 06:30:00", 1, date(2025, 11, 2), "2025-11"),  # and again
    (NEW_YORK, "2025-11-03 04:59:59", 23, date(2025, 11, 2), "2025-11"),  # the end of a day of 25 hours
    # a month ends five hours later than in UTC
    (NEW_YORK, "2025-02-01 04:59:59", 23, date(2025, 1, 31), "2025-01"),
    (NEW_YORK, "2025-02-01 05:00:00", 0, date(2025, 2, 1), "2025-02"),
    (NEW_YORK, "2025-01-01 04:00:00", 23, date(2024, 12, 31), "2024-12"),
    ("Asia/Kolkata", "2025-03-31 18:29:59", 23, date(2025, 3, 31), "2025-03"),  # half an hour off
    ("Asia/Kolkata", "2025-03-31 18:30:00", 0, date(2025, 4, 1), "2025-04"),
    ("UTC", "2025-03-31 23:59:59", 23, date(2025, 3, 31), "2025-03"),
    (NEW_YORK, None, None, None, None),
]  # fmt: skip


@pytest.mark.parametrize("zone", sorted({case[0] for case in CASES}))
def test_hour_day_and_month_are_those_of_the_wall_clock(spark, zone):
    of_zone = [case for case in CASES if case[0] == zone]
    given = frames.of(spark, [{"n": n, "at": c[1]} for n, c in enumerate(of_zone)], "n int, at timestamp")
    by_job = given.select(
        "n",
        local("at", zone).alias("clock"),
        local_date("at", zone).alias("day"),
        local_month("at", zone).alias("month"),
    ).selectExpr("n", "hour(clock) as hour", "day", "month")
    by_audit = with_local_times(given, zone, ["at"]).selectExpr(
        "n", "hour(at_local)", "cast(at_local as date)", "date_format(at_local, 'yyyy-MM')"
    )
    expected = [(n, *case[2:]) for n, case in enumerate(of_zone)]
    assert [tuple(row) for row in by_job.orderBy("n").collect()] == expected
    assert [tuple(row) for row in by_audit.orderBy("n").collect()] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-02-01", "2025-02-01 05:00:00"),  # a date alone is local midnight
        ("2025-03-09", "2025-03-09 05:00:00"),
        ("2025-03-10", "2025-03-10 04:00:00"),  # summer time has begun
        ("2025-11-02", "2025-11-02 04:00:00"),
        ("2025-11-03", "2025-11-03 05:00:00"),
        ("2025-02-01T08:00:00Z", "2025-02-01 08:00:00"),
        ("2025-02-01 08:00:00", "2025-02-01 08:00:00"),  # without an offset it is UTC
        ("2025-02-01T08:00:00-05:00", "2025-02-01 13:00:00"),
        ("02/01/2025", None),
        (None, None),
    ],
)
def test_a_date_without_a_time_is_midnight_of_the_hospitals_clock(spark, text, expected):
    given = frames.of(spark, [{"raw": {"at": text}}], "raw struct<at: string>")
    (row,) = given.selectExpr(
        f"date_format({timestamp('at', NEW_YORK)}, 'yyyy-MM-dd HH:mm:ss') as found"
    ).collect()
    assert row.found == expected
