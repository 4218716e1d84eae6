"""Labels that replace the keys of records for people who may not see keys (`pipeline.lake.pseudonyms`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.lake import pseudonyms
from portal.core.context import Context
from portal.core.rights import requires


@dataclass
class _Secret:
    """The lake's secret; empty until it is read."""

    value: bytes = b""


@requires("query")
def labels(context: Context, table: str, keys: Iterable[str]) -> list[str]:
    """Return the labels of the records of `table` with these keys, in the order of `keys`."""
    known = context.cursor(_Secret, context.lake.pseudonym_secret)
    wanted = list(keys)
    if wanted and not known.value:
        known.value = pseudonyms.read_secret(context.client("secretsmanager"), context.lake)
    return [pseudonyms.label(known.value, table, key) for key in wanted]


@requires("review")
def labels_of_either(context: Context, table: str, rows: Iterable[str]) -> list[str]:
    """Return the labels of `rows`, each given by its label or its key, sorted and without duplicates."""
    given = set(rows)
    keys = {row for row in given if not pseudonyms.is_label(row)}
    return sorted({*(given - keys), *labels(context, table, keys)})
