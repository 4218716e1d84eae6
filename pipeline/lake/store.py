"""JSON objects in S3, read with their ETag and written with conditional writes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from pipeline.lake.uris import split


def read_json(s3: Any, uri: str) -> tuple[dict[str, Any], str] | None:
    """Return the JSON document at `uri` and the ETag of its object, or None if there is no object."""
    bucket, key = split(uri)
    try:
        response = s3.get_object(Bucket=bucket, Key=key)
    except s3.exceptions.NoSuchKey:
        return None
    return json.loads(response["Body"].read()), response["ETag"]


_CONDITION_ERRORS = {"PreconditionFailed", "NoSuchKey", "ConditionalRequestConflict"}
"""Error codes of a conditional write that S3 refused.

If-Match on a missing key gives NoSuchKey (404), a concurrent write ConditionalRequestConflict (409).
"""

_TRIES = 3
"""Maximum number of attempts: S3 answers 409 to a concurrent write without checking its condition."""


def write_json(s3: Any, uri: str, document: dict[str, Any], **options: Any) -> bool:
    """Write `document`; return False if a condition (`IfMatch`, `IfNoneMatch` in `options`) is not met.

    Return False too if every attempt conflicts with a concurrent write.
    """
    bucket, key = split(uri)
    body = json.dumps(document, indent=1, sort_keys=True).encode()
    request = {"Bucket": bucket, "Key": key, "Body": body, "ContentType": "application/json", **options}
    error = _put(s3, request)
    for _ in range(_TRIES - 1):
        if error == "ConditionalRequestConflict":
            error = _put(s3, request)
    return error is None


def _put(s3: Any, request: dict[str, Any]) -> str | None:
    """Write an object; return None, or the error code if the conditional write was refused."""
    try:
        s3.put_object(**request)
    except s3.exceptions.ClientError as failure:
        code = str(failure.response["Error"]["Code"])
        if code not in _CONDITION_ERRORS:
            raise
        return code
    return None


def now() -> str:
    """Return the current UTC time in ISO 8601, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
