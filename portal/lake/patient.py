"""Find one patient's rows, and remove them from the received files.

A row is found by file and line, as silver and quarantine have it, and removed only if the line has the
identifiers of the row.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pyarrow.parquet as pq

from pipeline.contracts.model import load, tables
from pipeline.lake.store import read_json, write_json
from pipeline.lake.uris import Lake, split
from portal.core.errors import ServiceError
from portal.lake.erase import Erased, rewrite

_GZIP = b"\x1f\x8b"


@dataclass
class Found:
    """Lines by file, batches, keys by table, and further identifiers (the MRN) of one patient."""

    lines: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    batch_ids: set[str] = field(default_factory=set)
    keys: set[tuple[str, str]] = field(default_factory=set)
    others: set[str] = field(default_factory=set)

    @property
    def words(self) -> set[str]:
        return {key for _, key in self.keys} | self.others

    def add(self, table: str, key: str | None, row: dict[str, Any]) -> None:
        self.lines[row["source_file"]].add(int(row["source_line"]))
        self.batch_ids.add(row["batch_id"])
        if key:
            self.keys.add((table, key))


def find(s3: Any, lake: Lake, patient_id: str) -> Found:
    """Return the patient's rows in silver and quarantine; raise `ServiceError` if there is none."""
    found = Found()
    for table in tables("silver"):
        key = load("silver", table).record_key[0]
        for row in _rows(s3, lake.silver_table(table)):
            if row.get("patient_id") == patient_id:
                found.add(table, row.get(key), row)
                found.others |= {str(row["mrn"])} if row.get("mrn") else set()
        for row in _rows(s3, lake.quarantine_table(table)):
            if _is_of(json.loads(row["raw"] or "{}"), patient_id):
                found.add(table, row.get("record_key"), row)
    if not found.lines:
        raise ServiceError("No row of this patient is in silver or quarantine. Check the patient's id.")
    found.keys.add(("patients", patient_id))
    return found


def keys_of_batches(s3: Any, lake: Lake, batch_id: str) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Return table and key of the records of a batch, and of those of all other batches."""
    own: set[tuple[str, str]] = set()
    others: set[tuple[str, str]] = set()
    for table in tables("silver"):
        key = load("silver", table).record_key[0]
        for row in _rows(s3, lake.silver_table(table)):
            (own if row["batch_id"] == batch_id else others).add((table, str(row[key])))
        for row in _rows(s3, lake.quarantine_table(table)):
            if row.get("record_key"):
                (own if row["batch_id"] == batch_id else others).add((table, str(row["record_key"])))
    return own, others


def _is_of(raw: dict[str, Any], patient_id: str) -> bool:
    return patient_id in {str(value) for name, value in raw.items() if name == "patient_id"}


def _rows(s3: Any, uri: str) -> list[dict[str, Any]]:
    """Return the rows below a URI, with the batch that a folder names."""
    bucket, prefix = split(uri)
    rows = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            if item["Key"].endswith(".parquet"):
                body = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
                named = re.search(r"/batch_id=([^/]+)/", item["Key"])
                batch = {"batch_id": named[1]} if named else {}
                rows += [{**row, **batch} for row in pq.ParquetFile(io.BytesIO(body)).read().to_pylist()]
    return rows


_PLANNED = "purging"
"""Key of a file in a manifest while the file is rewritten: what the manifest has afterwards."""


def remove(s3: Any, lake: Lake, found: Found, done: Erased) -> None:
    """Remove the rows from the received files of their batches, and record the new files in the manifests.

    The manifest first gets what each file becomes, so that an interrupted removal can be finished.
    """
    for batch_id in sorted(found.batch_ids):
        stored = read_json(s3, lake.manifest(batch_id))
        if stored is None:
            continue
        manifest, _ = stored
        files = [(table, file) for table, entry in manifest["tables"].items() for file in entry["files"]]
        bodies = {}
        for table, file in files:
            _check(file, table, batch_id)
            bodies[file["key"]] = _plan(s3, lake, file, found)
        write_json(s3, lake.manifest(batch_id), manifest)
        for _, file in files:
            if (body := bodies[file["key"]]) is not None:
                rewrite(s3, lake, f"bronze/{file['key']}", body, done)
            planned = file.pop(_PLANNED, {})
            done.add("rows in received files", file["rows"] - planned.get("rows", file["rows"]))
            file.update(planned)
        write_json(s3, lake.manifest(batch_id), manifest)


def _check(file: dict[str, Any], table: str, batch_id: str) -> None:
    """Raise `ServiceError` for a file in which single rows cannot be removed safely."""
    if file.get("encoding", "utf-8").lower().startswith("utf-16") or table not in tables("silver"):
        raise ServiceError(
            f"Batch '{batch_id}' has a file from which one patient cannot be removed ({table}). "
            "Purge the batch, then import a corrected extract."
        )


def _plan(s3: Any, lake: Lake, file: dict[str, Any], found: Found) -> bytes | None:
    """Plan in a manifest's file what it becomes; return its new content, or None if it stays as it is."""
    stored = s3.get_object(Bucket=lake.bucket("bronze"), Key=file["key"])["Body"].read()
    if file.get(_PLANNED, {}).get("sha256") == hashlib.sha256(stored).hexdigest():
        return None
    text = gzip.decompress(stored) if stored.startswith(_GZIP) else stored
    kept, removed = without(text, found.lines.get(file["key"], set()), found.words)
    if not removed:
        return None
    body = gzip.compress(kept, mtime=0) if stored.startswith(_GZIP) else kept
    rows = file["rows"] - removed
    file[_PLANNED] = {"sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body), "rows": rows}
    return body


def without(text: bytes, lines: set[int], words: set[str]) -> tuple[bytes, int]:
    """Return a file without the records that begin on the lines and have one of the words, and their number.

    A record goes on over line breaks in quotes.
    """
    kept, removed, number = [], 0, 0
    record: list[bytes] = []
    first = 1
    for line in text.splitlines(keepends=True):
        number += 1
        record.append(line)
        if b"".join(record).count(b'"') % 2:
            continue
        whole = b"".join(record)
        if first in lines and _has(whole, words):
            removed += 1
        else:
            kept.append(whole)
        record, first = [], number + 1
    return b"".join([*kept, *record]), removed


def _has(record: bytes, words: set[str]) -> bool:
    tokens = re.split(r'[\s,;|\t"\'{}\[\]:/\\^~]+', record.decode("utf-8", "replace"))
    return not words.isdisjoint(tokens)
