"""Job runs as bars over time."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from dateutil.tz import tzlocal

from portal.ui.runs import gantt


def test_the_times_of_job_runs_are_those_of_the_viewers_clock_with_utc_on_hover():
    at = pd.Timestamp("2026-11-23 09:00:00", tz="UTC")
    frame = pd.DataFrame(
        [
            {
                "job": "quality_audit",
                "attempt": 1,
                "started_at": at,
                "ended_at": at + pd.Timedelta("90s"),
                "state": "Succeeded",
            }
        ]
    )
    drawn = gantt.draw(frame, {"quality_audit": 60.0}, "Europe/Berlin")
    bar, usual = drawn.data
    assert pd.Timestamp(bar.base[0]) == pd.Timestamp("2026-11-23 10:00:00")
    assert pd.Timestamp(usual.x[0]) == pd.Timestamp("2026-11-23 10:01:00")
    assert list(bar.customdata[0]) == [1, "10:00:00 to 10:01:30 Europe/Berlin", "09:00:00 to 09:01:30 UTC"]
    assert drawn.layout.xaxis.title.text == "Time of day (Europe/Berlin)"


def test_a_job_that_ended_is_drawn_beside_one_that_goes_on():
    at = datetime(2026, 11, 23, 9, tzinfo=tzlocal())  # as boto3 reads an answer
    ends = {"patients": pd.Timestamp(at), "encounters": pd.Timestamp.now(tz="UTC")}
    frame = pd.DataFrame(
        [
            {"job": job, "attempt": 1, "started_at": pd.Timestamp(at), "ended_at": end, "state": "Running"}
            for job, end in ends.items()
        ]
    )
    (bars,) = gantt.draw(frame, {}).data
    assert list(bars.y) == list(ends)
