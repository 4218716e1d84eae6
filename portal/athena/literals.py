"""SQL literals."""

from __future__ import annotations


def literal(value: str) -> str:
    """Return a text as a SQL string literal."""
    return "'" + value.replace("'", "''") + "'"
