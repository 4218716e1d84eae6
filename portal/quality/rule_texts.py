"""A rule and what it measured, in words that a page, a report and a terminal share."""

from __future__ import annotations

from datetime import date
from functools import cache

import pandas as pd

from pipeline.contracts.model import Rule, all_contracts
from pipeline.reviews.acceptances import Acceptance, lapsed


@cache
def rules() -> dict[tuple[str, str], Rule]:
    """Every rule by table and id."""
    return {(contract.table, rule.id): rule for contract in all_contracts() for rule in contract.rules}


def share(rate: float | None, unit: str = "percent") -> str:
    """A rate for people: never 0 % for a count above zero."""
    if rate is None or pd.isna(rate):
        return "–"
    if unit != "percent":
        return f"{rate:.2f}"
    if 0 < rate < 0.0001:
        return "under 0.01 %"
    return f"{rate:.2%}".replace("%", " %")


def limit(rule: Rule) -> str:
    """What is still accepted, in words."""
    if rule.floor:
        return f"{share(rule.floor, rule.unit)} to {share(rule.threshold, rule.unit)}"
    return "none" if rule.threshold == 0 else f"up to {share(rule.threshold, rule.unit)}"


def population(rule: Rule | None, table: str) -> str:
    """What the denominator counts, as the contract says it; rows, of a rule that it does not have any more."""
    return rule.population if rule else f"rows of {table}"


def counted(rule: Rule | None, table: str, failed: int, checked: int) -> str:
    """Count and denominator: ``3 of 1,204 inpatient stays``."""
    if not checked:
        return "not applicable"
    if rule is not None and rule.unit != "percent":
        return f"over {checked:,} {population(rule, table)}"
    return f"{failed:,} of {checked:,} {population(rule, table)}"


def measured(
    rule: Rule | None, table: str, status: str, failed: int, checked: int, rate: float | None
) -> str:
    """Count, denominator, rate and limit in one sentence."""
    if status == "error":
        return "The rule itself broke, so nothing is known: this is not a pass."
    if not checked:
        return "Not applicable in this run: it counts neither as passed nor as failed."
    allowed = f"; accepted: {limit(rule)}" if rule else ""
    if rule is not None and rule.unit != "percent":
        return f"Measured {share(rate, rule.unit)} ({rule.unit}) {counted(rule, table, failed, checked)}{allowed}."
    if failed == 0 and rate:  # a share that is measured, with no row that fails
        return f"Measured {share(rate)} over {checked:,} {population(rule, table)}{allowed}."
    return f"{counted(rule, table, failed, checked)} fail ({share(rate)}){allowed}."


def marked(detail: object) -> str:
    """How many values of each column were null markers, as the result of a rule says it; empty where it says nothing."""
    return f"Null markers emptied, by column: {detail}." if isinstance(detail, str) and detail else ""


def limit_owner(rule: Rule) -> str:
    """Whose the limit is, and why it is where it is."""
    return f"Threshold owner: {rule.limit_owner}. {rule.limit_reason}"


def advice(rule: Rule) -> tuple[str, str]:
    """What the engineer can do, and what it means to whoever uses the data."""
    if rule.refuses:
        engineer = "The rows are in quarantine with their reason: have them corrected at the source and import them again."
        reader = "The failing rows are left out of every chart and table until they are corrected."
    elif rule.is_whole:
        engineer = "Look at the batches of this run and at the jobs that wrote the table."
        reader = (
            "Analysts do not see the release until a clinician approves it."
            if rule.severity == "block"
            else "The release is as measured: bear it in mind when comparing it with others."
        )
    else:
        engineer = (
            "The rows were loaded as they are: have them corrected at the source, where they are wrong."
        )
        reader = "The failing rows are in every chart and table: exclude them from sensitive analyses."
    return f"{rule.cause} {engineer}", f"{rule.rationale} {reader}"


def standing(acceptance: Acceptance, rate: float | None, on: date) -> str:
    """Whether an acceptance covers what was measured, and where not, why it lapsed."""
    measured = None if rate is None or pd.isna(rate) else rate
    why = lapsed(acceptance, measured, on)
    if not why:
        return f"Accepted until {acceptance.until}"
    if measured is None and on <= date.fromisoformat(acceptance.until):
        return f"Accepted until {acceptance.until}; {why}"
    return f"Acceptance lapsed: {why}"
