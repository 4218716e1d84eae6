"""Batches of raw extracts: import them, list them. A batch without its manifest does not exist."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from boto3.s3.transfer import TransferConfig

from pipeline.lake import split
from pipeline.release import read_json, write_json
from pipeline.sources import TABLES, UnknownFormat, known_names, match, said
from portal.services import retirement
from portal.services.aws import Aws, ServiceError

_CHUNK = 8 << 20
_TRANSFER = TransferConfig(multipart_threshold=16 << 20, multipart_chunksize=16 << 20, max_concurrency=4)

Progress = Callable[[str, int, int], None]
"""What is being done, bytes done, bytes in all."""


@dataclass(frozen=True)
class SourceFile:
    """One file of an extract; `open` gives its bytes from the start, each time it is called."""

    name: str
    size: int
    open: Callable[[], BinaryIO]

    @property
    def is_compressed(self) -> bool:
        return self.name.lower().endswith(".gz")

    def plain(self, raw: BinaryIO) -> Any:
        """What `open` gave, unpacked where the file is compressed."""
        return gzip.open(raw) if self.is_compressed else raw

    @classmethod
    def of(cls, path: Path) -> SourceFile:
        return cls(path.name, path.stat().st_size, lambda: path.open("rb"))

    @classmethod
    def from_bytes(cls, name: str, content: bytes) -> SourceFile:
        return cls(name, len(content), lambda: io.BytesIO(content))


@dataclass(frozen=True)
class Batch:
    """One import as its manifest tells it; `tables` maps a table to its files and ignored columns.

    `synthetic` marks data of no real patient: batches of the generator, and exports of Synthea.
    """

    batch_id: str
    source: str
    received_at: str
    uploader: str
    content_sha256: str
    tables: dict[str, Any]
    seed: int | None = None
    synthetic: bool = False
    is_new: bool = field(default=True, compare=False)

    @property
    def rows(self) -> dict[str, int]:
        return {table: sum(file["rows"] for file in entry["files"]) for table, entry in self.tables.items()}

    @property
    def bytes(self) -> int:
        return sum(file["bytes"] for entry in self.tables.values() for file in entry["files"])


@dataclass(frozen=True)
class _Looked:
    """What one pass over a file tells."""

    file: SourceFile
    format: str
    table: str
    ignored_columns: tuple[str, ...]
    header: list[str]
    rows: int
    multiline: bool
    sha256: str


def import_folder(
    aws: Aws,
    folder: Path,
    *,
    format: str = "auto",
    uploader: str,
    seed: int | None = None,
    progress: Progress | None = None,
) -> Batch:
    """Import every CSV (or .csv.gz) of a folder as one batch."""
    aws.require("import_data")
    if not folder.is_dir():
        raise ServiceError(f"'{folder}' is no folder: name the one that holds the extract's CSV files.")
    paths = [
        p
        for p in sorted(folder.iterdir())
        if p.name.lower().endswith((".csv", ".csv.gz")) and p.name[0] not in "._"
    ]
    if not paths:
        raise ServiceError(
            f"'{folder}' holds no CSV file: name the folder that holds the extract's CSV files."
        )
    files = [SourceFile.of(path) for path in paths]
    return import_files(aws, files, format=format, uploader=uploader, seed=seed, progress=progress)


def import_files(
    aws: Aws,
    files: Sequence[SourceFile],
    *,
    format: str = "auto",
    uploader: str,
    seed: int | None = None,
    progress: Progress | None = None,
) -> Batch:
    """Upload an extract and write its manifest last; the same content again is the batch that is there."""
    aws.require("import_data")
    tell = progress or (_silent)
    total = sum(file.size for file in files)
    looked, done = [], 0
    for file in files:
        tell(f"Reading {file.name}", done, 2 * total)
        looked.append(_look(file, format))
        done += file.size
    formats = {each.format for each in looked}
    if len(formats) > 1:
        names = ", ".join(f"{each.file.name} is {each.format}" for each in looked)
        raise ServiceError(f"One extract has one format, but {names}: import them separately.")
    if not any(each.table in TABLES for each in looked):
        raise ServiceError(f"The extract holds none of {', '.join(TABLES)}: add at least one of them.")
    content = hashlib.sha256("\n".join(sorted(f"{e.table} {e.sha256}" for e in looked)).encode()).hexdigest()
    gone = retirement.retired(aws)
    same = [known for known in list_batches(aws) if known.content_sha256 == content]
    for known in same:
        if known.batch_id not in gone:
            return Batch(**{**asdict(known), "is_new": False})
    received = datetime.now(UTC)
    batch_id = f"{received:%Y%m%dT%H%M%S}-{(content * 2)[8 * len(same) % 64 :][:8]}"  # an extract retired in this second has another
    tables: dict[str, Any] = {}
    for each in looked:
        tell(f"Uploading {each.file.name}", done, 2 * total)
        entry = tables.setdefault(each.table, {"files": [], "ignored_columns": []})
        entry["files"].append(_upload(aws, each, batch_id, len(entry["files"])))
        entry["ignored_columns"] = sorted({*entry["ignored_columns"], *each.ignored_columns})
        done += each.file.size
    batch = Batch(
        batch_id=batch_id,
        source=looked[0].format,
        received_at=received.strftime("%Y-%m-%dT%H:%M:%SZ"),
        uploader=uploader,
        content_sha256=content,
        tables=tables,
        seed=seed,
        synthetic=seed is not None or looked[0].format == "synthea",
    )
    document = {name: value for name, value in asdict(batch).items() if name != "is_new"}
    write_json(aws.client("s3"), aws.lake.manifest(batch_id), document)
    tell("Done", 2 * total, 2 * total)
    return batch


def list_batches(aws: Aws) -> list[Batch]:
    """Every batch, newest first."""
    aws.require("see_charts")
    s3 = aws.client("s3")
    bucket, prefix = split(aws.lake.manifests())
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


def _upload(aws: Aws, looked: _Looked, batch_id: str, number: int) -> dict[str, Any]:
    suffix = ".csv.gz" if looked.file.is_compressed else ".csv"
    name = f"{looked.table}{f'-{number}' if number else ''}{suffix}"
    address = aws.lake.bronze_batch(looked.table, batch_id) + name
    bucket, key = split(address)
    with looked.file.open() as content:
        aws.client("s3").upload_fileobj(content, bucket, key, Config=_TRANSFER)
    return {
        "key": key,
        "rows": looked.rows,
        "bytes": looked.file.size,
        "sha256": looked.sha256,
        "header": looked.header,
        "multiline": looked.multiline,
    }


def _look(file: SourceFile, format: str) -> _Looked:
    """Header, rows and hash of a file, in two passes and little memory."""
    digest = hashlib.sha256()
    with file.open() as raw:
        while chunk := raw.read(_CHUNK):
            digest.update(chunk)
    try:
        header, rows, multiline = _count(file)
    except _UNREADABLE as error:
        raise _unreadable(file, error) from None
    if not header:
        raise ServiceError(f"'{file.name}' is empty: it needs a header line with the columns' names.")
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise ServiceError(f"'{file.name}' names a column twice: {said(repeated)}. Name each column once.")
    try:
        found = match(header, file.name, format)
    except UnknownFormat as error:
        raise ServiceError(str(error)) from None
    return _Looked(
        file, found.format, found.table, found.ignored_columns, header, rows, multiline, digest.hexdigest()
    )


_UNREADABLE = (csv.Error, OSError, EOFError, zlib.error)
_BLANK = "".join(map(chr, range(33)))
"""What Spark finds blank at the ends of a line, and of nothing else: Java's String.trim."""


