"""Suggest the name that a mistyped table or column stands for."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the name that a mistyped one stands for most likely, or an empty string.

    A name without its prefix stands for the whole: `encounters` for `fact_encounter`.
    """
    wanted = name.lower()
    whole = {each.lower(): each for each in names}
    if wanted in whole:
        return ""
    stem = wanted.removesuffix("s")
    parts = [each for each in whole if len(stem) > 3 and each.endswith((f"_{wanted}", f"_{stem}"))]
    found = sorted(parts, key=len)[:1] or difflib.get_close_matches(wanted, whole, n=1, cutoff=0.7)
    return whole[found[0]] if found else ""
