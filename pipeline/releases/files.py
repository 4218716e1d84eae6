"""Files of a release: their size and SHA-256 are recorded by the jobs, and recomputed for verification.

Standard library only; the caller passes the S3 client. Files are named by zone and key, so that a lake that
was copied, or restored under another prefix, keeps its approvals.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pipeline.lake.store import read_json, write_json
from pipeline.lake.uris import ZONES, Lake, split
from pipeline.releases.model import GOLD_TABLES, Release

Files = dict[str, dict[str, Any]]
"""Size and SHA-256 of each file by its name, ``<zone>/<key>``."""

_CHUNK = 1 << 20


def record_gold(s3: Any, lake: Lake, run_id: str, table: str, shared: Files | None = None) -> Files:
    """Record size and SHA-256 of the files of a gold table, right after a job has written them.

    `shared` are files of earlier releases that belong to this one too. Return all recorded files.
    """
    written = _hashed(s3, lake, listed(s3, lake, [lake.gold_release(table, run_id)]))
    recorded = {**written, **(shared or {})}
    write_json(s3, lake.gold_files(run_id, table), recorded)
    return recorded


def of_table(s3: Any, lake: Lake, release_id: str, table: str) -> Files:
    """Return the files of a gold table in a release, as its job recorded them; empty if it did not."""
    found = read_json(s3, lake.gold_files(release_id, table))
    return found[0] if found else {}


def of_run(s3: Any, lake: Lake, run_id: str) -> Files:
    """Return the files of a release: gold as its jobs recorded it, rule results and audit as stored now."""
    recorded = (of_table(s3, lake, run_id, table) for table in GOLD_TABLES)
    gold = {name: file for found in recorded for name, file in found.items()}
    return {**gold, **_hashed(s3, lake, listed(s3, lake, _measured(lake, run_id)))}


def sizes(s3: Any, lake: Lake, release: Release) -> dict[str, int]:
    """Return the present size of each file of a release, from listings alone.

    Folders of other releases are listed only if they hold files of this release.
    """
    own = _own_folders(lake, release)
    prefixes = tuple(name_of(lake, uri) for uri in own)
    months = {name.rpartition("/")[0] for name in release.files if not name.startswith(prefixes)}
    shared = {f"s3://{lake.bucket('gold')}/{'/'.join(month.split('/')[1:3])}/" for month in months}
    present = listed(s3, lake, [*own, *sorted(shared)])
    return {
        name: size
        for name, size in present.items()
        if name.startswith(prefixes) or name.rpartition("/")[0] in months
    }


def problems(s3: Any, lake: Lake, release: Release) -> list[str]:
    """Return a sentence for each file that is missing, was added, or differs from its recorded SHA-256."""
    present = _hashed(s3, lake, sizes(s3, lake, release))
    names = sorted(present.keys() | release.files.keys())
    return [
        f"{name} of release '{release.release_id}' {_difference(present.get(name), release.files.get(name))}."
        for name in names
        if present.get(name) != release.files.get(name)
    ]


def _difference(present: dict[str, Any] | None, recorded: dict[str, Any] | None) -> str:
    if present is None:
        return "is missing"
    return "was changed after it was written" if recorded else "was added after the audit"


def _hashed(s3: Any, lake: Lake, present: Mapping[str, int]) -> Files:
    """Return size and SHA-256 of each of the files, given by name and size."""
    with ThreadPoolExecutor(16) as pool:
        digests = pool.map(lambda name: _sha256(s3, lake, name), present)
        return {
            name: {"size": size, "sha256": digest}
            for (name, size), digest in zip(present.items(), digests, strict=True)
        }


def _own_folders(lake: Lake, release: Release) -> list[str]:
    gold = [lake.gold_release(table, release.release_id) for table in GOLD_TABLES]
    return [*gold, *_measured(lake, release.run_id)]


def _measured(lake: Lake, run_id: str) -> list[str]:
    return [lake.results(run_id), lake.audit(run_id)]


def listed(s3: Any, lake: Lake, uris: Iterable[str]) -> dict[str, int]:
    """Return the sizes of the objects below `uris` by name."""
    with ThreadPoolExecutor(16) as pool:
        found = pool.map(lambda uri: _listed(s3, lake, uri), list(uris))
        return {name: size for folder in found for name, size in folder.items()}


def _listed(s3: Any, lake: Lake, uri: str) -> dict[str, int]:
    bucket, prefix = split(uri)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {
        name_of(lake, f"s3://{bucket}/{item['Key']}"): item["Size"]
        for page in pages
        for item in page.get("Contents", [])
    }


def name_of(lake: Lake, uri: str) -> str:
    """Return the name of a file, ``<zone>/<key>``."""
    bucket, key = split(uri)
    return f"{next(zone for zone in ZONES if lake.bucket(zone) == bucket)}/{key}"


def _sha256(s3: Any, lake: Lake, name: str) -> str:
    zone, _, key = name.partition("/")
    bucket = next(lake.bucket(each) for each in ZONES if each == zone)
    body, digest = s3.get_object(Bucket=bucket, Key=key)["Body"], hashlib.sha256()
    while chunk := body.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
