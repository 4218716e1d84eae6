"""Batches of raw extracts: import them, list them. A batch without its manifest does not exist."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from boto3.s3.transfer import TransferConfig

from pipeline.lake.store import read_json, write_json
from pipeline.lake.uris import split
from pipeline.sources import TABLES
from portal.batches import inspection, retirement
from portal.batches.inspection import Inspected, SourceFile
from portal.core.context import Context
from portal.core.errors import ServiceError

_TRANSFER = TransferConfig(multipart_threshold=16 << 20, multipart_chunksize=16 << 20, max_concurrency=4)

Progress = Callable[[str, int, int], None]
"""What is being done, bytes done, bytes in all."""


@dataclass(frozen=True)
class Batch:
    """One import as its manifest tells it.

    `tables` maps a table to its files and ignored columns; `files` says of every file of the extract what it
    is; `synthetic` marks data of no real patient: batches of the generator, and exports of Synthea.
    """

    batch_id: str
    source: str
    received_at: str
    uploader: str
    content_sha256: str
    tables: dict[str, Any]
    seed: int | None = None
    files: list[dict[str, Any]] = field(default_factory=list)
    synthetic: bool = False
    is_new: bool = field(default=True, compare=False)

    @property
    def rows(self) -> dict[str, int]:
        return {table: sum(file["rows"] for file in entry["files"]) for table, entry in self.tables.items()}

    @property
    def bytes(self) -> int:
        return sum(file["bytes"] for entry in self.tables.values() for file in entry["files"])


def import_folder(
    context: Context,
    folder: Path,
    *,
    format: str = "auto",
    encoding: str = "utf-8",
    uploader: str,
    seed: int | None = None,
    progress: Progress | None = None,
) -> Batch:
    """Import the CSV files (also .csv.gz) of a directory as one batch."""
    context.require("import_data")
    if not folder.is_dir():
        raise ServiceError(f"'{folder}' is not a directory. Pass the directory that contains the CSV files.")
    try:
        files = list(inspection.files_of(folder))
    except OSError as error:
        raise ServiceError(f"'{folder}' cannot be read ({error.strerror}). Check its permissions.") from None
    if not files:
        raise ServiceError(
            f"'{folder}' contains no CSV file. Pass the directory that contains the CSV files."
        )
    return import_files(
        context, files, format=format, encoding=encoding, uploader=uploader, seed=seed, progress=progress
    )


def import_files(
    context: Context,
    files: Sequence[SourceFile | Inspected],
    *,
    format: str = "auto",
    encoding: str = "utf-8",
    uploader: str,
    seed: int | None = None,
    progress: Progress | None = None,
) -> Batch:
    """Upload an extract and write its manifest last; the same content again is the batch that is there."""
    context.require("import_data")
    work = _Progress(progress or _silent, 2 * sum(_file(each).size for each in files))
    inspected = [_inspected(each, format, encoding, work) for each in files]
    loaded = _loaded(inspected)
    content = hashlib.sha256(
        "\n".join(sorted(f"{_table(each)} {each.sha256}" for each in loaded)).encode()
    ).hexdigest()
    gone = retirement.retired(context)
    same = [known for known in list_batches(context) if known.content_sha256 == content]
    for known in same:
        if known.batch_id not in gone:
            return replace(known, is_new=False)
    received = datetime.now(UTC)
    own = (content * 2)[8 * len(same) % 64 :][:8]  # an extract retired in this second has another
    batch_id = f"{received:%Y%m%dT%H%M%S}-{own}"
    batch = Batch(
        batch_id=batch_id,
        source=_formats(loaded)[0],
        received_at=received.strftime("%Y-%m-%dT%H:%M:%SZ"),
        uploader=uploader,
        content_sha256=content,
        tables=_upload_all(context, loaded, batch_id, work),
        seed=seed,
        files=[each.summary() for each in inspected],
        synthetic=seed is not None or _formats(loaded)[0] == "synthea",
    )
    document = {name: value for name, value in asdict(batch).items() if name != "is_new"}
    write_json(context.client("s3"), context.lake.manifest(batch_id), document)
    work.end()
    return batch


class _Progress:
    """Tells how many bytes are done."""

    def __init__(self, tell: Progress, total: int) -> None:
        self._tell, self._total, self._done = tell, total, 0

    def begin(self, what: str, file: SourceFile) -> None:
        self._tell(f"{what} {file.name}", self._done, self._total)
        self._done += file.size

    def end(self) -> None:
        self._tell("Done", self._total, self._total)


def _file(given: SourceFile | Inspected) -> SourceFile:
    return given.file if isinstance(given, Inspected) else given


def _inspected(given: SourceFile | Inspected, format: str, encoding: str, work: _Progress) -> Inspected:
    work.begin("Reading", _file(given))
    return given if isinstance(given, Inspected) else inspection.inspect(given, format, encoding)


def _loaded(inspected: Sequence[Inspected]) -> list[Inspected]:
    """The files that become tables, if nothing stops the import."""
    loaded = [each for each in inspected if each.use == "loaded"]
    if stopping := next((each for each in inspected if each.stops), None):
        raise ServiceError(stopping.reason)
    if len(_formats(loaded)) > 1:
        names = ", ".join(f"{each.file.name} is {each.match.format}" for each in loaded if each.match)
        raise ServiceError(f"One extract has one format, but {names}: import them separately.")
    if not any(_table(each) in TABLES for each in loaded):
        faulty = [each.reason for each in inspected if each.use in {"empty", "not understood"}]
        nothing = f"The extract contains none of {', '.join(TABLES)}: add at least one of them."
        raise ServiceError(faulty[0] if faulty else nothing)
    return loaded


def _formats(loaded: Sequence[Inspected]) -> list[str]:
    return sorted({each.match.format for each in loaded if each.match})


def _table(inspected: Inspected) -> str:
    return inspected.match.table if inspected.match else ""


def _upload_all(
    context: Context, loaded: Sequence[Inspected], batch_id: str, work: _Progress
) -> dict[str, Any]:
    """Upload the files; by table their entries of the manifest."""
    tables: dict[str, Any] = {}
    for each in loaded:
        work.begin("Uploading", each.file)
        entry = tables.setdefault(_table(each), {"files": [], "ignored_columns": []})
        entry["files"].append(_upload(context, each, batch_id, len(entry["files"])))
        ignored = each.match.ignored_columns if each.match else ()
        entry["ignored_columns"] = sorted({*entry["ignored_columns"], *ignored})
    return tables


def _upload(context: Context, each: Inspected, batch_id: str, number: int) -> dict[str, Any]:
    suffix = ".csv.gz" if each.file.name.lower().endswith(".gz") else ".csv"
    table = _table(each)
    uri = context.lake.bronze_batch(table, batch_id) + f"{table}{f'-{number}' if number else ''}{suffix}"
    bucket, key = split(uri)
    with each.file.open() as content:
        context.client("s3").upload_fileobj(content, bucket, key, Config=_TRANSFER)
    layout = {**asdict(each.layout), "header": list(each.layout.header)} if each.layout else {}
    return {
        "key": key,
        "name": each.file.name,
        "rows": each.rows,
        "bytes": each.file.size,
        "sha256": each.sha256,
        "not_data": each.not_data,
        **layout,
    }


def list_batches(context: Context) -> list[Batch]:
    """Every batch, newest first."""
    context.require("see_charts")
    s3 = context.client("s3")
    bucket, prefix = split(context.lake.manifests())
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    items = [item for page in pages for item in page.get("Contents", []) if item["Key"].endswith(".json")]
    batches = [batch for item in items if (batch := _kept(s3, bucket, item["Key"], item["ETag"]))]
    return sorted(batches, key=lambda batch: (batch.received_at, batch.batch_id), reverse=True)


_manifests: dict[tuple[str, str, str], Batch] = {}
"""What was read before, by bucket, key and ETag: a look at all batches reads those that are new."""


def _kept(s3: Any, bucket: str, key: str, etag: str) -> Batch | None:
    known = _manifests.get((bucket, key, etag))
    if known is None and (document := read_json(s3, f"s3://{bucket}/{key}")):
        known = _manifests[bucket, key, etag] = Batch(**document[0])
    return known


def _silent(what: str, done: int, total: int) -> None:
    """Nobody watches."""
