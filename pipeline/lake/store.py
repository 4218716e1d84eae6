"""JSON objects in S3, read with their ETag and written with conditional writes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from pipeline.lake.uris import split


def read_json(s3: Any, uri: str) -> tuple[dict[str, Any], str] | None:
    """Return the JSON object at `uri` and its ETag, or None if it does not exist."""
    bucket, key = split(uri)
    try:
        response = s3.get_object(Bucket=bucket, Key=key)
    except s3.exceptions.NoSuchKey:
        return None
    return json.loads(response["Body"].read()), response["ETag"]


def write_json(s3: Any, uri: str, document: dict[str, Any], **options: Any) -> bool:
    """Write `document`; return False if a condition (`IfMatch`, `IfNoneMatch` in `options`) is not met."""
    bucket, key = split(uri)
    body = json.dumps(document, indent=1, sort_keys=True).encode()
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json", **options)
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in {"PreconditionFailed", "ConditionalRequestConflict"}:
            return False
        raise
    return True


def now() -> str:
    """Return the current UTC time in ISO 8601, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
