"""The state directory of a laptop's lake: identity, permissions and temporary files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_SCRATCH = ("duckdb", "sail/worker-*", "spark/worker-*")
"""Shuffle and spill files of the engines, below `<state>/cloud`."""
_PARTIAL = ".pending-"
_PARTIAL_FOLDERS = {"_temporary"}
_OTHERS = 0o077


def identity(state: Path) -> str:
    """Return an identifier that differs between directories, including copies."""
    stat = state.stat()
    return f"{stat.st_dev:x}-{stat.st_ino:x}"


def make(state: Path) -> None:
    """Create the directory for its owner only; remove permissions of others from an existing one."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    if state.stat().st_mode & _OTHERS:
        for path in (state, *state.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & ~_OTHERS)
    (state / "cloud").mkdir(mode=0o700, exist_ok=True)


def sweep(state: Path) -> None:
    """Remove shuffle, spill and partly written files; call it only while no part of the cloud runs."""
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
