"""An S3 object as a file, with its metadata in a sidecar file."""

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

from moto.s3 import models

from infra.local.context import ACCOUNT, REGION

_CHUNK = 1 << 20


_SMALL = 1 << 18
"""Objects of up to this many bytes are read into memory, because they may be replaced while they are sent.

Larger objects are data files, which are written only once.
"""


PENDING = ".pending-"


_CONTENT_TYPE = "binary/octet-stream"


MemoryKey: Any = models.FakeKey


class FileContent:
    """The bytes of a file, read on demand; a slice reads only its range."""

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


class FileKey(MemoryKey):
    """An S3 object, in memory until `attach` writes it to a file.

    The ETag of a file is a hash of its size, modification time and inode.
    """

    _file: Path | None = None
    _content: bytes | None = None

    def attach(self, path: Path, sidecar: Path) -> None:
        """Write a temporary file and rename it to `path`: readers see either the old or the new object."""
        path.parent.mkdir(parents=True, exist_ok=True)
        pending = path.with_name(f"{PENDING}{os.getpid()}-{threading.get_ident()}-{path.name}"[:255])
        self._value_buffer.seek(0)
        try:
            with pending.open("wb") as file:
                shutil.copyfileobj(self._value_buffer, file, _CHUNK)
            path.with_name(f".{path.name}.crc").unlink(missing_ok=True)
            pending.replace(path)
        except OSError:
            pending.unlink(missing_ok=True)  # on a full disk its space is needed
            raise
        self._value_buffer.close()
        self._point_at(path, sidecar, path.stat())

    @classmethod
    def read(cls, name: str, bucket: str, path: Path, sidecar: Path, with_content: bool = True) -> FileKey:
        """Return the object at `path`; raise `FileNotFoundError` if there is none.

        `with_content` takes size, ETag and, up to `_SMALL` bytes, the content from one open file, so that
        they are consistent.
        """
        key = cls(name=name, value=b"", account_id=ACCOUNT, region_name=REGION, bucket_name=bucket)
        key._value_buffer.close()
        if with_content:
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
        MemoryKey.value.fset(self, data)

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


def is_object(name: str) -> bool:
    """Return whether a file name is that of an object, not of a Hadoop checksum or a partly written file."""
    return not (name.startswith(PENDING) or (name.startswith(".") and name.endswith(".crc")))
