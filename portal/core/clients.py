"""boto3 clients and sessions shared by all threads of a process; boto3 applies AWS_ENDPOINT_URL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import boto3
from botocore.config import Config

T = TypeVar("T")

_MOST_CURSORS = 1000
"""Maximum number of cached cursors, such as read positions of executions and job runs."""


@dataclass(frozen=True)
class Clients:
    """AWS clients by service, and a pool of sessions. Clients are thread-safe; creating them needs a lock."""

    new_session: Callable[[], boto3.session.Session] = boto3.session.Session
    _clients: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _sessions: list[boto3.session.Session] = field(default_factory=list)

    def client(self, service: str) -> Any:
        """Return the client of an AWS service; create it on first use."""
        with self._lock:
            if service not in self._clients:
                config = Config(retries={"mode": "standard", "max_attempts": 5}, max_pool_connections=32)
                session = self.new_session()
                self._clients[service] = session.client(service, config=config)  # type: ignore[call-overload]
            return self._clients[service]

    @contextmanager
    def session(self) -> Iterator[boto3.session.Session]:
        """Lend a session to one thread. Sessions are pooled: a used session creates clients faster."""
        with self._lock:
            session = self._sessions.pop() if self._sessions else self.new_session()
        yield session
        with self._lock:
            self._sessions.append(session)


@dataclass(frozen=True)
class Cursors:
    """Cursors shared by all threads, by class and key; beyond `_MOST_CURSORS`, the oldest are dropped."""

    _cursors: dict[tuple[type, str], Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, kind: type[T], key: str) -> T:
        """Return the cursor of class `kind` for `key`; create it on first use."""
        with self._lock:
            found: T = self._cursors.setdefault((kind, key), None) or kind()
            self._cursors[kind, key] = found
            while len(self._cursors) > _MOST_CURSORS:
                del self._cursors[next(iter(self._cursors))]
            return found
