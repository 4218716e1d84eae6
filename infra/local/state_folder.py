"""The folder that holds a laptop's lake: its identity, its permissions and its temporary files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_SCRATCH = ("duckdb", "sail/worker-*", "spark/worker-*")
"""Shuffle and spill files of the engines, below `<state>/cloud`."""
_HALF_WRITTEN = ".pending-"
_HALF_WRITTEN_FOLDERS = {"_temporary"}
_OTHERS = 0o077


def identity(state: Path) -> str:
    """Return what tells this folder from every other one, a copy of it included."""
    stat = state.stat()
    return f"{stat.st_dev:x}-{stat.st_ino:x}"


def make(state: Path) -> None:
    """Create the folder for its owner alone; take the rights of others off one made before."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    if state.stat().st_mode & _OTHERS:
        for path in (state, *state.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & ~_OTHERS)
    (state / "cloud").mkdir(mode=0o700, exist_ok=True)


def sweep(state: Path) -> None:
    """Remove shuffle, spill and half-written files; call it only while nothing of the cloud runs."""
    for pattern in _SCRATCH:
        for path in (state / "cloud").glob(pattern):
            shutil.rmtree(path, ignore_errors=True)
    for folder, folders, names in os.walk(state / "s3"):
        for name in _HALF_WRITTEN_FOLDERS.intersection(folders):
            shutil.rmtree(Path(folder, name), ignore_errors=True)
            folders.remove(name)
        for name in names:
            if name.startswith(_HALF_WRITTEN):
                Path(folder, name).unlink(missing_ok=True)
