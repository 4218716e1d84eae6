"""Who is signed in, and what the role may do."""

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


_WORDS: dict[Right, str] = {
    "see_charts": "see charts",
    "watch_runs": "watch runs and read their logs",
    "query": "ask questions in SQL",
    "see_phi": "see who a patient is",
    "review": "review and sign",
    "import_data": "bring in data",
    "run_pipeline": "start or stop runs",
    "publish": "publish or roll back releases",
}


def words(right: Right) -> str:
    """A right as a verb."""
    return _WORDS[right]


@dataclass(frozen=True)
class User:
    name: str
    role: Role

    def may(self, right: Right) -> bool:
        return right in _RIGHTS[self.role]


def may_choose_role() -> bool:
    """On a laptop a plain choice stands in for the sign-in."""
    return os.environ.get("HDP_ROLE_CHOICE") == "true"


def role_of(text: str | None) -> Role:
    """The role by that name; the one with the fewest rights for any other."""
    return next((role for role in ROLES if role == text), "viewer")


def caller(arn: str, wanted: str | None) -> User:
    """Who calls on AWS, by the ARN that STS knows them by: a name that is typed proves nothing there.

    The name is the session's (with IAM Identity Center the person's user name) or the IAM user's. Only an IAM role
    with the word ``clinician`` in its name makes a clinician; between the other roles `wanted` chooses, because
    IAM itself guards what they may do. A role that lets its sessions name themselves proves no person: its trust
    policy should ask for ``sts:RoleSessionName``.
    """
    kind, *path = arn.rpartition(":")[2].split("/")
    words = re.split(r"[^a-z]+", path[0].lower()) if kind == "assumed-role" and path else []
    name = path[-1] if path else kind
    role = role_of(wanted)
    if "clinician" in words:
        return User(name, "clinician")
    return User(name, role if role != "clinician" else "viewer")
