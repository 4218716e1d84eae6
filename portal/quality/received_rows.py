"""Quarantined rows as received: their fields, and the keys that tell them apart."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd  # takes a second to import, so functions that need it import it

NO_KEY = "(none)"
"""Beginning of the text that stands for the key of a row that was received without one."""


def fields(raw: str) -> dict[str, Any]:
    """Return the fields of a row as received; a malformed row is the single field `as_received`."""
    try:
        document = json.loads(raw)
    except ValueError:
        return {"as_received": raw}
    return document if isinstance(document, dict) else {"as_received": raw}


def keys(found: pd.DataFrame) -> list[str]:
    """Return the key of each quarantined row; a row without one has its line, so that it is told apart."""
    named = zip(found["record_key"], found["source_line"], found["source_file"], strict=True)
    return [str(key) if isinstance(key, str) else no_key(line, file) for key, line, file in named]


def no_key(line: object, file: object) -> str:
    """Return the text that stands for the key of a row that was received without one."""
    return f"{NO_KEY}, line {line} of {file}"
