"""The sentence that reports a full disk. Standard library only."""

from __future__ import annotations

import errno

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Error numbers of a write that found no space."""

_MB = 1_000_000


def no_space(free: int, needed: int | None, folder: str) -> str:
    """Return "No space left: 12 MB free, 40 needed. …" from numbers of bytes; `needed` None if unknown."""
    wanted = "" if needed is None else f", {-(-needed // _MB):,} needed"
    todo = f"Free some on the disk of {folder}, then try again."
    return f"No space left: {free // _MB:,} MB free{wanted}. {todo}"
