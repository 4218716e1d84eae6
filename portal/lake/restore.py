"""Restore a backup into an empty lake. Readers see nothing until the last object, the published release."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.lake.uris import split
from pipeline.releases import model as release_model
from pipeline.releases import publish as publishing
from pipeline.reviews.integrity import HEAD
from portal.audit import service as audit_log
from portal.core import room
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires
from portal.lake import backup as backups
from portal.lake import catalog, objects
from portal.lake.backup import SECRET, Backup

_THREADS = 8


@requires("back_up")
def restore(context: Context, folder: Path) -> Backup:
    """Restore the backup in `folder`; an interrupted restore can be repeated.

    Raise `ServiceError` and change nothing if the backup is damaged or the lake holds anything else.
    """
    made = backups.read(folder)
    if found := backups.problems(made):
        raise ServiceError(f"The backup is damaged: {found[0]} Use another backup.")
    present = _present(context, made)
    room.check(context, made.bytes)
    with audit_log.recorded(context, "restore", {"from": str(folder), "made": made.created_at}):
        secret = (folder / SECRET).read_text()
        context.client("secretsmanager").put_secret_value(
            SecretId=context.lake.pseudonym_secret, SecretString=secret
        )
        for names in _in_order(context, made):
            with ThreadPoolExecutor(_THREADS) as pool:
                list(pool.map(lambda name: _put(context, made, name), [n for n in names if n not in present]))
        catalog.register(context)
        _refresh_views(context)
    return made


def _present(context: Context, made: Backup) -> set[str]:
    """Return the locked objects that are there already; raise `ServiceError` if the lake is another one."""
    own = split(context.lake.audit_log())[1]
    found = {each.name: each.size for each in objects.listed(context.client("s3"), context.lake)}
    others = [
        name
        for name, size in found.items()
        if made.objects.get(name, {}).get("size") != size and not name.startswith(f"quality/{own}")
    ]
    if others:
        raise ServiceError(
            f"The lake is not empty: it has {len(others):,} objects that are not in the backup, such as "
            f"{others[0].partition('/')[0]} files. Restore into a new one: hdp --state NEW lake restore DIR."
        )
    return {name for name in found if "locked_until" in made.objects.get(name, {})}


def _in_order(context: Context, made: Backup) -> list[list[str]]:
    """Return the names in four groups: content, manifests and releases, the head, the published release."""
    lake = context.lake
    current, head = f"quality/{split(lake.current_release())[1]}", f"quality/{HEAD}"
    records = (f"bronze/{split(lake.manifests())[1]}", f"quality/{split(lake.releases())[1]}")
    names = [name for name in made.objects if name not in {current, head}]
    return [
        [name for name in names if not name.startswith(records)],
        [name for name in names if name.startswith(records)],
        [name for name in (head,) if name in made.objects],
        [name for name in (current,) if name in made.objects],
    ]


def _put(context: Context, made: Backup, name: str) -> None:
    bucket, key = objects.bucket_of(context.lake, name)
    options: dict[str, Any] = {"ContentType": "application/json"} if key.endswith(".json") else {}
    if until := made.objects[name].get("locked_until"):
        options["ObjectLockMode"] = "GOVERNANCE"
        options["ObjectLockRetainUntilDate"] = datetime.fromisoformat(until)
    path = objects.path_of(made.folder, name)
    context.client("s3").upload_file(str(path), bucket, key, ExtraArgs=options)


def _refresh_views(context: Context) -> None:
    published = release_model.current(context.client("s3"), context.lake)
    if published:
        publishing.view_refresher(context.client("athena"), context.lake)(published.release_id)
