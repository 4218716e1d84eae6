"""The hospital's clock: local dates and hours of UTC timestamps, whatever the engine's session time zone is."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F


def local(timestamp: str, time_zone: str) -> Column:
    """Return a UTC timestamp as the hospital's wall clock shows it; the repeated autumn hour is there twice."""
    return F.from_utc_timestamp(F.col(timestamp), time_zone)


def local_date(timestamp: str, time_zone: str) -> Column:
    return local(timestamp, time_zone).cast("date")


def local_month(timestamp: str, time_zone: str) -> Column:
    """Return yyyy-MM."""
    return F.date_format(local(timestamp, time_zone), "yyyy-MM")
