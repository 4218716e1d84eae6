"""Sources that have sent no batch for too long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pipeline.lateness import silent

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_a_source_is_silent_after_its_hours_and_not_before():
    newest = {"ward": NOW - timedelta(hours=26, minutes=1), "lab": NOW - timedelta(hours=25, minutes=59)}
    [delay] = silent(newest, {"ward": 26, "lab": 26}, NOW)
    assert delay.about == "ward-20260130T095900Z"
    assert delay.message_in_utc == (
        "Source ward has sent no batch for 26 hours; the newest arrived 2026-01-30 09:59 UTC."
    )


def test_a_source_that_never_sent_anything_is_silent():
    [delay] = silent({}, {"ward/a b": 1.5}, NOW)
    assert (delay.kind, delay.about) == ("no batch", "ward-a-b")
    assert delay.message_in_utc == "Source ward/a b has sent no batch for 1.5 hours; none has ever arrived."


def test_without_hours_no_source_is_watched():
    assert silent({"ward": NOW - timedelta(days=9)}, {}, NOW) == []
