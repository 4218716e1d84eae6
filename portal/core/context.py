"""boto3 clients, one of each a process; they follow AWS_ENDPOINT_URL like everything else."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.lake.uris import Lake
from portal.core.auth import ROLES, Right, User, role_of, words
from portal.core.settings import Settings

T = TypeVar("T")

_KEPT = 1000
"""Cursors that are kept at once, of executions and job runs."""


class ServiceError(Exception):
    """Something that a person should read: what, which value, what to do."""


@dataclass(frozen=True)
class Aws:
    """The clients of one installation. Clients are thread-safe; making them is not, hence the lock."""

    settings: Settings
    _clients: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _kept: dict[tuple[type, str], Any] = field(default_factory=dict)
    _sessions: list[boto3.session.Session] = field(default_factory=list)
    _new_session: Callable[[], boto3.session.Session] = boto3.session.Session
    _is_reviewing: bool = False

    @property
    def lake(self) -> Lake:
        return self.settings.lake

    def acting(self, user: User) -> Aws:
        """The same clients on behalf of another person."""
        settings = replace(self.settings, user=user.name, role=user.role)
        return replace(self, settings=settings)

    @property
    def workgroup(self) -> str:
        """Where Athena is asked; each workgroup keeps its results in a place of its own."""
        return self.lake.review_workgroup if self._is_reviewing else self.lake.workgroup

    def reviewing(self) -> Aws:
        """The same under the review role, which alone reads rows that tell who a patient is.

        The session is the person's: CloudTrail names who looked, beside the review log.
        """
        _, partition, _, _, account, *_ = self.settings.state_machine_arn.split(":")
        given = self.client("sts").assume_role(
            RoleArn=f"arn:{partition}:iam::{account}:role/{self.lake.review_role}",
            RoleSessionName=_session_name(self.settings.user),
        )["Credentials"]

        def session() -> boto3.session.Session:
            return boto3.session.Session(
                given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
            )

        return replace(self, _clients={}, _sessions=[], _new_session=session, _is_reviewing=True)

    @property
    def person(self) -> User:
        """On whose behalf the services act."""
        return User(self.settings.user, role_of(self.settings.role))

    def require(self, right: Right) -> None:
        """`ServiceError` where the person's role does not have `right`."""
        if not self.person.may(right):
            allowed = " and ".join(f"{role}s" for role in ROLES if User("", role).may(right))
            raise ServiceError(
                f"Your role ({self.person.role}) may not {words(right)}: {allowed} may. Ask one of them, or sign in as one."
            )

    @contextmanager
    def session(self) -> Iterator[boto3.session.Session]:
        """A session that nobody else uses meanwhile; one that has made clients before makes others faster."""
        with self._lock:
            session = self._sessions.pop() if self._sessions else self._new_session()
        yield session
        with self._lock:
            self._sessions.append(session)

    def kept(self, kind: type[T], key: str) -> T:
        """Return the one `kind` of `key` that everybody shares: how far something has been read."""
        with self._lock:
            found: T = self._kept.setdefault((kind, key), None) or kind()
            self._kept[kind, key] = found
            while len(self._kept) > _KEPT:
                del self._kept[next(iter(self._kept))]
            return found

    def client(self, service: str) -> Any:
        with self._lock:
            if service not in self._clients:
                config = Config(retries={"mode": "standard", "max_attempts": 5}, max_pool_connections=32)
                self._clients[service] = self._new_session().client(service, config=config)  # type: ignore[call-overload]
            return self._clients[service]


def _session_name(person: str) -> str:
    """A name as STS takes it: 2 to 64 letters, digits and ``=,.@-_+``."""
    return re.sub(r"[^\w+=,.@-]", "_", person, flags=re.ASCII)[:64].ljust(2, "_")


def is_aws(error: Exception) -> bool:
    return isinstance(error, ClientError | BotoCoreError)


def explain(error: Exception) -> str:
    """An AWS failure as one sentence without a traceback."""
    if isinstance(error, ClientError):
        detail = error.response.get("Error", {})
        return f"AWS answered {detail.get('Code', 'an error')}: {detail.get('Message', 'no message')}"
    if isinstance(error, BotoCoreError):
        return f"AWS could not be reached ({type(error).__name__}): is the cloud running, and this machine online?"
    return str(error)
