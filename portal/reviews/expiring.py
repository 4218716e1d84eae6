"""Acceptances of findings that expire soon or have expired lately."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from pipeline.reviews.acceptances import Acceptance
from portal.reviews.decisions import Key

SOON = timedelta(days=30)
LATELY = timedelta(days=14)


@dataclass(frozen=True)
class Expiring:
    """An acceptance with the days until its last day; negative if that has passed."""

    acceptance: Acceptance
    days_left: int

    @property
    def text(self) -> str:
        """Return when the acceptance expires: "in 3 days"."""
        if self.days_left == 0:
            return "today"
        days = f"{abs(self.days_left)} day{'s' if abs(self.days_left) > 1 else ''}"
        return f"in {days}" if self.days_left > 0 else f"{days} ago"


def soon(accepted: Mapping[Key, Acceptance], on: date) -> list[Expiring]:
    """Return the acceptances that end within `SOON` or ended within `LATELY`, the first to end first."""
    every = [Expiring(each, (date.fromisoformat(each.until) - on).days) for each in accepted.values()]
    listed = [each for each in every if -LATELY.days <= each.days_left <= SOON.days]
    return sorted(listed, key=lambda each: (each.days_left, each.acceptance.rule_id))
