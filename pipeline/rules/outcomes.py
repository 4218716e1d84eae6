"""Compare a rule's outcome with its outcome in the parent release."""

from __future__ import annotations

FOUND = frozenset({"fail", "error", "pass_with_failures"})
"""Outcomes that are findings."""


def change(status: str, previous: str | None) -> str:
    """Return the change since the parent release: new, still_there, resolved or stable.

    `previous` is the outcome in the parent release, or None if there is none. A rule that is not applicable
    does not resolve a finding.
    """
    if status in FOUND:
        return "still_there" if previous in FOUND else "new"
    if status == "not_applicable":
        return "stable"
    return "resolved" if previous in FOUND else "stable"
