"""Compare a rule's outcome with its outcome in the published release."""

from __future__ import annotations

FOUND = frozenset({"fail", "error", "pass_with_failures"})
"""Outcomes that are findings."""


def change(status: str, previous: str | None) -> str:
    """Return the change since the published release: new, still_there, resolved or stable.

    `previous` is the outcome in the published release, None without one. A rule that is not applicable
    resolves nothing.
    """
    if status in FOUND:
        return "still_there" if previous in FOUND else "new"
    if status == "not_applicable":
        return "stable"
    return "resolved" if previous in FOUND else "stable"
