"""Convert UTC timestamps to hospital time, independently of the session time zone."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F


def local(timestamp: str, time_zone: str) -> Column:
    """Return a UTC timestamp in hospital time; local times of the repeated hour in autumn are ambiguous."""
    return F.from_utc_timestamp(F.col(timestamp), time_zone)


def local_date(timestamp: str, time_zone: str) -> Column:
    return local(timestamp, time_zone).cast("date")


def local_month(timestamp: str, time_zone: str) -> Column:
    """Return the month of a UTC timestamp in hospital time, as yyyy-MM."""
    return F.date_format(local(timestamp, time_zone), "yyyy-MM")
