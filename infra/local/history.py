"""State that survives restarts, as JSON documents in one SQLite file."""

from __future__ import annotations

import json
import sqlite3
import threading
from pathlib import Path
from typing import Any


class HistoryStore:
    """Store documents by kind and key.

    A write survives the end of the process once the call has returned; a power failure may undo the latest.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = _opened(path)

    def put(self, kind: str, key: str, document: dict[str, Any]) -> None:
        body = json.dumps(document, default=str)
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO document VALUES (?, ?, ?)", (kind, key, body))

    def get(self, kind: str, key: str) -> dict[str, Any] | None:
        with self._lock:
            row = self._db.execute(
                "SELECT body FROM document WHERE kind = ? AND key = ?", (kind, key)
            ).fetchone()
        return dict(json.loads(row[0])) if row else None

    def delete(self, kind: str, key: str) -> None:
        with self._lock:
            self._db.execute("DELETE FROM document WHERE kind = ? AND key = ?", (kind, key))

    def all(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        """Return key and content of every document of a kind, the least recently written first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT key, body FROM document WHERE kind = ? ORDER BY rowid", (kind,)
            ).fetchall()
        return [(key, json.loads(body)) for key, body in rows]

    def close(self) -> None:
        with self._lock:
            self._db.close()


def _opened(path: Path) -> sqlite3.Connection:
    """Open the file; set a damaged one aside and begin a new one, because runs can be shown without it."""
    try:
        return _connected(path)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        for part in ("", "-wal", "-shm"):
            if (found := path.with_name(path.name + part)).exists():
                found.replace(path.with_name(f"damaged-{path.name}{part}"))
        return _connected(path)


def _connected(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute(
            "CREATE TABLE IF NOT EXISTS document (kind TEXT, key TEXT, body TEXT, PRIMARY KEY (kind, key))"
        )
    except BaseException:
        db.close()
        raise
    return db
