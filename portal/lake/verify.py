"""Verify a lake, or the copy of one in a backup: batches, releases, reviews, audit log, row counts."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.contracts.model import tables
from pipeline.glue_jobs import small_tables
from pipeline.lake.store import read_json
from pipeline.lake.uris import Lake, split
from pipeline.releases import files
from pipeline.releases import model as release_model
from pipeline.reviews import log as review_log
from portal.audit import events as audit_events
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires
from portal.lake import backup as backups
from portal.lake import objects
from portal.lake.objects import FolderS3


@dataclass
class Verified:
    """How many things of each kind were verified, and a sentence for each problem."""

    counts: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add(self, kind: str, count: int, problems: list[str]) -> None:
        self.counts[kind] = count
        self.problems += problems


@requires("back_up")
def lake(context: Context) -> Verified:
    """Verify the lake."""
    found = Verified()
    _content(found, context.client("s3"), context.lake)
    return found


def backup(folder: Path) -> Verified:
    """Verify the backup in a folder; raise `ServiceError` if there is none."""
    made, found = backups.read(folder), Verified()
    found.add("objects", len(made.objects), backups.problems(made))
    copied = Lake(made.prefix)
    _content(found, FolderS3(folder, copied), copied)
    return found


def _content(found: Verified, s3: Any, lake: Lake) -> None:
    manifests = {each["batch_id"]: each for each in _documents(s3, lake.manifests(), ".json")}
    found.add("batches", len(manifests), list(_batch_problems(s3, lake, manifests)))
    releases = release_model.all_releases(s3, lake)
    damaged = [problem for each in releases for problem in files.problems(s3, lake, each)]
    found.add("releases", len(releases), [*damaged, *_published_problem(s3, lake, releases)])
    log = review_log.read(s3, lake)
    found.add("review events", len(log.events), list(log.problems))
    number, problems = _audit_log(s3, lake)
    found.add("audit events", number, problems)
    number, problems = _reconciled(s3, lake, manifests)
    found.add("reconciled tables of batches", number, problems)


def _documents(s3: Any, uri: str, suffix: str) -> Iterator[dict[str, Any]]:
    for key in _keys(s3, uri):
        if key.endswith(suffix) and (found := read_json(s3, f"s3://{split(uri)[0]}/{key}")):
            yield found[0]


def _keys(s3: Any, uri: str) -> list[str]:
    bucket, prefix = split(uri)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def _batch_problems(s3: Any, lake: Lake, manifests: dict[str, dict[str, Any]]) -> Iterator[str]:
    for batch_id, manifest in manifests.items():
        for entry in manifest["tables"].values():
            for file in entry["files"]:
                if _sha256(s3, lake.bucket("bronze"), file["key"]) != file["sha256"]:
                    yield f"File {file['key']} of batch '{batch_id}' is missing or was changed."


def _sha256(s3: Any, bucket: str, key: str) -> str:
    try:
        return objects.digest(s3.get_object(Bucket=bucket, Key=key)["Body"])
    except s3.exceptions.NoSuchKey:
        return ""


def _published_problem(s3: Any, lake: Lake, releases: list[release_model.Release]) -> list[str]:
    published = release_model.current(s3, lake)
    if published is None or published.release_id in {each.release_id for each in releases}:
        return []
    return [f"The published release '{published.release_id}' is missing."]


def _audit_log(s3: Any, lake: Lake) -> tuple[int, list[str]]:
    """Return the number of events, and problems of events that cannot be read or were moved."""
    bucket, prefix = split(lake.audit_log())
    keys, problems = _keys(s3, lake.audit_log()), []
    events = [key for key in keys if not key.endswith(audit_events.FAILED)]
    for key in events:
        try:
            stored = read_json(s3, f"s3://{bucket}/{key}")
            event = audit_events.parse(stored[0] if stored else {})
        except (ServiceError, ValueError):
            problems.append(f"{key} cannot be read: it was altered or damaged.")
            continue
        if key != f"{prefix}{event.key}.json":
            problems.append(f"{key} contains another event: it was moved or altered.")
    marks = (key for key in keys if key.endswith(audit_events.FAILED))
    lost = [key for key in marks if f"{key.removesuffix(audit_events.FAILED)}.json" not in keys]
    return len(events), [*problems, *(f"The event of {key} is missing." for key in lost)]


_COUNTS = ("table_name", "batch_id", "received", "loaded", "quarantined")


def _reconciled(s3: Any, lake: Lake, manifests: dict[str, dict[str, Any]]) -> tuple[int, list[str]]:
    """Return the number of row balances, and problems: of each run, and against what silver holds."""
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    number, problems = 0, []
    plans = sorted(_documents(s3, lake.runs(), ".json"), key=lambda plan: str(plan.get("started_at", "")))
    for plan in plans:
        if "release_batch_ids" not in plan:  # the lock
            continue
        for line in small_tables.read(s3, lake.reconciliation(plan["run_id"]), _COUNTS):
            number += 1
            newest[line["table_name"], line["batch_id"]] = line
            if line["received"] != line["loaded"] + line["quarantined"]:
                problems.append(
                    f"{_named(line)} of run '{plan['run_id']}': received is not loaded + quarantined."
                )
    held = [line for line in newest.values() if line["batch_id"] in manifests]
    return number, [*problems, *filter(None, (_difference(s3, lake, line, manifests) for line in held))]


def _difference(s3: Any, lake: Lake, line: dict[str, Any], manifests: dict[str, dict[str, Any]]) -> str:
    """Return a sentence if the manifest or the rows in silver differ from a row balance, else ""."""
    table, batch_id = line["table_name"], line["batch_id"]
    entry = manifests[batch_id]["tables"].get(table, {"files": []})
    received = sum(file["rows"] for file in entry["files"])
    if received != line["received"]:
        return f"{_named(line)}: the manifest has {received:,} rows, and {line['received']:,} were read."
    in_silver = _rows(s3, lake.silver_batch(table, batch_id)) if table in tables("silver") else line["loaded"]
    if in_silver != line["loaded"]:
        return f"{_named(line)}: silver has {in_silver:,} rows, and {line['loaded']:,} were loaded."
    return ""


def _named(line: dict[str, Any]) -> str:
    return f"Table {line['table_name']} of batch '{line['batch_id']}'"


def _rows(s3: Any, uri: str) -> int:
    import pyarrow.parquet as pq  # noqa: PLC0415  (takes a while to import)

    bucket, _ = split(uri)
    bodies = (
        s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        for key in _keys(s3, uri)
        if key.endswith(".parquet")
    )
    return sum(pq.ParquetFile(io.BytesIO(body)).metadata.num_rows for body in bodies)
