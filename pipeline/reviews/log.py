"""The append-only review log in S3: read it, append an event.

Each event is one object below ``reviews/`` of the quality bucket, created by a conditional write and never
changed.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.lake.store import read_json, write_json
from pipeline.lake.uris import Lake, split
from pipeline.reviews.events import GENESIS, Event, parse_event
from pipeline.reviews.integrity import (
    Anchor,
    Log,
    StoredLog,
    parse_anchor,
    parse_release_anchor,
    unreadable,
    verify,
)

RETENTION = timedelta(days=6 * 365 + 2)
"""Object Lock retention of an event: six years, as 45 CFR 164.316(b)(2)(i) requires for such records."""

ObjectCache = dict[str, tuple[str, Any]]
"""ETag and parsed content of each object by key, so that only changed objects are read again."""


class AppendConflict(Exception):
    """Another event was appended first; nothing was written."""


def read(s3: Any, lake: Lake) -> Log:
    """Return the whole log, verified."""
    return verify(fetch(s3, lake, {}))


def fetch(s3: Any, lake: Lake, cache: ObjectCache) -> StoredLog:
    """Read all events and anchors, and update `cache`.

    Anchors are read first: an anchor must not name an event that was written after the events were listed.
    The twin is read before the head, because `append` writes the head first.
    """
    problems: list[str] = []
    twin = _read_anchor(s3, lake.review_anchor(), problems)
    head = _read_anchor(s3, lake.review_head(), problems)
    releases = _read_objects(s3, lake.releases(), cache, parse_release_anchor)
    events = _read_objects(s3, lake.reviews(), cache, lambda _key, body: parse_event(body))
    problems += [unreadable(key) for key, anchors in releases if anchors is None]
    return StoredLog(
        events=tuple((key, event) for key, event in events if not key.endswith("/head.json")),
        head=head,
        twin=twin,
        releases=tuple(anchor for _, anchors in releases for anchor in anchors or ()),
        problems=tuple(problems),
    )


def append(s3: Any, lake: Lake, log: Log, event: Event) -> Event:
    """Write `event` after the last event of a verified `log`; raise `AppendConflict` if the log has grown."""
    last = log.events[-1] if log.events else None
    sequence = last.sequence + 1 if last else 1
    sealed = replace(event, sequence=sequence, previous_hash=last.hash if last else GENESIS).sealed()
    lock = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": datetime.now(UTC) + RETENTION}
    if not write_json(s3, lake.review(sequence), asdict(sealed), IfNoneMatch="*", **lock):
        raise AppendConflict
    for uri in (lake.review_head(), lake.review_anchor()):
        advance_anchor(s3, uri, sealed)
    return sealed


def advance_anchor(s3: Any, uri: str, event: Event) -> None:
    """Make the anchor at `uri` name `event`, unless it already names a later one."""
    while True:
        stored = read_json(s3, uri)
        if stored and stored[0]["sequence"] >= event.sequence:
            return
        condition = {"IfMatch": stored[1]} if stored else {"IfNoneMatch": "*"}
        if write_json(s3, uri, {"sequence": event.sequence, "hash": event.hash}, **condition):
            return


def _read_objects(
    s3: Any, uri: str, cache: ObjectCache, parse: Callable[[str, bytes], Any]
) -> list[tuple[str, Any]]:
    """Return key and parsed content of each object below `uri`, sorted by key."""
    bucket, prefix = split(uri)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    listed = [(item["Key"], item["ETag"]) for page in pages for item in page.get("Contents", [])]
    changed = [(key, etag) for key, etag in listed if cache.get(key, ("", None))[0] != etag]
    with ThreadPoolExecutor(8) as pool:
        bodies = pool.map(lambda item: s3.get_object(Bucket=bucket, Key=item[0])["Body"].read(), changed)
        for (key, etag), body in zip(changed, bodies, strict=True):
            cache[key] = (etag, parse(key, body))
    return [(key, cache[key][1]) for key, _ in sorted(listed)]


def _read_anchor(s3: Any, uri: str, problems: list[str]) -> Anchor | None:
    """Return the anchor at `uri`, or None; add a problem if the object cannot be parsed."""
    key = split(uri)[1]
    try:
        stored = read_json(s3, uri)
    except ValueError:
        stored = ({}, "")
    anchor = parse_anchor(key, stored[0]) if stored else None
    if stored and anchor is None:
        problems.append(unreadable(key))
    return anchor
