"""Texts about rules and their results for pages, the report and the command line."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date
from functools import cache

from pipeline.contracts.model import HARMS, Rule, all_contracts
from pipeline.reviews.acceptances import Acceptance, lapsed


@cache
def rules() -> dict[tuple[str, str], Rule]:
    """Return all rules by table and id."""
    return {(contract.table, rule.id): rule for contract in all_contracts() for rule in contract.rules}


def rate_text(rate: float | None, unit: str = "percent") -> str:
    """Return a rate as text; a positive rate is never shown as 0 %."""
    if rate is None or math.isnan(rate):
        return "–"
    if unit != "percent":
        return f"{rate:.2f}"
    if 0 < rate < 0.0001:
        return "under 0.01 %"
    return f"{rate:.2%}".replace("%", " %")


def threshold_text(rule: Rule) -> str:
    """Return the threshold of a rule as text."""
    if rule.floor:
        return f"{rate_text(rule.floor, rule.unit)} to {rate_text(rule.threshold, rule.unit)}"
    return "none" if rule.threshold == 0 else f"up to {rate_text(rule.threshold, rule.unit)}"


def population(rule: Rule | None, table: str) -> str:
    """Return a noun phrase for the rows that a rule checks; `rows of {table}` if the rule was deleted."""
    return rule.population if rule else f"rows of {table}"


def count_text(rule: Rule | None, table: str, failed: int, checked: int) -> str:
    """Return count and denominator as text: ``3 of 1,204 inpatient stays``."""
    if not checked:
        return "not applicable"
    if rule is not None and rule.unit != "percent":
        return f"over {checked:,} {population(rule, table)}"
    return f"{failed:,} of {checked:,} {population(rule, table)}"


def measurement(
    rule: Rule | None, table: str, status: str, failed: int, checked: int, rate: float | None
) -> str:
    """Return a rule result as a sentence: count, denominator, rate and threshold, or why it has none."""
    if status == "error":
        return "Rule error: the rule could not be evaluated. This is not a pass."
    if not checked:
        return "Not applicable in this run: counts neither as passed nor as failed."
    threshold = f"; threshold: {threshold_text(rule)}" if rule else ""
    if rule is not None and rule.unit != "percent":
        value = f"{rate_text(rate, rule.unit)} ({rule.unit})"
        return f"Measured {value} {count_text(rule, table, failed, checked)}{threshold}."
    if failed == 0 and rate:  # a measured share without failing rows
        return f"Measured {rate_text(rate)} over {checked:,} {population(rule, table)}{threshold}."
    return f"{count_text(rule, table, failed, checked)} fail ({rate_text(rate)}){threshold}."


def finding(
    rule: Rule | None, key: tuple[str, str], failed: int, rate: float | None, status: str = "fail"
) -> str:
    """Return a rule result as a factual clause: ``33 encounters end before they begin``.

    `key` is the table and the id of the rule, for rules that were deleted.
    """
    if rule is None:
        return f"{failed:,} rows of {key[0]} fail the deleted rule {key[1]}"
    if status == "error":
        return f"Not evaluated because of a rule error: {rule.description.rstrip('.')}"
    sentence = re.sub(r"\[([^|\]]*)\|([^\]]*)\]", r"\1" if failed == 1 else r"\2", rule.finding)
    return sentence.format(n=f"{failed:,}", value=rate_text(rate, rule.unit))


def harm_rank(rule: Rule | None) -> int:
    """Return the rank of a rule's harm class, 0 for the worst; deleted rules come last."""
    return HARMS.index(rule.harm) if rule and rule.harm in HARMS else len(HARMS)


def and_more(sentences: Sequence[str], most: int) -> str:
    """Return up to `most` sentences as one list: ``a, b, and 3 more``."""
    listed, rest = list(sentences[:most]), len(sentences) - most
    return ", ".join(listed) + (f", and {rest} more" if rest > 0 else "")


def null_markers(detail: object) -> str:
    """Return the number of null markers per column as text; empty if the rule result has none."""
    return f"Null markers emptied, by column: {detail}." if isinstance(detail, str) and detail else ""


def threshold_owner(rule: Rule) -> str:
    """Return a text: the owner of a rule's threshold, and the reason for the threshold."""
    return f"Threshold owner: {rule.limit_owner}. {rule.limit_reason}"


def advice(rule: Rule) -> tuple[str, str]:
    """Return the likely cause with its fix, and the impact on analysis."""
    if rule.quarantines:
        fix = "The rows are quarantined with their reason. Correct them at the source and import them again."
        impact = "The failing rows are missing from all charts and tables until they are corrected."
    elif rule.is_whole:
        fix = "Check the batches of this run and the jobs that wrote the table."
        impact = "Consider this when you compare the release with others."
        if rule.severity == "block":
            impact = "Analysts do not see the release until a clinician approves it."
    else:
        fix = "The rows were loaded unchanged. Correct them at the source if they are wrong."
        impact = "The failing rows are in all charts and tables: exclude them from sensitive analyses."
    return f"{rule.cause} {fix}", f"{rule.rationale} {impact}"


def acceptance_status(acceptance: Acceptance, rate: float | None, on: date) -> str:
    """Return a text that says until when an acceptance is valid, or why it lapsed."""
    measured = None if rate is None or math.isnan(rate) else rate
    why = lapsed(acceptance, measured, on)
    if not why:
        return f"Accepted until {acceptance.until}"
    if measured is None and on <= date.fromisoformat(acceptance.until):
        return f"Accepted until {acceptance.until}; {why}"
    return f"Acceptance lapsed: {why}"
