"""Install the file-based key store in moto's S3, with atomic conditional writes."""

from __future__ import annotations

import threading
from typing import Any

from moto.s3 import models, responses

from infra.local.context import ACCOUNT, REGION, Context
from infra.local.s3.buckets import FileKeys
from infra.local.s3.objects import FileKey

_write_lock = threading.RLock()
"""Lock that makes checking If-Match or If-None-Match and writing the object one step, as in S3."""


def install(context: Context) -> None:
    """Install the file-based key store, and register the existing buckets."""
    sidecars = context.work / "s3-metadata"
    models.FakeKey = FileKey
    create = models.S3Backend.create_bucket

    def create_bucket(backend: Any, bucket_name: str, *args: Any, **kwargs: Any) -> Any:
        bucket = create(backend, bucket_name, *args, **kwargs)
        bucket.keys = FileKeys(bucket_name, context.root, sidecars)
        bucket.object_lock_enabled = True  # allows locked objects; none is locked by default
        return bucket

    models.S3Backend.create_bucket = create_bucket
    models.S3Backend.list_objects = _list_objects
    for name in ("put_object", "copy_object", "_key_response_post"):
        _make_atomic(name)
    context.root.mkdir(parents=True, exist_ok=True)
    backend = models.s3_backends[ACCOUNT]["aws"]
    for folder in sorted(context.root.iterdir()):
        if folder.is_dir():
            backend.create_bucket(folder.name, REGION)


def _make_atomic(name: str) -> None:
    inner = getattr(responses.S3Response, name)

    def locked(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _write_lock:
            return inner(self, *args, **kwargs)

    setattr(responses.S3Response, name, locked)


def _list_objects(
    backend: Any, bucket: Any, prefix: str | None, delimiter: str | None, marker: str | None, max_keys: Any
) -> tuple[list[Any], list[str], bool, str | None]:
    """List objects like moto, but walk only below the prefix, and do not open keys in common prefixes."""
    prefix = prefix or ""
    names, folders = [], set()
    for name in bucket.keys.below(prefix):
        head, found, _ = name[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
        if found:
            folders.add(f"{prefix}{head}{delimiter}")
        else:
            names.append(name)
    keys = [key for name in sorted(names) if (key := bucket.keys.get(name)) is not None]
    if marker:
        keys = backend._get_results_from_token(keys, backend._pagination_tokens.get(marker) or marker)
    if max_keys is None:
        return keys, sorted(folders), False, None
    keys, is_truncated, next_marker = backend._truncate_result(keys, max_keys)
    return keys, sorted(folders), is_truncated, next_marker
