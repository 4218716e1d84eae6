"""Import and list batches. A batch without a manifest does not exist."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from boto3.s3.transfer import TransferConfig

from pipeline.lake.store import read_json, write_json
from pipeline.lake.uris import split
from pipeline.sources import TABLES
from pipeline.sources.native import CHANGES
from portal.batches import inspection, retirement
from portal.batches.inspection import Inspected
from portal.batches.mapping import use as mapped
from portal.batches.origin import NOT_STATED, Extract, Origin, remembered
from portal.batches.progress import Progress, Report
from portal.batches.source_file import SourceFile
from portal.core import room
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires

_TRANSFER = TransferConfig(multipart_threshold=8 << 20, multipart_chunksize=8 << 20, max_concurrency=2)
_TRANSFER.max_in_memory_upload_chunks = 3  # of files in archives, which boto3 reads ahead by 10 otherwise
_COPY = TransferConfig(multipart_threshold=1 << 30, multipart_chunksize=1 << 28)


@dataclass(frozen=True)
class Batch:
    """A batch as recorded in its manifest.

    `tables` maps each table to its files and ignored columns, `files` describes every file of the extract,
    and `synthetic` marks generated data and Synthea exports, which contain no real patients. `facility` and
    `time_zone` are its `Origin`. `is_new` is false if an import found that the content of the batch had been
    imported before.
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
    facility: str | None = None
    time_zone: str | None = None
    extract: Extract = "delta"
    is_new: bool = field(default=True, compare=False)

    @property
    def rows(self) -> dict[str, int]:
        return {table: sum(file["rows"] for file in entry["files"]) for table, entry in self.tables.items()}

    @property
    def bytes(self) -> int:
        return sum(file["bytes"] for entry in self.tables.values() for file in entry["files"])


@requires("import_data")
def import_folder(
    context: Context,
    folder: Path,
    *,
    format: str = "auto",
    encoding: str = "utf-8",
    uploader: str,
    seed: int | None = None,
    origin: Origin = NOT_STATED,
    extract: Extract = "delta",
    progress: Report | None = None,
) -> Batch:
    """Import the tables of a directory or a ZIP archive as one batch, and return the batch.

    Raise `ServiceError` if it cannot be read or imported.
    """
    if not folder.is_dir() and folder.suffix.lower() != ".zip":
        raise ServiceError(
            f"'{folder}' is neither a directory nor a ZIP archive. Pass the one that contains the extract."
        )
    try:
        files = list(inspection.files_of(folder))
    except OSError as error:
        raise ServiceError(f"'{folder}' cannot be read ({error.strerror}). Check its permissions.") from None
    if not files:
        raise ServiceError(f"'{folder}' contains no files. Pass the directory that contains the extract.")
    options: dict[str, Any] = {"encoding": encoding, "seed": seed, "origin": origin, "extract": extract}
    return import_files(context, files, format=format, uploader=uploader, progress=progress, **options)


@requires("import_data")
def import_files(
    context: Context,
    files: Sequence[SourceFile | Inspected],
    *,
    format: str = "auto",
    encoding: str = "utf-8",
    uploader: str,
    seed: int | None = None,
    origin: Origin = NOT_STATED,
    extract: Extract = "delta",
    progress: Report | None = None,
) -> Batch:
    """Upload an extract (ZIP archives are opened), write its manifest last, and return the batch.

    If the same content was imported before and is not retired, return that batch instead. Raise
    `ServiceError` if a file stops the import, formats are mixed or no table is found. What `origin` leaves
    open (None) is that of the uploader's newest batch of the format.
    """
    origin.checked()
    files = [each for given in files for each in _expanded(given)]
    work = Progress(progress, 2 * sum(_file(each).size for each in files))
    inspected = [_inspected(each, format, encoding, work) for each in files]
    inspected = mapped.with_mappings(context, inspected, encoding, format)
    loaded = _loaded(inspected)
    content = _content_hash(loaded)
    retired = retirement.retired(context)
    batches = _all(context)
    same = [known for known in batches if known.content_sha256 == content]
    if known := next((each for each in same if each.batch_id not in retired), None):
        return replace(known, is_new=False)
    room.check(context, sum(each.file.size for each in loaded))
    received = datetime.now(UTC)
    suffix = (content * 2)[8 * len(same) % 64 :][:8]  # differs from that of a retired batch with this content
    batch_id = f"{received:%Y%m%dT%H%M%S}-{suffix}"
    batch = Batch(
        batch_id=batch_id,
        **asdict(_origin(origin, batches, uploader, _formats(loaded)[0])),
        source=_formats(loaded)[0],
        received_at=received.strftime("%Y-%m-%dT%H:%M:%SZ"),
        uploader=uploader,
        content_sha256=content,
        tables=_upload_all(context, loaded, batch_id, work),
        seed=seed,
        files=[each.summary() for each in inspected],
        synthetic=seed is not None or _formats(loaded)[0] == "synthea",
        extract=extract,
    )
    _write_manifest(context, batch)
    work.end()
    return batch


def _origin(origin: Origin, batches: Iterable[Batch], uploader: str, source: str) -> Origin:
    """Return the origin as stated, otherwise as remembered."""
    before = ((each.uploader, each.source, Origin(each.facility, each.time_zone)) for each in batches)
    return origin.or_else(remembered(before, uploader, source)).checked()


def _write_manifest(context: Context, batch: Batch) -> None:
    document = {name: value for name, value in asdict(batch).items() if name != "is_new"}
    write_json(context.client("s3"), context.lake.manifest(batch.batch_id), document)


def _content_hash(loaded: Sequence[Inspected]) -> str:
    hashes = sorted(f"{_table(each)} {each.sha256}{mapped.version_of(each)}" for each in loaded)
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def _expanded(given: SourceFile | Inspected) -> Iterable[SourceFile | Inspected]:
    return [given] if isinstance(given, Inspected) else inspection.expanded(given)


