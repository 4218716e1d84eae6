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


def write_json(s3: Any, address: str, document: dict[str, Any], **options: Any) -> bool:
    """Write `document`; False where a condition among S3's options (IfMatch, IfNoneMatch) no longer holds."""
    bucket, key = split(address)
    body = json.dumps(document, indent=1, sort_keys=True).encode()
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json", **options)
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in {"PreconditionFailed", "ConditionalRequestConflict"}:
            return False
        raise
    return True


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
