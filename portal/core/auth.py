"""Authorization: roles and their rights, users, and the user whom a caller's ARN identifies."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, get_args

Role = Literal["viewer", "analyst", "privacy_officer", "administrator", "clinician", "engineer"]
ROLES: tuple[Role, ...] = get_args(Role)
"""All roles. A user with several roles is shown with the one that comes last in this order."""

Right = Literal[
    "see_charts",
    "watch_runs",
    "query",
    "see_phi",
    "review",
    "import_data",
    "run_pipeline",
    "publish",
    "see_audit_log",
    "manage_roles",
    "back_up",
    "purge",
    "approve_purge",
]

_RIGHTS: dict[Role, frozenset[Right]] = {
    "viewer": frozenset({"see_charts"}),
    "analyst": frozenset({"see_charts", "watch_runs", "query"}),
    "privacy_officer": frozenset({"see_charts", "see_audit_log", "approve_purge"}),
    "administrator": frozenset({"see_charts", "manage_roles"}),
    "clinician": frozenset({"see_charts", "watch_runs", "query", "see_phi", "review"}),
    "engineer": frozenset(
        {"see_charts", "watch_runs", "query", "import_data", "run_pipeline", "publish", "back_up", "purge"}
    ),
}

_DEPUTY_RIGHTS: frozenset[Right] = frozenset({"see_charts", "watch_runs", "query", "review"})
"""Rights of a deputy: to review as the clinician does, without patient identifiers."""

_DESCRIPTIONS: dict[Right, str] = {
    "see_charts": "view charts",
    "watch_runs": "view runs",
    "query": "run SQL queries",
    "see_phi": "view patient identifiers",
    "review": "review or sign releases",
    "import_data": "import data",
    "run_pipeline": "start or stop runs",
    "publish": "publish or roll back releases",
    "see_audit_log": "view the audit log",
    "manage_roles": "change the roles of people",
    "back_up": "back up, restore or verify the lake",
    "purge": "request or run a purge",
    "approve_purge": "approve a purge",
}

_PROVEN_BY_ARN: tuple[Role, ...] = ("privacy_officer", "administrator", "clinician")
"""Roles that a user on AWS has only through the name of an IAM role.

IAM does not enforce all rights of these roles, so nobody may choose them.
"""


def describe(right: Right) -> str:
    """Return a right as a verb phrase for messages: "view charts"."""
    return _DESCRIPTIONS[right]


def label(role: Role) -> str:
    """Return a role as text: "privacy officer"."""
    return role.replace("_", " ")


@dataclass(frozen=True)
class Principal:
    """A clinician for whom a deputy stands in; `person_id` is an e-mail address or a subject."""

    person_id: str
    name: str

    def __str__(self) -> str:
        return self.name if self.name == self.person_id else f"{self.name} ({self.person_id})"


@dataclass(frozen=True)
class User:
    """A person who uses the portal, with a name for display, a main role and further roles.

    `subject` is a stable id; if it is empty, it becomes the name. `email` is a verified address or empty.
    `deputy_for` are the clinicians whose deputy the user is today; a deputy may review and sign releases.
    """

    name: str
    role: Role
    subject: str = ""
    more_roles: tuple[Role, ...] = ()
    deputy_for: tuple[Principal, ...] = ()
    email: str = ""
    signed_in_at: datetime | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "subject", self.subject or self.name)

    @property
    def roles(self) -> tuple[Role, ...]:
        return (*self.more_roles, self.role)

    def may(self, right: Right) -> bool:
        """Return whether one of the user's roles or a deputyship gives `right`."""
        return self.has_own(right) or (bool(self.deputy_for) and right in _DEPUTY_RIGHTS)

    def has_own(self, right: Right) -> bool:
        """Return whether one of the user's roles gives `right`."""
        return any(right in _RIGHTS[role] for role in self.roles)

    def with_roles(self, roles: Iterable[Role]) -> User:
        """Return the user with additional roles; of all roles, the last one in `ROLES` is the main role."""
        present = {*self.roles, *roles}
        *others, main = [role for role in ROLES if role in present]
        return replace(self, role=main, more_roles=tuple(role for role in others if role != "viewer"))


def roles_with(right: Right) -> str:
    """Return the roles that have a right, for a message: "analyst, clinician or engineer"."""
    *others, last = [label(role) for role in ROLES if right in _RIGHTS[role]]
    return f"{', '.join(others)} or {last}" if others else last


def role_choice_enabled() -> bool:
    """Return whether users may choose their own role, as on a laptop without a sign-in service."""
    return os.environ.get("HDP_ROLE_CHOICE") == "true"


def parse_role(text: str | None) -> Role:
    """Return the role named `text`, in any case and with blanks or underscores; otherwise viewer."""
    named = (text or "").strip().casefold().replace(" ", "_")
    return next((role for role in ROLES if role == named), "viewer")


def user_from_arn(arn: str, requested_role: str | None) -> User:
    """Return the user for the caller ARN that STS reports; on AWS, HDP_USER is not trusted.

    The name is that of the role session (with IAM Identity Center the user's name) or of the IAM user. Roles
    in `_PROVEN_BY_ARN` come only from the IAM role's name, for example one with the word ``clinician``. All
    other roles are taken from `requested_role`, because IAM enforces their rights; without one the user is a
    viewer. The trust policy of an IAM role should require ``sts:RoleSessionName``; otherwise a session can
    take any name.
    """
    kind, *path = arn.rpartition(":")[2].split("/")
    words = set(re.split(r"[^a-z]+", path[0].lower())) if kind == "assumed-role" and path else set()
    name = path[-1] if path else kind
    proven = [role for role in _PROVEN_BY_ARN if words.issuperset(role.split("_"))]
    if proven:
        return User(name, "viewer", subject=arn).with_roles(proven)
    role = parse_role(requested_role)
    return User(name, role if role not in _PROVEN_BY_ARN else "viewer", subject=arn)
