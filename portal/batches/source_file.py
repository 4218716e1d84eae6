"""A file of an extract: on disk, in S3, in a ZIP archive or in memory."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from portal.core.auth import User


@dataclass(frozen=True)
class SourceFile:
    """A file of an extract; `open` returns a new stream from the start of the file.

    `supplier` is the subject of the user who supplied the file and alone may see its values; it can be empty.
    A file that was uploaded to S3 has the `uri` and `etag` of its object and the hash of what was received.
    """

    name: str
    size: int
    open: Callable[[], BinaryIO]
    supplier: str = ""
    uri: str = ""
    etag: str = ""
    sha256: str = ""

    def is_supplied_by(self, user: User) -> bool:
        return bool(self.supplier) and self.supplier == user.subject

    @classmethod
    def of(cls, path: Path, name: str = "") -> SourceFile:
        """Return a file on disk, named `name` or as on disk."""
        return cls(name or path.name, path.stat().st_size, lambda: path.open("rb"))

    @classmethod
    def from_bytes(cls, name: str, content: bytes) -> SourceFile:
        return cls(name, len(content), lambda: io.BytesIO(content))
