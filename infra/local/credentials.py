"""Key pairs of the laptop cloud, one random pair per role and state directory.

The file `<state>/cloud/credentials` has the format of an AWS credentials file, with one profile per role, and
is readable only by its owner.
"""

from __future__ import annotations

import configparser
import fcntl
import os
import secrets
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

LAPTOP = "laptop"
"""The role of the commands and of the laptop's user; unlike the other roles, it does not exist on AWS."""


@dataclass(frozen=True)
class Key:
    """A role's key pair; one issued by STS also has an expiry, and a token that its requests must contain."""

    role: str
    access_key: str
    secret: str
    token: str | None = None
    expires_at: datetime | None = None


def credentials_file(state: Path) -> Path:
    return state / "cloud" / "credentials"


def read(path: Path) -> dict[str, Key]:
    """Return the keys in `path`, by role."""
    parser = configparser.ConfigParser(interpolation=None)
    with path.open(encoding="utf-8") as file:
        parser.read_file(file)
    return {
        role: Key(role, parser[role]["aws_access_key_id"], parser[role]["aws_secret_access_key"])
        for role in parser.sections()
    }


def ensure(path: Path, roles: Iterable[str]) -> dict[str, Key]:
    """Return all keys in the file `path`, by role; first add a new key for each of `roles` without one.

    Jobs and Lambdas start in parallel, each adding its role: a lock keeps one from overwriting another's key.
    """
    roles = list(roles)
    found = read(path) if path.exists() else {}
    if all(role in found for role in roles):
        return found
    with open(path.with_suffix(".lock"), "w", encoding="utf-8", opener=private) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _add(path, roles)


def _add(path: Path, roles: Iterable[str]) -> dict[str, Key]:
    found = read(path) if path.exists() else {}
    found = {role: new(role) for role in roles} | found
    parser = configparser.ConfigParser(interpolation=None)
    for key in found.values():
        parser[key.role] = {"aws_access_key_id": key.access_key, "aws_secret_access_key": key.secret}
    pending = path.with_suffix(".pending")
    with open(pending, "w", encoding="utf-8", opener=private) as file:
        parser.write(file)
    pending.replace(path)
    return found


def new(role: str) -> Key:
    return Key(role, f"HDP{secrets.token_hex(8).upper()}", secrets.token_hex(20))


def private(path: str, flags: int) -> int:
    """Open a file for `open(opener=private)`; if it is created, only its owner may read and write it."""
    return os.open(path, flags, 0o600)


def lake_secret(state: Path) -> str:
    """Return the secret of the lake's pseudonyms; create it on first use.

    Its file is `<state>/pseudonym-secret`, outside `cloud`, because a copy of the lake needs it too.
    """
    path = state / "pseudonym-secret"
    if not path.exists():
        keep_lake_secret(state, secrets.token_hex(32))
    return path.read_text(encoding="utf-8")


def keep_lake_secret(state: Path, secret: str) -> None:
    """Write the secret of the lake's pseudonyms, as a restored lake needs that of the backup."""
    path = state / "pseudonym-secret"
    pending = path.with_suffix(".pending")
    with open(pending, "w", encoding="utf-8", opener=private) as file:
        file.write(secret)
    pending.replace(path)


class Keys:
    """The keys that the running cloud accepts: those in the file `path`, and those given to `issue`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_version: tuple[int, ...] = ()
        self._keys: dict[str, Key] = {}
        self._lock = threading.Lock()

    def find(self, access_key: str) -> Key | None:
        with self._lock:
            if access_key not in self._keys:
                self._read_again()
            return self._keys.get(access_key)

    def _read_again(self) -> None:
        """Add the keys in the credentials file if the file has changed: roles may have been added to it.

        The time of the change alone does not tell: files written within one tick of the clock have the same.
        """
        if not self._path.exists():
            return
        found = self._path.stat()
        version = (found.st_mtime_ns, found.st_ino, found.st_size)
        if version != self._read_version:
            self._read_version = version
            self._keys |= {key.access_key: key for key in read(self._path).values()}

    def issue(self, key: Key) -> None:
        """Accept `key` from now on, and forget all keys that have expired."""
        now = datetime.now(UTC)
        with self._lock:
            kept = {name: each for name, each in self._keys.items() if not _has_expired(each, now)}
            self._keys = {**kept, key.access_key: key}


def _has_expired(key: Key, now: datetime) -> bool:
    return key.expires_at is not None and key.expires_at <= now
