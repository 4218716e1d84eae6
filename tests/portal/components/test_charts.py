"""Figures from rows: each kind alone and beside a former release, long names, and what a click on them says."""

from __future__ import annotations

import pandas as pd
import pytest

from portal.components import charts
from portal.components.dashboard import _first, _signed
from portal.services.questions import ENCOUNTER_QUESTIONS, MEDICATION_QUESTIONS, PATIENT_QUESTIONS

QUESTIONS = (*ENCOUNTER_QUESTIONS, *MEDICATION_QUESTIONS, *PATIENT_QUESTIONS)
VALUES = {
    "weekday": [1, 7, 3],
    "hour": [0, 23, 12],
    "days": [0, 30, 2],
    "month": ["2025-01", "2025-02", "2025-03"],
    "dose": [5.0, 10.0, 20.0],
    "unit": ["mg", "mg", "mg"],
    "sex": ["F", "M", "U"],
    "age_band": ["5-9", "90+", "Not recorded"],
}


def _rows(question, factor=1):
    """Three groups of the question; of two values the second is never the smaller."""
    frame = pd.DataFrame({name: VALUES.get(name, ["a" * 50, "a" * 49 + "b", "c"]) for name in question.by})
    for place, name in enumerate(question.values):
        order = place if question.kind != "rate" else len(question.values) - place
        frame[name] = [factor * (10 + 5 * order), factor * (20 + 5 * order), factor * (30 + 5 * order)]
    if "medication" in frame and question.kind == "dose":
        frame["medication"] = "Heparin"
    return frame


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.key)
def test_every_question_has_a_figure_alone_and_beside_a_former_release(question):
    alone = charts.figure(question, _rows(question))
    assert len(alone.data) >= 1
    beside = charts.figure(question, _rows(question), _rows(question, factor=2))
    former = [trace for trace in beside.data if "ormer" in str(trace.name)]
    assert bool(former) == (question.kind in charts._COMPARED)
    assert _signed(alone, "run-1", "none").layout.title.text == "Release run-1; filters: none"


@pytest.mark.parametrize("question", [q for q in QUESTIONS if q.click], ids=lambda q: q.key)
def test_a_click_says_a_value_that_the_filter_knows(question):
    frame = _rows(question)
    clicked = {
        str(_first(list(point) if not isinstance(point, str) else point))
        for trace in charts.figure(question, frame).data
        for point in trace.customdata
    }
    assert clicked == {str(value) for value in frame[question.click]}


def test_long_names_are_shortened_and_still_told_apart():
    question = next(q for q in ENCOUNTER_QUESTIONS if q.key == "encounters-by-department")
    names = list(charts.figure(question, _rows(question)).data[0].y)
    assert len(set(names)) == 3
    assert max(len(name.strip("\u200b")) for name in names) == 34


def test_the_interval_of_a_share_is_wilsons():
    # Newcombe 1998, table I: 81 of 263, and 0 of 20
    assert [round(end, 4) for end in charts.wilson(81, 263)] == [0.2553, 0.3662]
    assert [round(end, 4) for end in charts.wilson(0, 20)] == [0.0, 0.1611]
    assert charts.wilson(0, 0) == (0.0, 1.0)


def test_the_times_of_job_runs_are_those_of_the_viewers_clock_with_utc_on_hover():
    at = pd.Timestamp("2026-11-23 09:00:00", tz="UTC")
    frame = pd.DataFrame(
        [{"job": "quality_audit", "attempt": 1, "started_at": at, "ended_at": at + pd.Timedelta("90s"), "state": "Succeeded"}]
    )  # fmt: skip
    drawn = charts.gantt(frame, {"quality_audit": 60.0}, "Europe/Berlin")
    bar, usual = drawn.data
    assert pd.Timestamp(bar.base[0]) == pd.Timestamp("2026-11-23 10:00:00")
    assert pd.Timestamp(usual.x[0]) == pd.Timestamp("2026-11-23 10:01:00")
    assert list(bar.customdata[0]) == [1, "10:00:00 to 10:01:30 Europe/Berlin", "09:00:00 to 09:01:30 UTC"]
    assert drawn.layout.xaxis.title.text == "Time of day (Europe/Berlin)"
