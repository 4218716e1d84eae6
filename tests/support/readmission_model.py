"""Readmissions in plain Python: inpatient episodes of a patient, and what follows within 30 days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any

Row = dict[str, Any]


def readmissions(stays: Sequence[Row], last_day: date | None) -> dict[str, str]:
    """By encounter the state of an inpatient stay: its episode is all that overlaps it, directly or by
    others.

    A stay has encounter_id, patient_id, first, last (None while it is open) and died.
    """
    of_patient = defaultdict(list)
    for stay in stays:
        of_patient[stay["patient_id"]].append(stay)
    return {
        stay["encounter_id"]: _state(_episode(stay, theirs), theirs, last_day)
        for theirs in of_patient.values()
        for stay in theirs
    }


def _episode(stay: Row, of_patient: Sequence[Row]) -> list[Row]:
    found = [stay]
    while more := [o for o in of_patient if o not in found and any(_touch(o, each) for each in found)]:
        found += more
    return found


def _touch(one: Row, other: Row) -> bool:
    """Return True if two stays share a calendar day."""
    ends = [each["last"] or date.max for each in (one, other)]
    return max(one["first"], other["first"]) <= min(ends)


def _state(episode: Sequence[Row], of_patient: Sequence[Row], last_day: date | None) -> str:
    if any(stay["died"] for stay in episode):
        return "died"
    if any(stay["last"] is None for stay in episode):
        return "in hospital"
    end = max(stay["last"] for stay in episode)
    if any(1 <= (stay["first"] - end).days <= 30 for stay in of_patient):
        return "readmitted"
    return "window open" if (last_day - end).days <= 30 else "not readmitted"
