"""Remove identifiers from review events, so that the chain of the review log stays provable."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import asdict, replace
from typing import Any

from pipeline.lake.store import write_json
from pipeline.reviews import log as review_log
from pipeline.reviews.events import Event, new_event
from pipeline.reviews.integrity import REDACTED
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires
from portal.lake.erase import Erased, former_versions

REMOVED = "[removed by a purge]"


@requires("purge")
def redact(context: Context, words: Collection[str], purge_id: str, done: Erased) -> None:
    """Replace texts and pseudonyms that name one of the words; record each redaction as an event.

    The event that records the new content is written first: after a kill in between, the old content is still
    valid, and a repetition finishes. Raise `ServiceError` if the log has a problem.
    """
    s3, lake, user = context.client("s3"), context.lake, context.user
    log = review_log.read(s3, lake)
    if log.problems:
        raise ServiceError(f"Audit trail integrity check failed: {log.problems[0]} Nothing was purged.")
    for event in log.events:
        cleaned = replace(event, payload=_cleaned(event.payload, set(words)))
        if cleaned == event:
            continue
        payload = {"event": event.sequence, "content": cleaned.digest(), "purge": purge_id}
        note = new_event(user.name, user.role, REDACTED, {"run_id": event.subject["run_id"]}, payload)
        if not any(_is_same(known, note) for known in log.events):
            review_log.append(s3, lake, review_log.read(s3, lake), note)
        write_json(s3, lake.review(event.sequence), asdict(cleaned), **review_log.lock())
        former_versions(s3, lake, f"quality/reviews/{event.sequence:08d}.json", done, is_all=False)
        done.add("review events", 1)


def _is_same(known: Event, note: Event) -> bool:
    return known.kind == REDACTED and known.payload == note.payload


def _cleaned(value: Any, words: set[str]) -> Any:
    """Return a payload without texts and list entries that contain one of the words."""
    if isinstance(value, dict):
        return {name: _cleaned(each, words) for name, each in value.items()}
    if isinstance(value, list):
        return [each for each in value if not (isinstance(each, str) and _names(each, words))]
    return REMOVED if isinstance(value, str) and _names(value, words) else value


def _names(text: str, words: set[str]) -> bool:
    return text in words or not words.isdisjoint(re.findall(r"[\w.@+-]*\w", text))
