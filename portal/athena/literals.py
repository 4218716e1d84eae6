"""SQL literals."""

from __future__ import annotations


def literal(value: str) -> str:
    """Return `value` as a quoted SQL string literal."""
    return "'" + value.replace("'", "''") + "'"