def _unreadable(file: SourceFile, error: Exception) -> ServiceError:
    return ServiceError(f"'{file.name}' cannot be read as CSV ({error}): export it again.")


def _count(file: SourceFile) -> tuple[list[str], int, bool]:
    """Header, number of data rows as Spark counts them, and whether a field holds a line break."""
    filled = 0

    def lines(text: Iterable[str]) -> Iterator[str]:
        nonlocal filled
        for line in text:
            filled += bool(line.strip(_BLANK))
            yield line

    with file.open() as raw:
        text = io.TextIOWrapper(file.plain(raw), encoding="utf-8-sig", errors="replace", newline="")
        reader = csv.reader(lines(text))
        header = [name.strip() for name in next(reader, [])]
        rows = blank = 0
        for row in reader:
            if any(value.strip() for value in row) or len(row) > 1:
                rows += 1
            else:
                blank += 1
        is_multiline = reader.line_num > rows + blank + 1
        text.detach()
    return header, rows if is_multiline else max(0, filled - 1), is_multiline


def preview(aws: Aws, file: SourceFile, rows: int = 20) -> tuple[list[str], list[list[str]]]:
    """The header of a CSV file, and its first rows for those who may see who a patient is.

    To others a name that no format has is told only where the file is one of a known format: it has a header line.
    """
    aws.require("import_data")
    may_see = aws.person.may("see_phi")
    rows = rows if may_see else 0
    with file.open() as raw:
        text = io.TextIOWrapper(file.plain(raw), encoding="utf-8-sig", errors="replace", newline="")
        try:
            header, *body = list(islice(csv.reader(text), rows + 1)) or [[]]
        except _UNREADABLE as error:
            raise _unreadable(file, error) from None
    if not (may_see or _is_header(header, file.name)):
        header = [name if name in known_names() else f"column {n}" for n, name in enumerate(header, 1)]
    return header, body


def _is_header(header: list[str], name: str) -> bool:
    try:
        match((each.strip() for each in header), name)
    except UnknownFormat:
        return False
    return True
