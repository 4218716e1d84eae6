"""S3 whose objects are plain files: ``<state>/s3/<bucket>/<key>``.

moto answers the API; its store of keys is replaced by the folder of the bucket, so that Spark and DuckDB read
and write the very files that S3 clients see, and a restart finds them all. An object's ETag stands for its
size and time of change: content is never read to list it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.s3 import models, responses
from moto.s3.exceptions import S3ClientError

from infra.local.context import ACCOUNT, REGION, Context

_CHUNK = 1 << 20
_SMALL = 1 << 18
"""Objects up to this size may be replaced while they are read; larger ones are data files, written once."""
_PENDING = ".pending-"
_CONTENT_TYPE = "binary/octet-stream"

_MemoryKey: Any = models.FakeKey

_conditional = threading.RLock()
"""Checking a condition and writing are one step: S3 promises that of If-Match and If-None-Match."""


class BadKey(S3ClientError):
    """A key that no file can stand for."""

    code = 400

    def __init__(self, key: str) -> None:
        super().__init__("InvalidRequest", f"Key '{key}' has an empty, '.' or '..' part, or ends in '/'.")


class FileContent:
    """The bytes of a file, read when they are asked for: a range reads no more than the range."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, wanted: slice) -> bytes:
        start, stop, _ = wanted.indices(self.size)
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(max(0, stop - start))

    def __iter__(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk


class FileKey(_MemoryKey):
    """A key in memory until `attach` has made it a file."""

    _file: Path | None = None
    _content: bytes | None = None

    def attach(self, path: Path, sidecar: Path) -> None:
        """Write the bytes under a temporary name, then rename: a reader sees the old object or the new."""
        path.parent.mkdir(parents=True, exist_ok=True)
        pending = path.with_name(f"{_PENDING}{os.getpid()}-{threading.get_ident()}-{path.name}"[:255])
        self._value_buffer.seek(0)
        with pending.open("wb") as file:
            shutil.copyfileobj(self._value_buffer, file, _CHUNK)
        path.with_name(f".{path.name}.crc").unlink(missing_ok=True)
        pending.replace(path)
        self._value_buffer.close()
        self._point_at(path, sidecar, path.stat())

    @classmethod
    def found(cls, name: str, bucket: str, path: Path, sidecar: Path, is_read: bool = True) -> FileKey:
        """The object at `path`; where it `is_read`, its size, ETag and bytes are those of one moment."""
        key = cls(name=name, value=b"", account_id=ACCOUNT, region_name=REGION, bucket_name=bucket)
        key._value_buffer.close()
        if is_read:
            with path.open("rb") as file:
                stat = os.fstat(file.fileno())
                key._content = file.read() if stat.st_size <= _SMALL else None
        else:
            stat = path.stat()
        key._point_at(path, sidecar, stat)
        key._read_sidecar()
        return key

    def _point_at(self, path: Path, sidecar: Path, stat: os.stat_result) -> None:
        self._file, self._sidecar = path, sidecar
        self.contentsize = stat.st_size
        self.last_modified = datetime.fromtimestamp(stat.st_mtime, UTC).replace(tzinfo=None)
        stamp = f"{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ino}"
        self._etag = hashlib.md5(stamp.encode(), usedforsecurity=False).hexdigest()

    @property
    def value(self) -> Any:
        if self._file is None:
            return super().value
        return FileContent(self._file, self.contentsize) if self._content is None else self._content

    @value.setter
    def value(self, new_value: bytes) -> None:
        data = new_value[:] if isinstance(new_value, FileContent) else new_value
        _MemoryKey.value.fset(self, data)

    def set_metadata(self, metadata: Any, replace: bool = False) -> None:
        super().set_metadata(metadata, replace)
        if self._file is None:
            return
        kept = {name: str(value) for name, value in self._metadata.items()}
        plain = kept.get("Content-Type", kept.get("content-type")) == _CONTENT_TYPE and len(kept) == 1
        if plain and not self.lock_mode:
            self._sidecar.unlink(missing_ok=True)
            return
        self._sidecar.parent.mkdir(parents=True, exist_ok=True)
        lock = [self.lock_mode, self.lock_until]
        self._sidecar.write_text(json.dumps({"etag": self._etag, "metadata": kept, "lock": lock}))

    def _read_sidecar(self) -> None:
        try:
            kept = json.loads(self._sidecar.read_text())
        except (OSError, ValueError):
            return
        if kept["etag"] == self._etag:
            self._metadata.update(kept["metadata"])
            self.lock_mode, self.lock_until = kept.get("lock", (None, None))

    def dispose(self, garbage: bool = False) -> None:
        super().dispose(garbage=False)


class FileKeys(dict):  # type: ignore[type-arg]
    """The keys of a bucket, by looking into its folder; moto takes it for its own store of versions."""

    def __init__(self, bucket: str, root: Path, sidecars: Path) -> None:
        super().__init__()
        self.bucket = bucket
        self.folder = root / bucket
        self.sidecars = sidecars / bucket
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, key: str) -> Path:
        if any(part in {"", ".", ".."} for part in key.split("/")):
            raise BadKey(key)
        return self.folder / key

    def __contains__(self, key: object) -> bool:
        return self.get(str(key)) is not None

    def get(self, key: str, default: Any = None, is_read: bool = True) -> Any:
        try:
            path = self.path(key)
            if not path.is_file() or not is_object(path.name):
                return default
            return FileKey.found(key, self.bucket, path, self._sidecar(key), is_read)
        except (FileNotFoundError, BadKey, OSError):
            return default

    def __getitem__(self, key: str) -> Any:
        found = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def getlist(self, key: str, default: Any = None) -> Any:
        found = self.get(key)
        return default if found is None else [found]

    def setlist(self, key: str, versions: list[FileKey]) -> None:
        versions[-1].attach(self.path(key), self._sidecar(key))

    def __setitem__(self, key: str, value: FileKey) -> None:
        self.setlist(key, [value])

    def pop(self, key: str, *_: Any) -> None:
        path = self.path(key)
        path.unlink(missing_ok=True)
        path.with_name(f".{path.name}.crc").unlink(missing_ok=True)
        self._sidecar(key).unlink(missing_ok=True)
        self._prune(path.parent)

    def _prune(self, folder: Path) -> None:
        while folder != self.folder:
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent

    def _sidecar(self, key: str) -> Path:
        return self.sidecars / f"{hashlib.sha256(key.encode()).hexdigest()}.json"

    def below(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, looking only into the folders that can hold such keys."""
        start, _, _ = prefix.rpartition("/")
        top = self.folder / start if start else self.folder
        for folder, folders, names in os.walk(top):
            folders[:] = [name for name in folders if name != "_temporary"]
            inside = Path(folder).relative_to(self.folder).as_posix()
            for name in names:
                key = name if inside == "." else f"{inside}/{name}"
                if is_object(name) and key.startswith(prefix):
                    yield key

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self.below("")))

    def __len__(self) -> int:
        return sum(1 for _ in self.below(""))

    def __bool__(self) -> bool:
        return next(self.below(""), None) is not None

    def keys(self) -> Any:
        return list(self)

    def _pairs(self) -> Iterator[tuple[str, Any]]:
        for name in self:
            if (found := self.get(name, is_read=False)) is not None:
                yield name, found

    items = iteritems = _pairs  # type: ignore[assignment]

    def values(self) -> Any:
        return [value for _, value in self._pairs()]

    itervalues = values

    def lists(self) -> Iterator[tuple[str, list[Any]]]:
        return ((name, [value]) for name, value in self._pairs())

    iterlists = lists


def is_object(name: str) -> bool:
    """Whether a file is an object: Hadoop's checksums and half-written files are not."""
    return not (name.startswith(_PENDING) or (name.startswith(".") and name.endswith(".crc")))


def install(context: Context) -> None:
    """Put the folder-backed store behind moto's S3, and bring back the buckets that are there."""
    sidecars = context.work / "s3-metadata"
    models.FakeKey = FileKey
    create = models.S3Backend.create_bucket

    def create_bucket(backend: Any, bucket_name: str, *args: Any, **kwargs: Any) -> Any:
        bucket = create(backend, bucket_name, *args, **kwargs)
        bucket.keys = FileKeys(bucket_name, context.root, sidecars)
        bucket.object_lock_enabled = True  # a writer may lock an object; none is locked by default
        return bucket

    models.S3Backend.create_bucket = create_bucket
    models.S3Backend.list_objects = _list_objects
    for name in ("put_object", "copy_object", "_key_response_post"):
        _make_atomic(name)
    context.root.mkdir(parents=True, exist_ok=True)
    backend = models.s3_backends[ACCOUNT]["aws"]
    for folder in sorted(context.root.iterdir()):
        if folder.is_dir():
            backend.create_bucket(folder.name, REGION)


def _make_atomic(name: str) -> None:
    inner = getattr(responses.S3Response, name)

    def locked(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _conditional:
            return inner(self, *args, **kwargs)

    setattr(responses.S3Response, name, locked)


def _list_objects(
    backend: Any, bucket: Any, prefix: str | None, delimiter: str | None, marker: str | None, max_keys: Any
) -> tuple[list[Any], list[str], bool, str | None]:
    """As moto's, but it looks only below the prefix and opens no key that it does not return."""
    prefix = prefix or ""
    names, folders = [], set()
    for name in bucket.keys.below(prefix):
        head, found, _ = name[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
        if found:
            folders.add(f"{prefix}{head}{delimiter}")
        else:
            names.append(name)
    keys = [key for name in sorted(names) if (key := bucket.keys.get(name)) is not None]
    if marker:
        keys = backend._get_results_from_token(keys, backend._pagination_tokens.get(marker) or marker)
    if max_keys is None:
        return keys, sorted(folders), False, None
    keys, is_truncated, next_marker = backend._truncate_result(keys, max_keys)
    return keys, sorted(folders), is_truncated, next_marker