def _file(given: SourceFile | Inspected) -> SourceFile:
    return given.file if isinstance(given, Inspected) else given


def _inspected(given: SourceFile | Inspected, format: str, encoding: str, work: Progress) -> Inspected:
    file = _file(given)
    work.begin("Reading", file)
    found = given if isinstance(given, Inspected) else inspection.inspect(given, format, encoding)
    if file.sha256 and found.sha256 and found.sha256 != file.sha256:
        raise ServiceError(f"'{file.name}' was not read as it was received. Upload it again.")
    return found


def _loaded(inspected: Sequence[Inspected]) -> list[Inspected]:
    """Return the files that are loaded into tables; raise `ServiceError` if the import is not possible."""
    loaded = [each for each in inspected if each.use == "loaded"]
    if stopping := next((each for each in inspected if each.stops), None):
        raise ServiceError(stopping.reason)
    if len(_formats(loaded)) > 1:
        names = ", ".join(f"{each.file.name} is {each.match.format}" for each in loaded if each.match)
        raise ServiceError(f"The files have different formats: {names}. Import them separately.")
    if not any(_table(each) in (*TABLES, CHANGES) for each in loaded):
        faulty = [each.reason for each in inspected if each.use in {"empty", "not understood"}]
        nothing = f"The extract contains none of {', '.join(TABLES)}. Add at least one of them."
        raise ServiceError(faulty[0] if faulty else nothing)
    return loaded


def _formats(loaded: Sequence[Inspected]) -> list[str]:
    return sorted({each.match.format for each in loaded if each.match})


def _table(inspected: Inspected) -> str:
    return inspected.match.table if inspected.match else ""


def _upload_all(
    context: Context, loaded: Sequence[Inspected], batch_id: str, work: Progress
) -> dict[str, Any]:
    """Upload the files and return their manifest entries by table."""
    tables: dict[str, Any] = {}
    for each in loaded:
        work.begin("Uploading", each.file)
        entry = tables.setdefault(_table(each), {"files": [], "ignored_columns": []})
        entry["files"].append(_upload(context, each, batch_id, len(entry["files"])))
        ignored = each.match.ignored_columns if each.match else ()
        entry["ignored_columns"] = sorted({*entry["ignored_columns"], *ignored})
    return tables


def _upload(context: Context, each: Inspected, batch_id: str, number: int) -> dict[str, Any]:
    type_ = each.layout.ending if each.layout else ".csv"
    suffix = f"{type_}.gz" if each.file.name.lower().endswith(".gz") else type_
    table = _table(each)
    uri = context.lake.bronze_batch(table, batch_id) + f"{table}{f'-{number}' if number else ''}{suffix}"
    bucket, key = split(uri)
    _store(context.client("s3"), each.file, bucket, key)
    layout = {**asdict(each.layout), "header": list(each.layout.header)} if each.layout else {}
    return {
        "key": key,
        "name": each.file.name,
        "rows": each.rows,
        "bytes": each.file.size,
        "sha256": each.sha256,
        "not_data": each.not_data,
        **layout,
        **mapped.entry_of(each),
    }


def _store(s3: Any, file: SourceFile, bucket: str, key: str) -> None:
    """Copy a file that is in S3 inside S3, if it is still the one that was inspected; upload any other."""
    if file.uri:
        source_bucket, source_key = split(file.uri)
        source, same = {"Bucket": source_bucket, "Key": source_key}, {"CopySourceIfMatch": file.etag}
        s3.copy(source, bucket, key, ExtraArgs=same, Config=_COPY)
        return
    with file.open() as content:
        s3.upload_fileobj(content, bucket, key, Config=_TRANSFER)


@requires("import_data")
def newest_origin(context: Context) -> Origin:
    """Return the origin of the user's newest batch."""
    own = (each for each in _all(context) if each.uploader == context.user.name)
    return next((Origin(each.facility, each.time_zone) for each in own), NOT_STATED)


@requires("see_charts")
def synthetic(context: Context) -> dict[str, bool]:
    """Return by batch id whether the batch is synthetic; only roles that watch runs see more of a batch."""
    return {batch.batch_id: batch.synthetic for batch in _all(context)}


@requires("see_charts")
def ids(context: Context) -> list[str]:
    """Return the ids of all batches, newest first, without reading their manifests."""
    bucket, prefix = split(context.lake.manifests())
    pages = context.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [
        item["Key"] for page in pages for item in page.get("Contents", []) if item["Key"].endswith(".json")
    ]
    return sorted((key.removeprefix(prefix).removesuffix(".json") for key in keys), reverse=True)


@requires("watch_runs")
def list_batches(context: Context) -> list[Batch]:
    """Return all batches, newest first."""
    return _all(context)


def _all(context: Context) -> list[Batch]:
    s3 = context.client("s3")
    bucket, prefix = split(context.lake.manifests())
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    items = [item for page in pages for item in page.get("Contents", []) if item["Key"].endswith(".json")]
    batches = [batch for item in items if (batch := _cached(s3, bucket, item["Key"], item["ETag"]))]
    return sorted(batches, key=lambda batch: (batch.received_at, batch.batch_id), reverse=True)


_manifests: dict[tuple[str, str, str], Batch] = {}
"""Manifests cached by bucket, key and ETag, so that a listing reads only new or changed ones."""


def _cached(s3: Any, bucket: str, key: str, etag: str) -> Batch | None:
    known = _manifests.get((bucket, key, etag))
    if known is None and (document := read_json(s3, f"s3://{bucket}/{key}")):
        known = _manifests[bucket, key, etag] = Batch(**document[0])
    return known
