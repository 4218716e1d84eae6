"""Events of the audit log: fields, actions, key in S3.

The key has date, time and action, so that the events of a period can be listed and counted unread:
``audit_log/2026-11-28/124501123456-unmask-9f1c….json``.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal, get_args

from portal.core.errors import ServiceError

Action = Literal[
    "sign_in",
    "unmask",
    "export_rows",
    "change_roles",
    "publish",
    "rollback",
    "sign_off",
    "retire_batch",
    "save_mapping",
    "approve_mapping",
    "withdraw_mapping",
    "export_audit_log",
    "back_up",
    "restore",
    "request_purge",
    "approve_purge",
    "purge",
]
ACTIONS: tuple[Action, ...] = get_args(Action)

LABELS: dict[Action, str] = {
    "sign_in": "Sign-in",
    "unmask": "Unmasking",
    "export_rows": "Row export",
    "change_roles": "Role change",
    "publish": "Publish",
    "rollback": "Rollback",
    "sign_off": "Sign-off",
    "retire_batch": "Retire batch",
    "save_mapping": "Save mapping",
    "approve_mapping": "Approve mapping",
    "withdraw_mapping": "Withdraw mapping",
    "export_audit_log": "Audit log export",
    "back_up": "Backup",
    "restore": "Restore",
    "request_purge": "Purge request",
    "approve_purge": "Purge approval",
    "purge": "Purge",
}

_TARGET_ORDER = ("person", "deputy", "from", "to", "run", "table", "rule", "record", "verdict")
"""Names that come first in the text of a target, in this order; others follow in alphabetical order."""


def _rank(name: str) -> int:
    return _TARGET_ORDER.index(name) if name in _TARGET_ORDER else len(_TARGET_ORDER)


FAILED = ".failed.json"
"""Suffix of the object that marks the action of an event as failed."""


@dataclass(frozen=True)
class AuditEvent:
    """One action of one person. Patients appear as pseudonyms only.

    `subject` is the person's stable id and `name` the name shown on that day. `origin` is a client address,
    ``laptop`` or ``hdp``. `target` names the object of the action, for example ``{"release": "run-…"}``.
    """

    event_id: str
    at: str
    action: Action
    subject: str
    name: str
    roles: tuple[str, ...]
    origin: str
    target: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    patients: tuple[str, ...] = ()
    is_failed: bool = field(default=False, compare=False)

    @property
    def key(self) -> str:
        """Key below the prefix of the log, without suffix."""
        return f"{self.at[:10]}/{self.event_id}"

    @property
    def date(self) -> date:
        return date.fromisoformat(self.at[:10])

    @property
    def target_text(self) -> str:
        """The object of the action as text: "run run-1, table patients"."""
        ordered = sorted(self.target.items(), key=lambda item: (_rank(item[0]), item[0]))
        return ", ".join(f"{name} {value}" for name, value in ordered if value)

    def document(self) -> dict[str, Any]:
        """Return the event as it is stored; `is_failed` is not, because a second object marks a failure."""
        content = asdict(self)
        del content["is_failed"]
        return content


def event_id(at: datetime, action: Action, unique: str = "") -> str:
    """Return the id of an event; `unique` replaces the random part, so that a repetition has the same id."""
    return f"{at.astimezone(UTC):%H%M%S%f}-{action}-{unique or secrets.token_hex(8)}"


def timestamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def action_of(key: str) -> str:
    """Return the action that a key names."""
    return key.rpartition("/")[2].split("-")[1]


def parse(document: Mapping[str, Any]) -> AuditEvent:
    """Return a stored event; raise `ServiceError` if its fields are not those of an event."""
    try:
        event = AuditEvent(**document)
    except TypeError:
        raise ServiceError(
            "An event of the audit log cannot be read: its fields differ from those of this version. "
            "Ask an engineer to compare the versions of the portal."
        ) from None
    return AuditEvent(**{**event.document(), "roles": tuple(event.roles), "patients": tuple(event.patients)})
