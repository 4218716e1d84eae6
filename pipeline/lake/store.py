"""JSON objects in S3, read with their ETag and written under conditions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from pipeline.lake.uris import split


def read_json(s3: Any, address: str) -> tuple[dict[str, Any], str] | None:
    """The JSON object at `address` and its ETag, or None where there is no such object."""
    bucket, key = split(address)
    try:
        answer = s3.get_object(Bucket=bucket, Key=key)
    except s3.exceptions.NoSuchKey:
        return None
    return json.loads(answer["Body"].read()), answer["ETag"]


_LOST = {"PreconditionFailed", "NoSuchKey", "ConditionalRequestConflict"}
"""How S3 refuses a condition: If-Match on a key that is gone is a 404, and a write at the same time a 409."""

_TRIES = 3
"""Attempts at a write that met another one: S3 says so before it has looked at the condition."""


def write_json(s3: Any, address: str, document: dict[str, Any], **options: Any) -> bool:
    """Write `document`; False where a condition among S3's options (IfMatch, IfNoneMatch) no longer holds."""
    bucket, key = split(address)
    body = json.dumps(document, indent=1, sort_keys=True).encode()
    wanted = {"Bucket": bucket, "Key": key, "Body": body, "ContentType": "application/json", **options}
    refusal = _put(s3, wanted)
    for _ in range(_TRIES - 1):
        if refusal == "ConditionalRequestConflict":
            refusal = _put(s3, wanted)
    return refusal is None


def _put(s3: Any, wanted: dict[str, Any]) -> str | None:
    """Write an object; the name of the condition's refusal, or None."""
    try:
        s3.put_object(**wanted)
    except s3.exceptions.ClientError as error:
        code = str(error.response["Error"]["Code"])
        if code not in _LOST:
            raise
        return code
    return None


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
