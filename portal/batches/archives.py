"""List the files of a ZIP archive, so that an archive is imported like a folder."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from pipeline.data_generator.extracts import TRUTH
from pipeline.sources.identified import NotUnderstood
from portal.batches.source_file import SourceFile

MOST_FILES = 10_000
LARGEST_RATIO, LARGE = 1_000, 1 << 30
"""An archive is refused if it unpacks to over 1 GiB and to over 1,000 times its size.

No table compresses that far.
"""

DAMAGED = (zipfile.BadZipFile, NotImplementedError, RuntimeError)
"""Raised for an archive that is damaged, or packed by a method that Python does not know."""

_SIGNATURE = b"PK\x03\x04"
_ENCRYPTED = 0x1


def is_zip(file: SourceFile) -> bool:
    """Return whether the content of a file is a ZIP archive other than an Office document."""
    with file.open() as raw:
        if raw.read(len(_SIGNATURE)) != _SIGNATURE:
            return False
    try:
        return "[Content_Types].xml" not in _opened(file).namelist()
    except DAMAGED:
        return True


def members(file: SourceFile) -> Iterator[SourceFile]:
    """Yield the files of a ZIP archive, without folders, hidden files and files that macOS adds.

    A member is read from the archive only when the member is opened; nothing is unpacked to disk, so a path
    inside the archive leads nowhere. Raise `NotUnderstood` if the archive is damaged or encrypted, or if it
    holds too many files or too much data.
    """
    try:
        archive = _opened(file)
    except DAMAGED:
        raise NotUnderstood(
            f"'{file.name}' is a ZIP archive that is damaged, cut off or packed by an unknown method. "
            "Copy it again, or unpack it."
        ) from None
    listed = [each for each in archive.infolist() if not each.is_dir() and not _is_hidden(each.filename)]
    _check(file, listed)
    for each in listed:
        name = PurePosixPath(each.filename).name
        yield SourceFile(name, each.file_size, partial(_member, archive, each), file.supplier)


def _opened(file: SourceFile) -> zipfile.ZipFile:
    return zipfile.ZipFile(file.open())


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> BinaryIO:
    return cast(BinaryIO, archive.open(info))


def _is_hidden(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool({"__MACOSX", TRUTH} & set(parts)) or any(part.startswith((".", "_")) for part in parts[-1:])


def _check(file: SourceFile, listed: list[zipfile.ZipInfo]) -> None:
    if any(each.flag_bits & _ENCRYPTED for each in listed):
        raise NotUnderstood(f"'{file.name}' is protected by a password. Unpack it and import the folder.")
    if len(listed) > MOST_FILES:
        raise NotUnderstood(
            f"'{file.name}' contains {len(listed):,} files. At most {MOST_FILES:,} are allowed."
        )
    size = sum(each.file_size for each in listed)
    if size > LARGE and size > LARGEST_RATIO * file.size:
        raise NotUnderstood(
            f"'{file.name}' would unpack to {size / 1e9:,.1f} GB, over {LARGEST_RATIO:,} times its size. "
            "No table compresses so far; check where the archive comes from."
        )
