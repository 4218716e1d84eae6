"""Search every object of a lake for words: in bytes, in packed files and in the columns of Parquet files."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Collection
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.lake.uris import ZONES, Lake

_SHORTEST = 4
"""Number of characters of the shortest word that is looked for: a shorter one is in every file."""


def searchable(words: Collection[str]) -> list[str]:
    """Return the words that are long enough to be looked for, sorted."""
    return sorted(word for word in words if len(word) >= _SHORTEST)


def find(s3: Any, lake: Lake, words: Collection[str]) -> tuple[int, list[str]]:
    """Return the number of searched objects, and the names of those that have one of the words."""
    wanted = searchable(words)
    if not wanted:
        return 0, []
    pattern = re.compile(
        rb"(?<![\w-])(?:" + b"|".join(re.escape(w.encode()) for w in wanted) + rb")(?![\w-])"
    )
    searched, found = 0, []
    for zone in ZONES:
        if zone == "code":
            continue
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=lake.bucket(zone)):
            for item in page.get("Contents", []):
                body = s3.get_object(Bucket=lake.bucket(zone), Key=item["Key"])["Body"].read()
                searched += 1
                if pattern.search(item["Key"].encode()) or pattern.search(readable(body)):
                    found.append(f"{zone}/{item['Key']}")
    return searched, found


def readable(body: bytes) -> bytes:
    """Return the content of an object as bytes to search: unpacked, Parquet as lines of text."""
    if body.startswith(b"PAR1"):
        table = pq.ParquetFile(io.BytesIO(body)).read()
        columns = [column for column in table.columns if _is_text(column.type)]
        return "\n".join(str(value) for column in columns for value in column.to_pylist()).encode()
    return gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body


def _is_text(type_: pa.DataType) -> bool:
    return not (pa.types.is_floating(type_) or pa.types.is_boolean(type_) or pa.types.is_temporal(type_))
