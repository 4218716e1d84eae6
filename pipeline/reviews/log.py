"""The append-only review log in S3: read it, append an event.

Each event is one object below ``reviews/`` of the quality bucket, created by a conditional write and never
changed.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.lake.store import read_json, write_json
from pipeline.lake.uris import Lake, split
from pipeline.reviews.events import GENESIS, Event, parse_event
from pipeline.reviews.integrity import HEAD, Head, Log, StoredLog, parse_head, unreadable, verify

RETENTION = timedelta(days=6 * 365 + 2)
"""Object Lock retention of an event: six years, as 45 CFR 164.316(b)(2)(i) requires for such records."""

ObjectCache = dict[str, tuple[str, Event | None]]
"""ETag and event (None if unreadable) by key, so that only changed objects are read again."""


class AppendConflict(Exception):
    """Another event was appended first; nothing was written."""


def read(s3: Any, lake: Lake) -> Log:
    """Return the whole log, verified."""
    return verify(fetch(s3, lake, {}))


def fetch(s3: Any, lake: Lake, cache: ObjectCache) -> StoredLog:
    """Return head and events as stored; read only what is new or changed since `cache`, and update it.

    The head is read first: it must not name an event that was written after the events were listed.
    """
    head, problems = _read_head(s3, lake)
    return StoredLog(events=_read_events(s3, lake, cache), head=head, problems=problems)


def append(s3: Any, lake: Lake, log: Log, event: Event) -> Event:
    """Write `event` after the last event of a verified `log`; return it with its number and hashes.

    Raise `AppendConflict` if another event was appended since `log` was read.
    """
    last = log.events[-1] if log.events else None
    sequence = last.sequence + 1 if last else 1
    sealed = replace(event, sequence=sequence, previous_hash=last.hash if last else GENESIS).sealed()
    if not _write(s3, lake, sealed):
        raise AppendConflict
    with suppress(Exception):  # the event is recorded; the next append moves the head
        advance_head(s3, lake, sealed)
    return sealed


def _write(s3: Any, lake: Lake, event: Event) -> bool:
    """Write an event; return False if another one has its sequence number.

    After a lost response or an SDK retry, the stored event's id shows whether it is this one.
    """
    try:
        is_written = write_json(s3, lake.review(event.sequence), asdict(event), IfNoneMatch="*", **lock())
    except Exception:
        if _is_there(s3, lake, event):
            return True
        raise
    return is_written or _is_there(s3, lake, event)


def lock() -> dict[str, Any]:
    """Return the options of a write that lock the object until the end of the retention."""
    return {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": datetime.now(UTC) + RETENTION}


def _is_there(s3: Any, lake: Lake, event: Event) -> bool:
    stored = read_json(s3, lake.review(event.sequence))
    return stored is not None and stored[0].get("id") == event.id


def advance_head(s3: Any, lake: Lake, event: Event) -> None:
    """Point the head at `event`, unless it already points at this or a later one."""
    while True:
        stored = read_json(s3, lake.review_head())
        if stored and stored[0]["sequence"] >= event.sequence:
            return
        condition = {"IfMatch": stored[1]} if stored else {"IfNoneMatch": "*"}
        head = {"sequence": event.sequence, "hash": event.hash}
        if write_json(s3, lake.review_head(), head, **condition):
            return


def _read_events(s3: Any, lake: Lake, cache: ObjectCache) -> tuple[tuple[str, Event | None], ...]:
    """Return key and event (None if unreadable) of each object except the head, sorted by key."""
    bucket, prefix = split(lake.reviews())
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    listed = [(item["Key"], item["ETag"]) for page in pages for item in page.get("Contents", [])]
    events = sorted((key, etag) for key, etag in listed if key != HEAD)
    changed = [(key, etag) for key, etag in events if cache.get(key, ("", None))[0] != etag]
    with ThreadPoolExecutor(8) as pool:
        bodies = pool.map(lambda item: s3.get_object(Bucket=bucket, Key=item[0])["Body"].read(), changed)
        for (key, etag), body in zip(changed, bodies, strict=True):
            cache[key] = (etag, parse_event(body))
    return tuple((key, cache[key][1]) for key, _ in events)


def _read_head(s3: Any, lake: Lake) -> tuple[Head | None, tuple[str, ...]]:
    """Return the head (None if missing or unreadable), and a problem if it is unreadable."""
    try:
        stored = read_json(s3, lake.review_head())
    except ValueError:
        return None, (unreadable(HEAD),)
    head = parse_head(stored[0]) if stored else None
    return head, (unreadable(HEAD),) if stored and head is None else ()
