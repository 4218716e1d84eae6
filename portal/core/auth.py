"""Authorization: roles, the rights of each role, and the user identified by an AWS caller's ARN."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["viewer", "analyst", "clinician", "engineer"]
ROLES: tuple[Role, ...] = get_args(Role)

Right = Literal[
    "see_charts", "watch_runs", "query", "see_phi", "review", "import_data", "run_pipeline", "publish"
]

_RIGHTS: dict[Role, frozenset[Right]] = {
    "viewer": frozenset({"see_charts"}),
    "analyst": frozenset({"see_charts", "watch_runs", "query"}),
    "clinician": frozenset({"see_charts", "watch_runs", "query", "see_phi", "review"}),
    "engineer": frozenset({"see_charts", "watch_runs", "query", "import_data", "run_pipeline", "publish"}),
}

_DESCRIPTIONS: dict[Right, str] = {
    "see_charts": "view charts",
    "watch_runs": "view runs",
    "query": "run SQL queries",
    "see_phi": "view patient identifiers",
    "review": "review or sign releases",
    "import_data": "import data",
    "run_pipeline": "start or stop runs",
    "publish": "publish or roll back releases",
}


def describe(right: Right) -> str:
    """Return a right as a verb phrase for messages: "view charts"."""
    return _DESCRIPTIONS[right]


@dataclass(frozen=True)
class User:
    name: str
    role: Role

    def may(self, right: Right) -> bool:
        """Return whether the user's role has `right`."""
        return right in _RIGHTS[self.role]


def roles_with(right: Right) -> str:
    """Return the roles that have a right, for a message: "analyst, clinician or engineer"."""
    *others, last = [role for role in ROLES if right in _RIGHTS[role]]
    return f"{', '.join(others)} or {last}" if others else last


def role_choice_enabled() -> bool:
    """Return whether users may choose their own role, as on a laptop without a sign-in service."""
    return os.environ.get("HDP_ROLE_CHOICE") == "true"


def parse_role(text: str | None) -> Role:
    """Return the role named `text`; return viewer for None or any other text."""
    return next((role for role in ROLES if role == text), "viewer")


def user_from_arn(arn: str, requested_role: str | None) -> User:
    """Return the user with the caller ARN that STS reports; on AWS, HDP_USER is not trusted.

    The name is the role session name (the user's name with IAM Identity Center) or the IAM user's name. Only
    an IAM role whose name contains the word ``clinician`` grants the role clinician. `requested_role` selects
    one of the other roles, because IAM enforces their rights. The trust policy of each role should require
    ``sts:RoleSessionName``; otherwise a session can take any name.
    """
    kind, *path = arn.rpartition(":")[2].split("/")
    words = re.split(r"[^a-z]+", path[0].lower()) if kind == "assumed-role" and path else []
    name = path[-1] if path else kind
    role = parse_role(requested_role)
    if "clinician" in words:
        return User(name, "clinician")
    return User(name, role if role != "clinician" else "viewer")
