"""Back a lake up to a folder: every object as a file, and ``backup.json``, written last, with all hashes."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.lake import pseudonyms
from pipeline.lake.room import no_space
from pipeline.lake.store import now
from pipeline.lake.uris import split
from pipeline.reviews.integrity import HEAD
from portal.audit import service as audit_log
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires
from portal.lake import objects
from portal.lake.objects import Stored
from portal.runs import service as runs

FORMAT = 1
MANIFEST, SECRET = "backup.json", "pseudonym-secret"
_THREADS = 8


@dataclass(frozen=True)
class Backup:
    """A complete backup: `objects` has size, SHA-256 and end of the lock of each object by its name."""

    folder: Path
    created_at: str
    prefix: str
    objects: dict[str, dict[str, Any]]

    @property
    def bytes(self) -> int:
        return sum(each["size"] for each in self.objects.values())


@requires("back_up")
def back_up(context: Context, folder: Path) -> Backup:
    """Copy the lake to a new folder, and return the backup.

    Raise `ServiceError` if the folder is not empty, the disk has too little room, or a run is writing.
    """
    _refuse_while_a_run_writes(context)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ServiceError(f"'{folder}' is not an empty directory. Choose a new one for the backup.")
    with audit_log.recorded(context, "back_up", {"to": str(folder)}):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        copied = _copy_all(context, folder)
        _write_secret(context, folder)
        _refuse_while_a_run_writes(context)
    return _finish(context, folder, copied)


def _refuse_while_a_run_writes(context: Context) -> None:
    if running := runs.running(context):
        raise ServiceError(
            f"Run '{running.run_id}' is writing, so the backup would not be whole. Wait for its end, "
            "then back up to a new directory."
        )


def _copy_all(context: Context, folder: Path) -> dict[str, dict[str, Any]]:
    """Copy first the objects that name others, so that those which they name are in the later listing."""
    s3, lake = context.client("s3"), context.lake
    first = [f"quality/{split(lake.current_release())[1]}", f"quality/{HEAD}"]
    present = {each.name: each for each in objects.listed(s3, lake)}
    needed, free = sum(each.size for each in present.values()), shutil.disk_usage(folder).free
    if needed > free:
        raise ServiceError(no_space(free, needed, str(folder)))
    copied = {name: _copy(context, folder, present[name]) for name in first if name in present}
    rest = [each for each in objects.listed(s3, lake) if each.name not in first]
    with ThreadPoolExecutor(_THREADS) as pool:
        found = pool.map(lambda each: _copy(context, folder, each), rest)
        return {**copied, **dict(zip([each.name for each in rest], found, strict=True))}


def _copy(context: Context, folder: Path, each: Stored) -> dict[str, Any]:
    bucket, key = objects.bucket_of(context.lake, each.name)
    answer = context.client("s3").get_object(Bucket=bucket, Key=key)
    sha256 = objects.copy(answer["Body"], objects.path_of(folder, each.name))
    until = answer.get("ObjectLockRetainUntilDate")
    lock = {"locked_until": until.isoformat()} if until else {}
    return {"size": answer["ContentLength"], "sha256": sha256, **lock}


def _write_secret(context: Context, folder: Path) -> None:
    """Write the secret of the pseudonyms: without it, rows in reviews cannot be recognized any more."""
    path = folder / SECRET
    path.touch(mode=0o600)
    path.write_bytes(pseudonyms.read_secret(context.client("secretsmanager"), context.lake))


def _finish(context: Context, folder: Path, copied: dict[str, dict[str, Any]]) -> Backup:
    made = Backup(folder, now(), context.lake.prefix, copied)
    document = {"format": FORMAT, "created_at": made.created_at, "prefix": made.prefix, "objects": copied}
    pending = folder / f"{MANIFEST}.pending"
    pending.write_text(json.dumps(document, indent=1, sort_keys=True))
    pending.replace(folder / MANIFEST)
    return made


def read(folder: Path) -> Backup:
    """Return the backup in a folder; raise `ServiceError` if there is none or another version made it."""
    try:
        found = json.loads((folder / MANIFEST).read_text())
    except FileNotFoundError:
        raise ServiceError(
            f"'{folder}' is not a backup: it has no {MANIFEST}, which is written last. Choose another one."
        ) from None
    except (OSError, ValueError) as error:
        raise ServiceError(f"'{folder / MANIFEST}' cannot be read ({type(error).__name__}).") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ServiceError(f"'{folder}' is a backup of another version. This version reads format {FORMAT}.")
    return Backup(folder, found["created_at"], found["prefix"], found["objects"])


def problems(backup: Backup) -> list[str]:
    """Return a sentence for each file of a backup that is missing, changed or not listed."""
    root = backup.folder
    present = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    extra = sorted(present - backup.objects.keys() - {MANIFEST, SECRET})
    with ThreadPoolExecutor(_THREADS) as pool:
        found = pool.map(lambda name: _problem(root, name, backup.objects[name]), sorted(backup.objects))
        return [*filter(None, found), *(f"{name} was added to the backup." for name in extra)]


def _problem(root: Path, name: str, recorded: dict[str, Any]) -> str:
    path = objects.path_of(root, name)
    if not path.is_file():
        return f"{name} is missing in the backup."
    with path.open("rb") as file:
        is_same = path.stat().st_size == recorded["size"] and objects.digest(file) == recorded["sha256"]
    return "" if is_same else f"{name} was changed after the backup."
