"""The state directory of a laptop's lake: identity, permissions and temporary files."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

_SCRATCH = ("duckdb", "sail/worker-*", "spark/worker-*")
"""Patterns of the engines' directories for shuffle and spill files, below `<state>/cloud`."""
_PARTIAL = ".pending-"
_PARTIAL_FOLDERS = {"_temporary"}
_OTHERS = 0o077
RESULT_DAYS = 7
"""Days after which query results expire, as in infra/terraform/s3.tf."""


def identity(state: Path) -> str:
    """Return an identifier of the directory, which differs from that of any copy."""
    stat = state.stat()
    return f"{stat.st_dev:x}-{stat.st_ino:x}"


def make(state: Path) -> None:
    """Create the directory for its owner only; if it exists, remove the permissions of others from it.

    Others who have permissions on the directory itself also lose those on everything in it.
    """
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    if state.stat().st_mode & _OTHERS:
        for path in (state, *state.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & ~_OTHERS)
    (state / "cloud").mkdir(mode=0o700, exist_ok=True)


def sweep(state: Path) -> None:
    """Remove scratch files, partly written files and expired query results.

    Call it only while no part of the cloud runs.
    """
    _expire_results(state)
    for pattern in _SCRATCH:
        for path in (state / "cloud").glob(pattern):
            shutil.rmtree(path, ignore_errors=True)
    for folder, folders, names in os.walk(state / "s3"):
        for name in _PARTIAL_FOLDERS.intersection(folders):
            shutil.rmtree(Path(folder, name), ignore_errors=True)
            folders.remove(name)
        for name in names:
            if name.startswith(_PARTIAL):
                Path(folder, name).unlink(missing_ok=True)


def _expire_results(state: Path) -> None:
    """Remove query results older than `RESULT_DAYS`: those of reviews can contain patient identifiers."""
    oldest = time.time() - RESULT_DAYS * 86_400
    for path in (state / "s3").glob("*-results/**/*"):
        if path.is_file() and path.stat().st_mtime < oldest:
            path.unlink()
