"""What became of a rule since the published release: the change that stands beside each result."""

from __future__ import annotations

FOUND = frozenset({"fail", "error", "pass_with_failures"})
"""Outcomes in which there is something to look at."""


def change(status: str, before: str | None) -> str:
    """new, still_there, resolved or stable; `before` is the outcome in the published release, None without one.

    Where nothing was there to check, nothing is resolved.
    """
    if status in FOUND:
        return "still_there" if before in FOUND else "new"
    if status == "not_applicable":
        return "stable"
    return "resolved" if before in FOUND else "stable"
