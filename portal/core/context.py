"""The context of a call: the user, the AWS clients and the lake."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import boto3

from pipeline.lake.uris import Lake
from portal.core.auth import Right, User, describe, label, parse_role, roles_with
from portal.core.clients import Clients, Cursors
from portal.core.errors import ServiceError
from portal.core.settings import Settings

T = TypeVar("T")


class UndeclaredRight(Exception):
    """A function used AWS without declaring the right that it requires (`portal.core.rights`)."""


@dataclass(frozen=True)
class Context:
    """One user on one installation. Every service function takes it as its first argument.

    `origin` is where the user's requests come from: a client address, ``laptop`` or ``hdp`` (the terminal).
    A sealed context gives no AWS clients. Pages and commands have a sealed one; `portal.core.rights` unseals
    it for functions that declare the right that they require.
    """

    settings: Settings
    _clients: Clients = field(default_factory=Clients)
    _cursors: Cursors = field(default_factory=Cursors)
    _is_review_role: bool = False
    _is_sealed: bool = False
    _user: User | None = None
    origin: str = "hdp"

    @property
    def lake(self) -> Lake:
        return self.settings.lake

    @property
    def user(self) -> User:
        return self._user or User(self.settings.user, parse_role(self.settings.role))

    @property
    def is_review_role(self) -> bool:
        """Whether the clients are those of the review role, which reads direct identifiers."""
        return self._is_review_role

    @property
    def workgroup(self) -> str:
        """Return the Athena workgroup; the review role has a separate one with its own result bucket."""
        return self.lake.review_workgroup if self._is_review_role else self.lake.workgroup

    def on_behalf_of(self, user: User, origin: str | None = None) -> Context:
        """Return a context for `user` that shares the clients of this one; `origin` None keeps the origin."""
        settings = replace(self.settings, user=user.name, role=user.role)
        return replace(self, settings=settings, origin=origin or self.origin, _user=user)

    def sealed(self) -> Context:
        """Return a context that gives AWS clients only to functions with a declared right."""
        return replace(self, _is_sealed=True)

    def unsealed(self) -> Context:
        """Return a context with AWS clients, for a function with a declared right."""
        return replace(self, _is_sealed=False) if self._is_sealed else self

    def assume_review_role(self) -> Context:
        """Return a context under the review role, the only one with access to direct identifiers.

        The role session has the user's name, so that CloudTrail records who read identifiers. Raise
        `ServiceError` for users without the right to query. For those without the right to see identifiers,
        the caller masks them.
        """
        self.require("query")
        _, partition, _, _, account, *_ = self.settings.state_machine_arn.split(":")
        credentials = self.client("sts").assume_role(
            RoleArn=f"arn:{partition}:iam::{account}:role/{self.lake.review_role}",
            RoleSessionName=_session_name(self.settings.user),
        )["Credentials"]

        def new_session() -> boto3.session.Session:
            return boto3.session.Session(
                credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"]
            )

        return replace(self, _clients=Clients(new_session), _is_review_role=True)

    def require(self, right: Right) -> None:
        """Raise `ServiceError` unless the user has `right`."""
        if not self.user.may(right):
            role = label(self.user.role).capitalize()
            raise ServiceError(f"{role}s cannot {describe(right)}. Required role: {roles_with(right)}.")

    @contextmanager
    def session(self) -> Iterator[boto3.session.Session]:
        """Lend a boto3 session to one thread; raise `UndeclaredRight` if the context is sealed."""
        self._check_unsealed()
        with self._clients.session() as session:
            yield session

    def client(self, service: str) -> Any:
        """Return the shared client of an AWS service; raise `UndeclaredRight` if the context is sealed."""
        self._check_unsealed()
        return self._clients.client(service)

    def _check_unsealed(self) -> None:
        if self._is_sealed:
            raise UndeclaredRight(
                "A service function without a declared right used AWS: decorate it with @requires or "
                "@open_to_all (portal/core/rights.py)."
            )

    def cursor(self, kind: type[T], key: str) -> T:
        """Return the shared cursor of class `kind` for `key`; create it on first use."""
        return self._cursors.get(kind, key)


def _session_name(user: str) -> str:
    """Return `user` as a session name that STS accepts: 2 to 64 letters, digits and ``=,.@-_+``."""
    return re.sub(r"[^\w+=,.@-]", "_", user, flags=re.ASCII)[:64].ljust(2, "_")
