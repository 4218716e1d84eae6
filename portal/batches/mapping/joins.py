"""Columns whose values are the keys of another file of the extract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal.batches.mapping.propose import Candidate, Table

_KEYS = {"patients": "patient_id", "encounters": "encounter_id"}
_LEAST_DIFFERENT, _LEAST_SHARE = 2, 0.9
_SCORE, _SMALL_NUMBER = 0.82, 4
"""Score of a reference; numbers of fewer digits match by chance and are no evidence."""


def keys_of(found: Sequence[tuple[Table, str, Sequence[Candidate]]]) -> dict[str, set[str]]:
    """Return the values of the keys of the patients and the encounters of an extract."""
    keys: dict[str, set[str]] = {}
    for file, table, assigned in found:
        key = _KEYS.get(table, "")
        for each in assigned:
            if each.target.name == key:
                keys.setdefault(key, set()).update(file.values[each.column].different)
    return keys


def referring(file: Table, keys: Mapping[str, set[str]]) -> dict[tuple[str, str], float]:
    """Return the score of each pair of a column and a key whose values the column has."""
    return {
        (column, key): _SCORE
        for column, values in file.values.items()
        for key, known in keys.items()
        if _refers(values.different, known)
    }


def _refers(values: Sequence[str], known: set[str]) -> bool:
    if len(values) < _LEAST_DIFFERENT or all(v.isdigit() and len(v) < _SMALL_NUMBER for v in values):
        return False
    return sum(value in known for value in values) >= _LEAST_SHARE * len(values)
