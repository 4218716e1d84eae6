"""Numbers of runs, releases and batches: "Run 12" is easier to say than an id.

A number is given once, in the order in which the ids are found, and kept in the lake, so that it stays the
same after Step Functions or the retention of releases has deleted what it names.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.lake.store import read_json, write_json
from portal.core.context import Context
from portal.core.rights import requires

Kind = Literal["run", "release", "batch"]

_TRIES = 5
"""Attempts to write numbers while other processes write them, too."""

_RETRY_SECONDS = 30.0
"""Seconds until an id without a number is looked for again."""

_KNOWN_IN_A_ROW = 50
"""Known ids, newest first, after which the older ones are taken as known: a resumed run is listed again."""


@dataclass
class _Numbers:
    """The numbers of a kind by id, and the ids that were not found, with the time of the search."""

    known: dict[str, int] = field(default_factory=dict)
    missing: dict[str, float] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


@requires("see_charts")
def number(context: Context, kind: Kind, name: str, every: Callable[[], Iterable[str]]) -> int | None:
    """Return the number of a run, release or batch; None if it does not exist or has no number yet.

    `every` returns all ids of this kind, newest first; it is called only for an id that is not known.
    """
    numbers = context.cursor(_Numbers, kind)
    found = numbers.known.get(name)
    if found is None and time.monotonic() - numbers.missing.get(name, -_RETRY_SECONDS) >= _RETRY_SECONDS:
        with numbers.lock:
            if name not in numbers.known:
                _refresh(context, kind, name, numbers, every)
        found = numbers.known.get(name)
    return found


def _refresh(
    context: Context, kind: Kind, name: str, numbers: _Numbers, every: Callable[[], Iterable[str]]
) -> None:
    """Read the stored numbers and, if `name` has none, number all new ids; without rights, do neither."""
    try:
        stored = read_json(context.client("s3"), context.lake.numbers(kind))
        numbers.known = dict(stored[0]) if stored else {}
        if name not in numbers.known:
            numbers.known = _assign(context, kind, every)
    except (ClientError, BotoCoreError):
        pass
    if name not in numbers.known:
        numbers.missing[name] = time.monotonic()


def _assign(context: Context, kind: Kind, every: Callable[[], Iterable[str]]) -> dict[str, int]:
    """Give numbers to the ids without one, oldest first, and return all numbers."""
    s3, uri = context.client("s3"), context.lake.numbers(kind)
    known: dict[str, int] = {}
    for _ in range(_TRIES):
        stored = read_json(s3, uri)
        known = dict(stored[0]) if stored else {}
        new = _unknown(every(), known)
        if not new:
            return known
        first = max(known.values(), default=0) + 1
        known |= {name: first + n for n, name in enumerate(reversed(new))}
        condition = {"IfMatch": stored[1]} if stored else {"IfNoneMatch": "*"}
        if write_json(s3, uri, known, **condition):
            return known
    stored = read_json(s3, uri)
    return dict(stored[0]) if stored else {}


def _unknown(every: Iterable[str], known: dict[str, int]) -> list[str]:
    """Return the ids without a number, newest first."""
    new: list[str] = []
    in_a_row = 0
    for name in every:
        in_a_row = in_a_row + 1 if name in known else 0
        if name not in known:
            new.append(name)
        if in_a_row == _KNOWN_IN_A_ROW:
            break
    return new
