"""Homes by role: what waits for a clinician, and when the next run is due."""

from __future__ import annotations

from datetime import time
from types import SimpleNamespace

import pytest

from pipeline.lateness import Schedule
from pipeline.releases.model import Published, Release
from portal.ui.home import clinician, engineer


def release(name, decision, *reasons):
    return Release(name, name, ["b"], decision, "2026-01-01T00:00:00Z", reasons=list(reasons))


def reason(table, failed, severity="block", **more):
    return {"rule_id": "X", "table": table, "failed": failed, "checked": 100, "severity": severity, **more}


def test_the_headline_counts_blocking_findings_and_their_records(monkeypatch):
    monkeypatch.setattr(clinician.names, "_number", lambda *_: 4)
    held = release(
        "r", "hold", reason("encounters", 24), reason("encounters", 5), reason("patients", 1),
        reason("medications", 9, "error"), reason("medications", 7, accepted={"by": "dr.lee"}),
    )  # fmt: skip
    assert clinician.headline(held) == (
        "Release 4 waits for you: 3 blocking findings, 24 encounters, 1 patient"
    )


@pytest.mark.parametrize(
    ("published", "waiting"),
    [(None, "r2"), (Published("r1", "", "", ""), "r2"), (Published("r2", "", "", "", ["r1"]), None)],
)
def test_a_release_waits_until_it_is_published(monkeypatch, published, waiting):
    every = {"r2": release("r2", "hold"), "r1": release("r1", "publish")}
    monkeypatch.setattr(clinician.listing, "ids", lambda: list(every))
    monkeypatch.setattr(clinician.listing, "review_log", lambda: SimpleNamespace(events=()))
    monkeypatch.setattr(clinician.cache, "published", lambda: published)
    monkeypatch.setattr(clinician.cache, "release", every.get)
    found = clinician.held()
    assert (found and found.release_id) == waiting


def test_a_laptop_says_that_its_schedule_starts_nothing(monkeypatch):
    settings = SimpleNamespace(starts_by_schedule=False)
    monkeypatch.setattr(engineer.session, "process_context", lambda: SimpleNamespace(settings=settings))
    assert engineer.next_run() == "On a laptop the schedule starts no runs."
    settings.starts_by_schedule = True
    monkeypatch.setattr(engineer.session, "context", lambda: None)
    monkeypatch.setattr(engineer.schedule, "find", lambda _: Schedule(True, "", time(2), False))
    assert engineer.next_run().startswith("Next scheduled run: ")
    monkeypatch.setattr(engineer.schedule, "find", lambda _: None)
    assert engineer.next_run() == "No run is scheduled."
