"""A file of an extract, wherever it lies."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO


@dataclass(frozen=True)
class SourceFile:
    """A file of an extract; `open` returns a new stream from the start of the file."""

    name: str
    size: int
    open: Callable[[], BinaryIO]

    @classmethod
    def of(cls, path: Path) -> SourceFile:
        return cls(path.name, path.stat().st_size, lambda: path.open("rb"))

    @classmethod
    def from_bytes(cls, name: str, content: bytes) -> SourceFile:
        return cls(name, len(content), lambda: io.BytesIO(content))
