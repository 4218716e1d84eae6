"""Moments and durations as the viewer reads them: in the zone of the browser, with UTC beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st


def ago(moment: datetime) -> str:
    """How long ago, in words."""
    seconds = max(0, (datetime.now(UTC) - moment).total_seconds())
    for size, word in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {word}{'s' if number > 1 else ''} ago"
    return "just now"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def zone() -> str:
    """The viewer's time zone, as the browser tells it; UTC where that is none that Python knows."""
    named = st.context.timezone or "UTC"
    try:
        ZoneInfo(named)
    except (ZoneInfoNotFoundError, ValueError):
        return "UTC"
    return named


def zone_words(moment: datetime) -> str:
    """The viewer's zone with its distance from UTC at a moment, for heads of columns and axes."""
    offset = f"{moment.astimezone(ZoneInfo(zone())):%z}"
    return "UTC" if zone() == "UTC" else f"{zone()}, UTC{offset[:3]}:{offset[3:]}"


def time_column(format: str = "YYYY-MM-DD HH:mm:ss") -> Any:
    """A column of moments in the viewer's zone."""
    return st.column_config.DatetimeColumn(format=format, timezone=zone(), help=f"Times in {zone()}")


def clock(moment: datetime) -> str:
    """The time of day in the viewer's zone."""
    return f"{moment.astimezone(ZoneInfo(zone())):%H:%M:%S}"


def when(moment: datetime) -> str:
    """A moment in the viewer's zone, in UTC where that is another."""
    local = moment.astimezone(ZoneInfo(zone()))
    utc = "" if zone() == "UTC" else f" ({moment.astimezone(UTC):%H:%M} UTC)"
    return f"{local:%Y-%m-%d %H:%M}{utc or ' UTC'}"


def duration(seconds: float) -> str:
    """A length of time in the unit that people would use for it."""
    if seconds < 120:
        return f"{seconds:,.0f} s"
    minutes = seconds / 60
    return f"{minutes:,.0f} min" if minutes < 120 else f"{minutes / 60:,.1f} h"
