"""The objects of a bucket by key, read from the bucket's directory."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from moto.s3.exceptions import S3ClientError

from infra.local.s3.objects import FileKey, is_object


class BadKey(S3ClientError):
    """The key cannot be a file path: a part of it is empty, `.` or `..`."""

    code = 400

    def __init__(self, key: str) -> None:
        super().__init__("InvalidRequest", f"Key '{key}' has an empty, '.' or '..' part, or ends in '/'.")


class FileKeys(dict):  # type: ignore[type-arg]
    """The objects of a bucket by key, with the interface of moto's version store."""

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

    def get(self, key: str, default: Any = None, with_content: bool = True) -> Any:
        try:
            path = self.path(key)
            if not path.is_file() or not is_object(path.name):
                return default
            return FileKey.read(key, self.bucket, path, self._sidecar(key), with_content)
        except (FileNotFoundError, NotADirectoryError, BadKey):
            return default
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                return default
            raise  # an object that cannot be read is not a missing object: it must not be written anew

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
        """Yield the keys that start with `prefix`.

        Walk only the directory that `prefix` names up to its last slash; without a slash, the whole bucket.
        """
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
            if (found := self.get(name, with_content=False)) is not None:
                yield name, found

    items = iteritems = _pairs  # type: ignore[assignment]

    def values(self) -> Any:
        return [value for _, value in self._pairs()]

    itervalues = values

    def lists(self) -> Iterator[tuple[str, list[Any]]]:
        return ((name, [value]) for name, value in self._pairs())

    iterlists = lists
