"""The state directory of a laptop's lake: identity, permissions and temporary files."""

from __future__ import annotations

import json
import os
import shutil
import time
from importlib.metadata import version
from pathlib import Path

from infra.local.credentials import private

_SCRATCH = ("duckdb", "sail/worker-*", "spark/worker-*")
"""Patterns of the engines' directories for shuffle and spill files, below `<state>/cloud`."""
_PARTIAL = ".pending-"
_PARTIAL_FOLDERS = {"_temporary"}
_OTHERS = 0o077
RESULT_DAYS = 7
"""Days after which query results expire, as in infra/terraform/s3.tf."""


FORMAT = 1
"""Number of the layout of a state directory; raise it with a change that other versions cannot read."""


class StateError(Exception):
    """The state directory cannot be used; the message is one sentence."""


def check_format(state: Path) -> None:
    """Record the format in a new directory; raise `StateError` if another version made the directory."""
    path = state / "cloud" / "format.json"
    ours = {"format": FORMAT, "version": version("health-data-portal")}
    if not path.exists():
        with open(path, "w", encoding="utf-8", opener=private) as file:
            json.dump(ours, file)
        return
    try:
        found = dict(json.loads(path.read_text()))
    except (ValueError, TypeError):
        found = {}
    if found.get("format") != FORMAT:
        raise StateError(
            f"The state directory {state} was made by version {found.get('version', 'unknown')} (format "
            f"{found.get('format', 'unknown')}); this version reads format {FORMAT}. "
            "Use that version, or choose another directory with --state."
        )


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
    check_format(state)


def sweep(state: Path) -> None:
    """Remove scratch files, partly written files, unfinished batches and expired query results.

    Call it only while no part of the cloud runs.
    """
    _expire_results(state)
    _remove_unfinished_batches(state)
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


def _remove_unfinished_batches(state: Path) -> None:
    """Remove files of imports that were killed before they wrote the manifest: they are no batch."""
    for bucket in (state / "s3").glob("*-bronze"):
        for folder in bucket.glob("*/batch_id=*"):
            batch_id = folder.name.partition("=")[2]
            if not (bucket / "_manifests" / f"{batch_id}.json").exists():
                shutil.rmtree(folder, ignore_errors=True)
