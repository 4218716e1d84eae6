"""Acceptances of findings and of single rows, derived from the review log.

The audit job applies them to later runs. Standard library only, because that job imports this module.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from pipeline.reviews.events import Event


@dataclass(frozen=True)
class Acceptance:
    """A reviewer's acceptance of a finding, with a reason, an end date and limits.

    It covers runs up to and including the date `until`, as long as the measured value is at most `margin`
    worse than `rate`, the value that was accepted. Both have the unit `unit` ("percent" for shares from 0 to
    1). `floor` and `threshold` are the rule's limits when the finding was accepted; a value beyond the
    opposite limit is a different finding. `event` is the sequence number of the event that records the
    acceptance.
    """

    table_name: str
    rule_id: str
    by: str
    reason: str
    until: str
    rate: float
    margin: float
    event: int
    floor: float = 0.0
    threshold: float | None = None
    unit: str = "percent"

    @property
    def covered(self) -> tuple[float, float]:
        """Minimum and maximum of the values that the acceptance covers."""
        if self.rate < self.floor:
            return self.rate - self.margin, math.inf if self.threshold is None else self.threshold
        return self.floor, self.rate + self.margin

    def covers(self, rate: float | None, on: date) -> bool:
        """Return True if the acceptance covers a value measured on a date."""
        return not lapsed(self, rate, on)


def lapsed(acceptance: Acceptance, rate: float | None, on: date) -> str:
    """Return why an acceptance does not cover a value measured on a date; empty if it covers the value."""
    if on > date.fromisoformat(acceptance.until):
        return f"it ended on {acceptance.until}"
    if rate is None:
        return "nothing was measured"
    minimum, maximum = acceptance.covered
    if minimum - _TOLERANCE <= rate <= maximum + _TOLERANCE:
        return ""
    now, then, margin = (_measure(v, acceptance.unit) for v in (rate, acceptance.rate, acceptance.margin))
    if (rate < minimum) == (acceptance.rate < acceptance.floor):
        change = "fell" if rate < minimum else "rose"
        return f"it {change} beyond the margin: {now} now, {then} accepted with a margin of {margin}"
    return f"it is now beyond the opposite limit: {now} now, {then} accepted"


_TOLERANCE = 1e-12
"""Rounding error of shares: values that differ by less are equal."""


def _measure(value: float, unit: str) -> str:
    return f"{value * 100:.6g} %" if unit == "percent" else f"{value:.6g} {unit}"


def acceptances(events: Iterable[Event]) -> dict[tuple[str, str], Acceptance]:
    """Return the acceptances by (table, rule), including expired ones.

    The last decision on a finding counts.
    """
    in_force: dict[tuple[str, str], Acceptance] = {}
    for event in events:
        if event.finding is None:
            continue
        if event.kind == "finding_accepted":
            in_force[event.finding] = _acceptance(event, *event.finding)
        elif event.kind in {"finding_rejected", "acceptance_withdrawn"}:
            in_force.pop(event.finding, None)
    return in_force


def _acceptance(event: Event, table_name: str, rule_id: str) -> Acceptance:
    payload = event.payload
    return Acceptance(
        table_name,
        rule_id,
        by=event.by,
        reason=payload["reason"],
        until=payload["until"],
        rate=payload["rate"],
        margin=payload["margin"],
        event=event.sequence,
        floor=payload.get("floor", 0.0),
        threshold=payload.get("threshold"),
        unit=payload.get("unit", "percent"),
    )


@dataclass(frozen=True)
class RowAcceptance:
    """A failing row that a reviewer has verified as correct, accepted up to and including the date `until`.

    The row is identified by its pseudonym, so that the log contains no patient identifiers.
    """

    table_name: str
    rule_id: str
    row_label: str
    by: str
    reason: str
    until: str
    event: int

    def covers(self, on: date) -> bool:
        """Return True unless the acceptance has ended before the date `on`."""
        return on <= date.fromisoformat(self.until)


def row_acceptances(events: Iterable[Event]) -> dict[tuple[str, str], dict[str, RowAcceptance]]:
    """Return the acceptances of rows, including expired ones, by (table, rule) and then by pseudonym.

    The last decision on a row counts.
    """
    in_force: dict[tuple[str, str], dict[str, RowAcceptance]] = {}
    for event in events:
        if event.finding is None or event.kind not in {"rows_accepted", "row_acceptance_withdrawn"}:
            continue
        rows = in_force.setdefault(event.finding, {})
        for row in event.payload["row_hashes"]:
            rows.pop(row, None)
            if event.kind == "rows_accepted":
                reason, until = event.payload["reason"], event.payload["until"]
                rows[row] = RowAcceptance(*event.finding, row, event.by, reason, until, event.sequence)
    return {finding: rows for finding, rows in in_force.items() if rows}
