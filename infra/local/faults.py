"""Answer requests that a full disk, a file without permission or a fault stopped, with one sentence.

Without this, the HTTP server answers "500: Internal Server Error", which names no cause.
"""

from __future__ import annotations

import shutil
import sqlite3
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from infra.local.answers import refuse
from pipeline.lake.room import FULL, no_space

Application = Callable[..., Iterable[bytes]]

_STORAGE = "507 Insufficient Storage"
_FORBIDDEN = "403 Forbidden"
_FAULT = "500 Internal Server Error"


class Faults:
    """WSGI middleware: checks that a request's body fits on the disk, and explains errors of the disk."""

    def __init__(self, app: Application, state: Path) -> None:
        self._app = app
        self._state = state

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        needed = int(environ.get("CONTENT_LENGTH") or 0)
        if environ["REQUEST_METHOD"] == "PUT" and needed > free(self._state):
            message = no_space(free(self._state), needed, str(self._state))
            return refuse(environ, start_response, "InsufficientStorage", message, _STORAGE)
        try:
            return self._app(environ, start_response)
        except Exception as error:
            return self._explained(environ, start_response, error, needed)

    def _explained(
        self, environ: dict[str, Any], start_response: Any, error: Exception, needed: int
    ) -> Iterable[bytes]:
        if is_full(error):
            message = no_space(free(self._state), needed or None, str(self._state))
            return refuse(environ, start_response, "InsufficientStorage", message, _STORAGE)
        if sentence := explained(error, self._state):
            return refuse(environ, start_response, "AccessDenied", sentence, _FORBIDDEN)
        _log(error)
        name = type(error).__name__
        message = f"The laptop cloud has a fault ({name}). Its log names the place in the code."
        return refuse(environ, start_response, "InternalFailure", message, _FAULT)


def free(state: Path) -> int:
    """Return the number of free bytes on the disks of the state directory and of temporary files."""
    return min(shutil.disk_usage(folder).free for folder in (state, Path(tempfile.gettempdir())))


def is_full(error: Exception) -> bool:
    """Return whether an error reports a full disk."""
    if isinstance(error, sqlite3.OperationalError):
        return "full" in str(error)
    return isinstance(error, OSError) and error.errno in FULL


def explained(error: Exception, state: Path) -> str:
    """Return a sentence for an error of the disk or of permissions, or "" for any other error."""
    if is_full(error):
        return no_space(free(state), None, str(state))
    if isinstance(error, sqlite3.OperationalError):
        return f"The history in {state} cannot be written ({error}). Check permissions and disk."
    if isinstance(error, PermissionError | FileExistsError) or (
        isinstance(error, OSError) and error.strerror == "Read-only file system"
    ):
        where = f"A file of {state}" if not error.filename else f"'{error.filename}'"
        return f"{where} cannot be read or written ({error.strerror}). Check its permissions."
    return ""


def _log(error: Exception) -> None:
    """Write the type of an error and where it occurred to the log, without data."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
    print("\n".join([type(error).__name__, *places]), file=sys.stderr, flush=True)  # noqa: T201
