"""Open the files of a batch on AWS or on the laptop; hash and decompress them while reading."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import os
from pathlib import Path
from typing import Any, BinaryIO, cast

from pipeline.lake.uris import split
from pipeline.sources.csv_layout import EncodingFault

S3_ROOT = "HDP_S3_ROOT"
"""Environment variable with the directory of the buckets' files; set only by the laptop cloud."""

_BLOCK = 4 << 20
_GZIP = b"\x1f\x8b"


def open_uri(uri: str) -> BinaryIO:
    """Open an S3 object for reading; raise `OSError` if it cannot be opened.

    A worker of the laptop cloud reads the file directly, without the HTTP server of the same machine.
    """
    bucket, key = split(uri)
    if root := os.environ.get(S3_ROOT):
        return (Path(root) / bucket / key).open("rb")
    return _open_object(bucket, key)


def _open_object(bucket: str, key: str) -> BinaryIO:
    import boto3  # noqa: PLC0415  # slower to import than a small file to read
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        return cast(BinaryIO, boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"])
    except ClientError as error:
        raise OSError(error.response["Error"]["Code"]) from None


class HashedStream(io.RawIOBase):
    """A stream that hashes the bytes of another stream as they are read."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw, self._digest = raw, hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._raw.read(len(buffer))
        self._digest.update(chunk)
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def sha256(self) -> str:
        """Read the rest of the stream and return the hash of all of it."""
        while chunk := self._raw.read(_BLOCK):
            self._digest.update(chunk)
        return self._digest.hexdigest()


def unpacked(raw: BinaryIO | HashedStream) -> BinaryIO:
    """Return the stream decompressed; gzip is detected by its first bytes, not by the file name."""
    buffered = io.BufferedReader(cast(Any, raw), _BLOCK)
    is_packed = buffered.peek(2)[:2] == _GZIP
    return cast(BinaryIO, gzip.GzipFile(fileobj=buffered) if is_packed else buffered)


def as_utf_8(raw: BinaryIO, encoding: str) -> BinaryIO:
    """Return the stream with UTF-16 text encoded as UTF-8; return a stream in another encoding unchanged."""
    if not encoding.startswith("utf-16"):
        return raw
    return cast(BinaryIO, io.BufferedReader(_Recoded(raw, encoding), _BLOCK))


class _Recoded(io.RawIOBase):
    """A stream that decodes another stream and encodes it as UTF-8 while it is read."""

    def __init__(self, raw: BinaryIO, encoding: str) -> None:
        self._raw = raw
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            data = self._raw.read(_BLOCK)
            try:
                self._rest = self._decoder.decode(data, final=not data).encode()
            except UnicodeError:
                raise EncodingFault(
                    "the file contains bytes that are not UTF-16. Export the file as UTF-8."
                ) from None
            if not data:
                break
        chunk, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(chunk)] = chunk
        return len(chunk)
