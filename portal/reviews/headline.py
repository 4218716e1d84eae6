"""Headline of a review: why a release is held or what was decided, in records and clinical words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from portal.quality import rule_texts
from portal.releases.signatures import Signature
from portal.reviews.decisions import Finding

_NAMED = 3
"""Maximum number of findings that the headline names."""


class Headline(NamedTuple):
    """One sentence in bold with its details; `tone` is its color on the page."""

    tone: Literal["success", "warning"]
    title: str
    details: str
    is_waiting: bool = False
    """Whether the release is held and waits for a signature."""

    @property
    def text(self) -> str:
        return f"{self.title} {self.details}".strip()


def of_release(
    decision: str, findings: Sequence[Finding], signature: Signature | None, *, is_published: bool
) -> Headline:
    """Return the headline of a release.

    `decision` is that of the audit; a valid signature replaces it. `findings` are ranked, the worst first.
    """
    if signature and signature.is_valid and signature.verdict == "reject":
        seen = "Analysts still see this release." if is_published else "Analysts do not see this release."
        return Headline("warning", f"Rejected by {signature.by}.", seen)
    if decision != "hold":
        return _passed(findings, is_published)
    if signature and signature.is_valid:
        seen = "Analysts see this release." if is_published else "Analysts see another release."
        return Headline("success", f"Approved by {signature.by}.", seen)
    if is_published:
        why = signature.invalid_reason if signature else "It was not approved."
        return Headline("warning", "Published without a valid approval.", why)
    return _held(findings)


def next_steps(findings: Sequence[Finding], open_queries: int) -> str:
    """Return the steps that remain before a held release can be approved."""
    barring = sum(finding.bars_approval for finding in findings)
    steps = [
        f"decide {barring} finding{'s' if barring > 1 else ''}" if barring else "",
        f"close {open_queries} quer{'ies' if open_queries > 1 else 'y'}" if open_queries else "",
        "sign off",
    ]
    return f"Next: {', '.join(filter(None, steps))}."


def _held(findings: Sequence[Finding]) -> Headline:
    blocking = [finding for finding in findings if finding.is_blocking]
    rest = sum(finding.is_undecided for finding in findings if not finding.is_blocking)
    number = f"{len(blocking)} blocking finding{'s' if len(blocking) > 1 else ''}"
    title = f"Held by {number}:" if blocking else "Held for review."
    details = " ".join(filter(None, [_named(blocking), _further(rest, bool(blocking))]))
    return Headline("warning", title, details, is_waiting=True)


def _passed(findings: Sequence[Finding], is_published: bool) -> Headline:
    seen = "Analysts see this release." if is_published else "Analysts see another release."
    undecided = [finding for finding in findings if finding.is_undecided]
    if not undecided:
        return Headline("success", "Passed the audit; nothing is left to decide.", seen)
    number = f"{len(undecided)} finding{'s' if len(undecided) > 1 else ''}"
    return Headline("warning", f"Passed the audit with {number} to review:", f"{_named(undecided)} {seen}")


def _named(findings: Sequence[Finding]) -> str:
    """Return the worst findings as a sentence; empty without findings."""
    if not findings:
        return ""
    return rule_texts.and_more([finding.sentence for finding in findings], _NAMED) + "."


def _further(number: int, has_others: bool) -> str:
    if not number:
        return ""
    further = "further " if has_others else ""
    return f"{number} {further}finding{'s' if number > 1 else ''} to review."
