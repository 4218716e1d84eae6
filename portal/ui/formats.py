"""Format timestamps in the time zone of the browser, and durations."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st


def ago(timestamp: datetime) -> str:
    """Return the time since a timestamp as text: "5 minutes ago"."""
    seconds = max(0, (datetime.now(UTC) - timestamp).total_seconds())
    for size, word in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {word}{'s' if number > 1 else ''} ago"
    return "just now"


def parse_timestamp(text: str) -> datetime:
    return datetime.fromisoformat(text)


def zone() -> str:
    """Return the time zone of the hospital, if set, else of the browser; UTC if Python does not know it."""
    named = os.environ.get("HDP_PAGE_TIME_ZONE") or st.context.timezone or "UTC"
    try:
        ZoneInfo(named)
    except (ZoneInfoNotFoundError, ValueError):
        return "UTC"
    return named


def zone_words(timestamp: datetime) -> str:
    """Return the time zone with its UTC offset at a timestamp: "Europe/Berlin, UTC+01:00"."""
    offset = f"{timestamp.astimezone(ZoneInfo(zone())):%z}"
    return "UTC" if zone() == "UTC" else f"{zone()}, UTC{offset[:3]}:{offset[3:]}"


def time_column(format: str = "YYYY-MM-DD HH:mm:ss") -> Any:
    """Return the configuration of a timestamp column, in the time zone of the browser."""
    return st.column_config.DatetimeColumn(format=format, timezone=zone(), help=f"Times in {zone()}")


def clock(timestamp: datetime) -> str:
    """Return the time of day in the time zone of the browser."""
    return f"{timestamp.astimezone(ZoneInfo(zone())):%H:%M:%S}"


def when(timestamp: datetime) -> str:
    """Return a timestamp in the time zone of the browser, with the UTC time if that zone is not UTC."""
    local = timestamp.astimezone(ZoneInfo(zone()))
    utc = "" if zone() == "UTC" else f" ({timestamp.astimezone(UTC):%H:%M} UTC)"
    return f"{local:%Y-%m-%d %H:%M}{utc or ' UTC'}"


def short(timestamp: datetime) -> str:
    """Return day, month and time in the time zone of the browser: "27 Nov 19:40", or with the year."""
    local = timestamp.astimezone(ZoneInfo(zone()))
    is_this_year = local.year == datetime.now(local.tzinfo).year
    return f"{local.day} {local:%b %H:%M}" if is_this_year else f"{local.day} {local:%b %Y %H:%M}"


def day(timestamp: datetime) -> str:
    """Return the date in the time zone of the browser: "27 Nov 2026"."""
    local = timestamp.astimezone(ZoneInfo(zone()))
    return f"{local.day} {local:%b %Y}"


def local_day(text: str) -> date:
    """Return the date of a timestamp in the time zone of the pages."""
    return parse_timestamp(text).astimezone(ZoneInfo(zone())).date()


def share(part: float, whole: float) -> str:
    """Return a share in percent with one decimal, without a blank: "13.4%"; "–" of nothing."""
    return f"{part / whole:.1%}" if whole else "–"


def change(now: float, before: float) -> str:
    """Return a difference with its sign and, if there was something before, in percent: "+120 (+13.4%)"."""
    difference = now - before
    text = f"{difference:+,.0f}" if float(difference).is_integer() else f"{difference:+,.1f}"
    return "0" if not difference else f"{text} ({difference / abs(before):+.1%})" if before else text


def duration(seconds: float) -> str:
    """Return a duration as text, in seconds, minutes or hours."""
    if seconds < 120:
        return f"{seconds:,.0f} s"
    minutes = seconds / 60
    return f"{minutes:,.0f} min" if minutes < 120 else f"{minutes / 60:,.1f} h"
