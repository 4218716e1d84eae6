"""Uploads: stream a file in parts to a staging prefix of the bronze bucket, hash it on the way, and read it.

An import inspects the staged object and then copies it to its batch inside S3. What was not imported is
deleted after a day, on AWS by a lifecycle rule as well.
"""

from __future__ import annotations

import hashlib
import io
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.lake.uris import split
from portal.batches.source_file import SourceFile
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires

PART = 8 << 20
"""Bytes of a part; S3 allows 10,000 parts of at least 5 MiB."""

_KEPT = timedelta(days=1)
_FIRST_READ = 1 << 18
_GONE = {"NoSuchKey", "NoSuchUpload", "PreconditionFailed", "404", "412"}


@dataclass(frozen=True)
class Staged:
    """An uploaded file in the staging prefix; `supplier` is the subject of the user who uploaded it."""

    name: str
    size: int
    sha256: str
    uri: str
    etag: str
    supplier: str


class Upload:
    """A file that is being uploaded; at most one part of it is in memory."""

    def __init__(self, s3: Any, uri: str, supplier: str) -> None:
        self._s3, self._uri, self._supplier = s3, uri, supplier
        bucket, key = split(uri)
        self._object = {"Bucket": bucket, "Key": key}
        self._buffer, self._hash = bytearray(), hashlib.sha256()
        self._id, self._parts = "", list[dict[str, Any]]()
        self.size = 0

    @property
    def has_part(self) -> bool:
        """Whether a part is complete, so that `send_part` must be called before more is written."""
        return len(self._buffer) >= PART

    def write(self, content: bytes) -> None:
        """Take the next bytes of the file; nothing is sent."""
        self._hash.update(content)
        self._buffer += content
        self.size += len(content)

    def send_part(self) -> None:
        """Send what is in memory as the next part."""
        if not self._id:
            self._id = self._s3.create_multipart_upload(**self._object)["UploadId"]
        number = len(self._parts) + 1
        body = bytes(self._buffer)
        self._buffer.clear()
        answer = self._s3.upload_part(**self._object, UploadId=self._id, PartNumber=number, Body=body)
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})

    def finish(self, name: str) -> Staged:
        """Send the last part and return the staged file."""
        if self._id:
            if self._buffer:
                self.send_part()
            answer = self._s3.complete_multipart_upload(
                **self._object, UploadId=self._id, MultipartUpload={"Parts": self._parts}
            )
        else:
            answer = self._s3.put_object(**self._object, Body=bytes(self._buffer))
        return Staged(name, self.size, self._hash.hexdigest(), self._uri, answer["ETag"], self._supplier)

    def abort(self) -> None:
        """Give the upload up: the parts that were sent are deleted."""
        self._buffer.clear()
        if self._id:
            self._s3.abort_multipart_upload(**self._object, UploadId=self._id)


@requires("import_data")
def begin(context: Context) -> Upload:
    """Begin an upload by the user, and delete staged files of more than a day ago."""
    s3 = context.client("s3")
    bucket, prefix = split(context.lake.uploads())
    for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
        if datetime.now(UTC) - item["LastModified"] > _KEPT:
            s3.delete_object(Bucket=bucket, Key=item["Key"])
    return Upload(s3, f"{context.lake.uploads()}{uuid.uuid4()}", context.user.subject)


@requires("import_data")
def source_file(context: Context, staged: Staged) -> SourceFile:
    """Return a staged file as a file of an extract, which is read from S3 each time it is opened."""
    s3 = context.client("s3")
    return SourceFile(
        staged.name,
        staged.size,
        lambda: io.BufferedReader(_Stream(s3, staged)),
        staged.supplier,
        staged.uri,
        staged.etag,
        staged.sha256,
    )


@requires("import_data")
def discard(context: Context, staged: Staged) -> None:
    """Delete a staged file."""
    bucket, key = split(staged.uri)
    context.client("s3").delete_object(Bucket=bucket, Key=key)


class _Stream(io.RawIOBase):
    """Reads an object by ranges, which grow up to a part while it is read in sequence."""

    def __init__(self, s3: Any, staged: Staged) -> None:
        self._s3, self._staged = s3, staged
        self._position = self._start = 0
        self._block, self._ahead = b"", _FIRST_READ

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._staged.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, target: Any) -> int:
        if self._position >= self._staged.size:
            return 0
        if not self._start <= self._position < self._start + len(self._block):
            self._fetch()
        begin = self._position - self._start
        found = self._block[begin : begin + len(target)]
        target[: len(found)] = found
        self._position += len(found)
        return len(found)

    def _fetch(self) -> None:
        is_next = self._block and self._position == self._start + len(self._block)
        self._ahead = min(4 * self._ahead, PART) if is_next else _FIRST_READ
        self._start = self._position
        last = min(self._position + self._ahead, self._staged.size) - 1
        bucket, key = split(self._staged.uri)
        try:
            answer = self._s3.get_object(
                Bucket=bucket, Key=key, Range=f"bytes={self._start}-{last}", IfMatch=self._staged.etag
            )
        except self._s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            raise ServiceError(f"'{self._staged.name}' is no longer stored. Upload it again.") from None
        self._block = answer["Body"].read()
