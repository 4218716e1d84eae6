"""Record actions in the audit log, and search it.

An action is recorded before it happens, so an action without an event does not exist: if the event cannot be
written, the action is refused. An action that then fails is marked as failed by a second object.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from os.path import commonprefix
from typing import Any

from pipeline.lake.store import read_json, write_json
from pipeline.lake.uris import split
from pipeline.reviews.log import RETENTION
from portal.audit.events import FAILED, Action, AuditEvent, action_of, event_id, parse, timestamp
from portal.core.context import Context
from portal.core.errors import ServiceError, explain, is_aws_error
from portal.core.rights import requires

_READERS = 16
"""How many events are read from S3 at the same time."""


@requires("see_charts")
def record(
    context: Context,
    action: Action,
    target: dict[str, str],
    *,
    reason: str = "",
    patients: Sequence[str] = (),
) -> AuditEvent:
    """Write an event before its action happens; raise `ServiceError` if it cannot be written.

    `patients` are pseudonyms.
    """
    now = datetime.now(UTC)
    event = _event(context, action, now, event_id(now, action), target)
    event = replace(event, reason=reason.strip(), patients=tuple(patients))
    _write(context, event)
    return event


@requires("see_charts")
@contextmanager
def recorded(
    context: Context,
    action: Action,
    target: dict[str, str],
    *,
    reason: str = "",
    patients: Sequence[str] = (),
) -> Iterator[AuditEvent]:
    """Record an action around the block that performs it; mark it as failed if the block raises.

    If AWS refuses the mark, the log shows the action as done although it failed.
    """
    event = record(context, action, target, reason=reason, patients=patients)
    try:
        yield event
    except Exception:
        try:
            write_json(context.client("s3"), _uri(context, event, FAILED), {}, IfNoneMatch="*", **_lock())
        except Exception as failure:
            if not is_aws_error(failure):
                raise
        raise


@requires("see_charts")
def record_sign_in(context: Context) -> AuditEvent:
    """Record the sign-in of the user; a second call for the same sign-in writes nothing new."""
    user = context.user
    at = user.signed_in_at or datetime.now(UTC)
    unique = sha256(f"{user.subject} {at.isoformat()}".encode()).hexdigest()[:16]
    event = _event(context, "sign_in", at, event_id(at, "sign_in", unique), {})
    _write(context, event)
    return event


def _event(
    context: Context, action: Action, at: datetime, event_id: str, target: dict[str, str]
) -> AuditEvent:
    user = context.user
    return AuditEvent(
        event_id=event_id,
        at=timestamp(at),
        action=action,
        subject=user.subject,
        name=user.name,
        roles=user.roles,
        origin=context.origin,
        target=target,
    )


def _write(context: Context, event: AuditEvent) -> None:
    """Write an event unless one with its id exists; raise `ServiceError` if it cannot be written.

    One with its id exists after a request whose response was lost, and after an earlier call for the same
    sign-in.
    """
    s3, uri = context.client("s3"), _uri(context, event)
    try:
        is_written = write_json(s3, uri, event.document(), IfNoneMatch="*", **_lock()) or read_json(s3, uri)
    except Exception as error:
        if not is_aws_error(error):
            raise
        raise ServiceError(_refusal(explain(error).rstrip("."))) from None
    if not is_written:
        raise ServiceError(_refusal("another write was under way"))


def _refusal(cause: str) -> str:
    return (
        f"The audit log could not be written ({cause}), so nothing was done. Try again, or ask an engineer."
    )


def _lock() -> dict[str, Any]:
    return {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": datetime.now(UTC) + RETENTION}


def _uri(context: Context, event: AuditEvent, suffix: str = ".json") -> str:
    return f"{context.lake.audit_log()}{event.key}{suffix}"


@dataclass(frozen=True)
class Search:
    """Filters of the audit log. `person` is part of a name or subject, `patient` a whole pseudonym."""

    since: date
    until: date
    actions: tuple[str, ...] = ()
    person: str = ""
    patient: str = ""

    @classmethod
    def last_days(cls, days: int) -> Search:
        today = datetime.now(UTC).date()
        return cls(today - timedelta(days=days - 1), today)

    def matches(self, event: AuditEvent) -> bool:
        person, patient = self.person.strip().casefold(), self.patient.strip()
        return (person in event.name.casefold() or person in event.subject.casefold()) and (
            not patient or patient in event.patients
        )


@requires("see_audit_log")
def search(context: Context, wanted: Search) -> list[AuditEvent]:
    """Return the events that match, newest first.

    Raise `ServiceError` if the period ends before it begins, or if an event cannot be read.
    """
    if wanted.since > wanted.until:
        raise ServiceError(
            f"The period begins on {wanted.since}, after its end on {wanted.until}. Swap them."
        )
    keys = _keys(context, wanted)
    failed = {key.removesuffix(FAILED) for key in keys if key.endswith(FAILED)}
    with ThreadPoolExecutor(_READERS) as pool:
        read = pool.map(lambda key: _read(context, key), [key for key in keys if not key.endswith(FAILED)])
        events = [replace(event, is_failed=key.removesuffix(".json") in failed) for key, event in read]
    return sorted((event for event in events if wanted.matches(event)), key=_newest_first, reverse=True)


def _newest_first(event: AuditEvent) -> tuple[str, str]:
    return event.at, event.event_id


def _keys(context: Context, wanted: Search) -> list[str]:
    """Return the keys of the events, and of the marks of failed ones, of the wanted period and actions."""
    bucket, root = split(context.lake.audit_log())
    prefix = root + commonprefix([f"{wanted.since}", f"{wanted.until}"])  # noqa: RUF071  (of characters)
    pages = (
        context.client("s3")
        .get_paginator("list_objects_v2")
        .paginate(Bucket=bucket, Prefix=prefix, StartAfter=f"{root}{wanted.since}")
    )
    last, found = f"{root}{wanted.until}/~", []
    for page in pages:
        listed = [item["Key"] for item in page.get("Contents", [])]
        found += [key for key in listed if key <= last]
        if listed and listed[-1] > last:
            break
    return [key for key in found if not wanted.actions or action_of(key) in wanted.actions]


_known: dict[tuple[str, str], AuditEvent] = {}
"""Events read before, by bucket and key: an event never changes."""


def _read(context: Context, key: str) -> tuple[str, AuditEvent]:
    bucket, _ = split(context.lake.audit_log())
    if (bucket, key) not in _known:
        stored = read_json(context.client("s3"), f"s3://{bucket}/{key}")
        if stored is None:
            raise ServiceError(
                f"'{key}' was removed from the audit log while it was read. Inform an engineer."
            )
        _known[bucket, key] = parse(stored[0])
    return key, _known[bucket, key]
