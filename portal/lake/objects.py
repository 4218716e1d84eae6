"""The objects of a lake that a backup holds, in S3 or in the folder of a backup.

A zone is copied as a whole, so that a new table or prefix is in the next backup without a change here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from botocore.exceptions import ClientError

from pipeline.lake.uris import ZONES, Lake, Zone, split
from portal.core.errors import ServiceError

KEPT: tuple[Zone, ...] = tuple(zone for zone in ZONES if zone not in {"results", "code"})
"""Zones of a backup: query results can be computed again, and code is deployed."""

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Stored:
    """An object of a lake: its name ``<zone>/<key>``, and its size."""

    name: str
    size: int

    @property
    def key(self) -> str:
        return self.name.partition("/")[2]


def listed(s3: Any, lake: Lake) -> list[Stored]:
    """Return all objects of the kept zones, without uploads that are not imported; sorted by name."""
    uploads = split(lake.uploads())[1]
    found = [
        Stored(f"{zone}/{item['Key']}", item["Size"])
        for zone in KEPT
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=lake.bucket(zone), Prefix="")
        for item in page.get("Contents", [])
        if not item["Key"].endswith("/") and not item["Key"].startswith(uploads)
    ]
    return sorted(found, key=lambda each: each.name)


def bucket_of(lake: Lake, name: str) -> tuple[str, str]:
    """Return bucket and key of an object by its name."""
    zone, _, key = name.partition("/")
    return next(lake.bucket(each) for each in ZONES if each == zone), key


def path_of(folder: Path, name: str) -> Path:
    """Return the file of an object in a backup; raise `ServiceError` if its name would lead elsewhere."""
    if any(part in {"", ".", ".."} for part in name.split("/")) or "\0" in name:
        raise ServiceError(f"'{name}' cannot be a file name. Rename the object, then repeat the backup.")
    return folder / name


def digest(stream: BinaryIO | Any) -> str:
    """Return the SHA-256 of a stream."""
    found = hashlib.sha256()
    while chunk := stream.read(_CHUNK):
        found.update(chunk)
    return found.hexdigest()


def copy(stream: Any, path: Path) -> str:
    """Write a stream to a new file that only its owner may read; return its SHA-256."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = hashlib.sha256()
    with path.open("xb") as file:
        path.chmod(0o600)
        while chunk := stream.read(_CHUNK):
            found.update(chunk)
            file.write(chunk)
    return found.hexdigest()


class _Missing(Exception):
    """There is no such object in the backup."""


class _Exceptions:
    NoSuchKey = _Missing
    ClientError = ClientError


class FolderS3:
    """The folder of a backup, with the few methods of an S3 client that readers of a lake use."""

    exceptions = _Exceptions

    def __init__(self, folder: Path, lake: Lake) -> None:
        self._folders = {lake.bucket(zone): folder / zone for zone in KEPT}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        """Return an object as S3 does."""
        path = self._folders[Bucket] / Key
        if not path.is_file():
            raise _Missing(Key)
        return {"Body": path.open("rb"), "ETag": f"{path.stat().st_size}-{path.stat().st_mtime_ns}"}

    def get_paginator(self, name: str) -> FolderS3:  # noqa: ARG002
        """Return the paginator of ``list_objects_v2``."""
        return self

    def paginate(self, *, Bucket: str, Prefix: str = "") -> Iterator[dict[str, Any]]:
        """Yield one page with the objects whose keys begin with a prefix."""
        folder = self._folders[Bucket]
        paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        yield {
            "Contents": [_item(key, path) for key, path in sorted(paths.items()) if key.startswith(Prefix)]
        }


def _item(key: str, path: Path) -> dict[str, Any]:
    stat = path.stat()
    changed = datetime.fromtimestamp(stat.st_mtime, UTC)
    return {"Key": key, "Size": stat.st_size, "ETag": f"{stat.st_mtime_ns}", "LastModified": changed}
