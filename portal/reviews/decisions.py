"""Decisions on the findings of a run: accepted, not a problem, must be fixed or undecided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from pipeline.contracts.model import Rule
from pipeline.reviews.acceptances import Acceptance, acceptances
from pipeline.reviews.events import Event, fingerprint
from pipeline.rules.outcomes import FOUND
from portal.quality import rule_texts

if TYPE_CHECKING:
    import pandas as pd  # takes a second to import, so functions that need it import it

Decision = Literal["accepted", "rows_confirmed", "not_a_problem", "must_fix", "undecided"]

LABELS: dict[Decision, str] = {
    "must_fix": "Must be fixed",
    "undecided": "Undecided",
    "accepted": "Accepted",
    "rows_confirmed": "Records confirmed",
    "not_a_problem": "Not a problem",
}
"""Labels of decisions, the most urgent first."""

FAILED = frozenset({"fail", "error"})
_IN_ALL_RUNS = {"finding_accepted", "finding_rejected", "acceptance_withdrawn"}
Key = tuple[str, str]


@dataclass(frozen=True)
class Finding:
    """A rule result that needs attention, with its decision."""

    table_name: str
    rule_id: str
    severity: str
    status: str
    failed: int
    checked: int
    decision: Decision
    rate: float | None = None

    @property
    def rule(self) -> Rule | None:
        """Return the rule, or None if it was deleted."""
        return rule_texts.rules().get(self.key)

    @property
    def harm(self) -> int:
        """Return the rank of the harm class, 0 for the worst."""
        return rule_texts.harm_rank(self.rule)

    @property
    def sentence(self) -> str:
        return rule_texts.finding(self.rule, self.key, self.failed, self.rate, self.status)

    @property
    def key(self) -> Key:
        return self.table_name, self.rule_id

    @property
    def is_blocking(self) -> bool:
        return self.severity == "block" and self.status in FAILED

    @property
    def bars_approval(self) -> bool:
        return self.decision == "must_fix" or (self.is_blocking and self.decision == "undecided")

    @property
    def is_undecided(self) -> bool:
        """Return whether a decision is due: the rule failed and is not informational."""
        return self.decision == "undecided" and self.status in FAILED and self.severity != "info"

    def __str__(self) -> str:
        block = ", blocking" if self.is_blocking else ""
        return f"{self.rule_id} of {self.table_name} ({LABELS[self.decision].lower()}{block})"


def last_decisions(events: Iterable[Event], run_id: str) -> dict[Key, Event]:
    """Return the last deciding event by table and rule; a dismissal counts in its own run only."""
    found = {}
    for event in events:
        is_dismissal = event.kind == "finding_dismissed" and event.subject["run_id"] == run_id
        if event.finding and (is_dismissal or event.kind in _IN_ALL_RUNS):
            found[event.finding] = event
    return found


def of_results(
    results: pd.DataFrame,
    reasons: Sequence[Mapping[str, Any]],
    decided: Mapping[Key, Event],
    on: date,
) -> tuple[Finding, ...]:
    """Return the findings of a run: blocking ones first, then by decision and harm.

    `reasons` are those of the run's audit.
    """
    confirmed = {
        (r["table"], r["rule_id"]) for r in reasons if r.get("accepted_rows") and r["status"] not in FAILED
    }
    found = results[results["status"].isin(FOUND)]
    listed = [
        Finding(
            row["table_name"],
            row["rule_id"],
            row["severity"],
            row["status"],
            int(row["failed"]),
            int(row["checked"]),
            _decision(row, decided.get((row["table_name"], row["rule_id"])), confirmed, on),
            _rate(row["rate"]),
        )
        for row in found.to_dict("records")
    ]
    order = list(LABELS)
    return tuple(sorted(listed, key=lambda f: (not f.is_blocking, order.index(f.decision), f.harm, f.key)))


def _decision(row: Mapping[Any, Any], event: Event | None, confirmed: set[Key], on: date) -> Decision:
    key = (row["table_name"], row["rule_id"])
    if event is not None and event.kind == "finding_rejected":
        return "must_fix"
    if row["status"] != "error" and event is not None:
        if event.kind == "finding_dismissed":
            return "not_a_problem"
        if event.kind == "finding_accepted" and _acceptance(event).covers(_rate(row["rate"]), on):
            return "accepted"
    return "rows_confirmed" if key in confirmed else "undecided"


def _acceptance(event: Event) -> Acceptance:
    (found,) = acceptances([event]).values()
    return found


def _rate(rate: float | None) -> float | None:
    import pandas as pd  # noqa: PLC0415

    return None if rate is None or pd.isna(rate) else float(rate)


def confirmation_code(undecided: Iterable[Finding], version: str) -> str:
    """Return a code for a list of undecided findings and the version of their release.

    By repeating the code, the signer confirms having seen the list.
    """
    listed = sorted(f"{f.table_name}:{f.rule_id}:{f.severity}:{f.failed}/{f.checked}" for f in undecided)
    return fingerprint({"undecided": listed, "release": version})[:8]
