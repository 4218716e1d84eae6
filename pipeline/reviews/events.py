"""Events of the append-only review log: fields, hash and required payload.

The design follows query management in clinical trials (query, answer, close) and 21 CFR 11.10(e) and 11.50
(audit trail; signature with name, time and meaning). Standard library only, because the audit job imports it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

GENESIS = "0" * 64
"""The `previous_hash` of the first event."""


def fingerprint(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a document as JSON with sorted keys."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Event:
    """One action of one person.

    `subject` names the run (``run_id``). An event about a finding also names table and rule (``table_name``,
    ``rule_id``), and one about a query names these and the query (``query_id``). `payload` may contain
    pseudonyms of rows, but no values of rows. `id` is random: it shows whether a stored event is this one.
    """

    sequence: int
    at: str
    by: str
    role: str
    kind: str
    subject: dict[str, str]
    payload: dict[str, Any] = field(default_factory=dict)
    previous_hash: str = GENESIS
    hash: str = ""
    id: str = ""

    def sealed(self) -> Event:
        """Return the event with its hash."""
        return replace(self, hash=self.digest())

    def digest(self) -> str:
        """Return the SHA-256 of all fields except `hash`."""
        content = asdict(self)
        del content["hash"]
        return fingerprint(content)

    @property
    def finding(self) -> tuple[str, str] | None:
        """Table and rule that `subject` names, or None if it lacks one of them."""
        table, rule = self.subject.get("table_name"), self.subject.get("rule_id")
        return (table, rule) if table and rule else None


def new_event(by: str, role: str, kind: str, subject: dict[str, str], payload: dict[str, Any]) -> Event:
    """Return an event with the current time and a random id.

    `pipeline.reviews.log.append` sets the sequence number, the previous event's hash and its own hash.
    """
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Event(0, at, by, role, kind, subject, payload, id=uuid4().hex)


_FIELDS = {
    "sequence": int,
    "at": str,
    "by": str,
    "role": str,
    "kind": str,
    "subject": dict,
    "payload": dict,
    "previous_hash": str,
    "hash": str,
    "id": str,
}
_NUMBER = (int, float)
_PAYLOADS: dict[str, dict[str, Any]] = {
    "query_opened": {"text": str, "assignee": str, "due": date, "record_keys": list},
    "query_assigned": {"assignee": str},
    "query_answered": {"text": str},
    "query_closed": {"text": str, "reason": str},
    "query_reopened": {"text": str},
    "finding_accepted": {"reason": str, "until": date, "rate": _NUMBER, "margin": _NUMBER},
    "rows_accepted": {"reason": str, "until": date, "row_hashes": list},
    "row_acceptance_withdrawn": {"row_hashes": list},
    "text_redacted": {"event": int, "content": str, "purge": str},
    "release_signed": {"text": str, "verdict": str, "meaning": str, "release": str},
}
"""Required payload fields and their types, by kind of event; kinds not listed require none.

`record_keys` and `row_hashes` contain pseudonyms (`pipeline.lake.pseudonyms`). The fields keep these names,
because stored events cannot be changed.
"""


def parse_event(body: bytes) -> Event | None:
    """Return the event, or None if it is not JSON or a field is missing, unknown or of the wrong type."""
    document = parse_json(body)
    if not isinstance(document, dict) or set(document) != set(_FIELDS):
        return None
    if not _has_types(document, _FIELDS):
        return None
    subject = dict.fromkeys(_subject_fields(document["kind"]), str)
    payload = _PAYLOADS.get(document["kind"], {})
    is_valid = _has_types(document["subject"], subject) and _has_types(document["payload"], payload)
    return Event(**document) if is_valid else None


def parse_json(body: bytes) -> Any:
    """Return the JSON value, or None if the bytes are not JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _subject_fields(kind: str) -> tuple[str, ...]:
    if kind.startswith("query_"):
        return ("run_id", "query_id", "table_name", "rule_id")
    return ("run_id",)


def _has_types(document: Mapping[str, Any], types: Mapping[str, Any]) -> bool:
    return all(_is(document.get(name), type_) for name, type_ in types.items())


def _is(value: Any, type_: Any) -> bool:
    if type_ is date:
        try:
            return bool(date.fromisoformat(value))
        except (TypeError, ValueError):
            return False
    if type_ is list:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    return isinstance(value, type_) and not isinstance(value, bool)
