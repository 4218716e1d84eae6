"""What reviewers have taken responsibility for, of the events of `pipeline.reviews`: findings, and single rows.

Standard library only: the audit job applies them to later runs.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from pipeline.reviews.events import Event


@dataclass(frozen=True)
class Acceptance:
    """A finding that a reviewer has taken responsibility for, with its limits.

    It covers later runs through the day `until`, while what was measured gets no worse than `rate` by more than
    `margin`; `unit` is that of both ("percent" for shares, 0 to 1). `floor` and `threshold` are the rule's limits
    of that day: a measure that breaks the other one of them is another finding.
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
        """The least and the most that may be measured."""
        if self.rate < self.floor:
            return self.rate - self.margin, math.inf if self.threshold is None else self.threshold
        return self.floor, self.rate + self.margin

    def covers(self, rate: float | None, on: date) -> bool:
        return not lapsed(self, rate, on)


def lapsed(acceptance: Acceptance, rate: float | None, on: date) -> str:
    """Why an acceptance does not cover what is measured on a day, in words; empty where it does."""
    if on > date.fromisoformat(acceptance.until):
        return f"its last day was {acceptance.until}"
    if rate is None:
        return "nothing was measured"
    least, most = acceptance.covered
    if least - _EVEN <= rate <= most + _EVEN:
        return ""
    now, then, margin = (_measure(v, acceptance.unit) for v in (rate, acceptance.rate, acceptance.margin))
    if (rate < least) == (acceptance.rate < acceptance.floor):
        way = "fell" if rate < least else "grew"
        return f"it {way} past the margin: {now} now, {then} accepted with a margin of {margin}"
    return f"it fails the other way: {now} now, {then} accepted"


_EVEN = 1e-12
"""Two measures that differ by less are the same: shares are divisions."""


def _measure(value: float, unit: str) -> str:
    return f"{value * 100:.6g} %" if unit == "percent" else f"{value:.6g} {unit}"


def acceptances(events: Iterable[Event]) -> dict[tuple[str, str], Acceptance]:
    """By table and rule the acceptance that stands: the last word on a finding counts."""
    standing: dict[tuple[str, str], Acceptance] = {}
    for each in events:
        if each.finding is None:
            continue
        if each.kind == "finding_accepted":
            said = each.said
            standing[each.finding] = Acceptance(
                *each.finding,
                by=each.by,
                reason=said["reason"],
                until=said["until"],
                rate=said["rate"],
                margin=said["margin"],
                event=each.number,
                floor=said.get("floor", 0.0),
                threshold=said.get("threshold"),
                unit=said.get("unit", "percent"),
            )
        elif each.kind in {"finding_rejected", "acceptance_withdrawn"}:
            standing.pop(each.finding, None)
    return standing


@dataclass(frozen=True)
class RowAcceptance:
    """One row that fails a rule and that a reviewer has verified as true, through the day `until`.

    The row is named by the hash of its key: a new identifier would be one more place that tells who it is.
    """

    table_name: str
    rule_id: str
    row_hash: str
    by: str
    reason: str
    until: str
    event: int

    def covers(self, on: date) -> bool:
        return on <= date.fromisoformat(self.until)


def row_hash(key: str) -> str:
    """Stands for a row's key in the log; Spark's ``sha2(key, 256)`` gives the same."""
    return hashlib.sha256(key.encode()).hexdigest()


def row_acceptances(events: Iterable[Event]) -> dict[tuple[str, str], dict[str, RowAcceptance]]:
    """By table and rule the rows that are accepted, by their hash: the last word on a row counts."""
    standing: dict[tuple[str, str], dict[str, RowAcceptance]] = {}
    for each in events:
        if each.finding is None or each.kind not in {"rows_accepted", "row_acceptance_withdrawn"}:
            continue
        rows = standing.setdefault(each.finding, {})
        for row in each.said["row_hashes"]:
            rows.pop(row, None)
            if each.kind == "rows_accepted":
                said = each.said
                rows[row] = RowAcceptance(
                    *each.finding, row, each.by, said["reason"], said["until"], each.number
                )
    return {finding: rows for finding, rows in standing.items() if rows}
