"""Writes generated tables to files, block by block: memory does not grow with the size."""

from __future__ import annotations

import csv
import gzip
import io
import multiprocessing
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from pipeline.generator import BadOptions, Options
from pipeline.generator.blocks import TABLES, make, stream
from pipeline.generator.defects import KEY_COLUMNS, Defect, Surroundings, chosen, damage

ANSWER_KEY = "_defects.csv"
FORMATS = ("csv", "csv.gz", "parquet")
_PLAIN = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")


@dataclass(frozen=True)
class Progress:
    """How far it is: `rate` in rows a second, `seconds_left` an estimate from it."""

    blocks_done: int
    blocks: int
    rows: dict[str, int]
    rate: float
    seconds_left: float


@dataclass(frozen=True)
class Written:
    """What was made: files by table, rows and bytes."""

    folder: Path
    rows: dict[str, int]
    bytes: int
    defects: int


class Cancelled(Exception):
    """The caller asked to stop; nothing is left behind."""


@dataclass(frozen=True)
class Piece:
    """One block as CSV text without header, its row counts and its part of the answer key."""

    block: int
    text: dict[str, bytes]
    rows: dict[str, int]
    key: list[Defect]


def piece(options: Options, block: int) -> Piece:
    """One block, damaged where the options say so."""
    clean = make(options, block)
    if not options.defect_rate:
        return Piece(block, {t: to_csv(clean[t]) for t in TABLES}, {t: clean[t].num_rows for t in TABLES}, [])
    kinds = chosen(options)
    dead = clean["patients"].filter(pa.compute.is_valid(clean["patients"]["death_date"]))
    deaths = dict(zip(dead["patient_id"].to_pylist(), dead["death_date"].to_pylist(), strict=True))
    around = Surroundings(stream(options, block, 100), None, deaths, set())
    text, rows, key = {}, {}, []
    for table in TABLES:
        replaced, found, touched = damage(table, clean[table], kinds, options.defect_rate, around)
        if table == "encounters":
            around.damaged_encounters = touched
        lines = to_csv(clean[table]).decode().splitlines(keepends=True)
        extra = 0
        for position, instead in replaced:
            lines[position] = "".join(instead)
            extra += len(instead) - 1
        text[table] = "".join(lines).encode()
        rows[table] = clean[table].num_rows + extra
        key += found
    return Piece(block, text, rows, key)


def to_csv(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pyarrow.csv.write_csv(table, buffer, _PLAIN)
    return buffer.getvalue()


def pieces(options: Options, processes: int = 1) -> Iterator[Piece]:
    """All blocks in order, made by one process or several."""
    blocks = range(options.blocks)
    if processes == 1:
        yield from (piece(options, block) for block in blocks)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap(_piece, ((options, block) for block in blocks))


def _piece(task: tuple[Options, int]) -> Piece:
    return piece(*task)


def generate(
    options: Options,
    folder: Path,
    *,
    format: str = "csv",
    parts: int = 1,
    processes: int = 1,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Written:
    """Write patients, encounters and medications (and `_defects.csv`) into `folder`, which must be new or empty.

    With `parts` above 1 each table is that many files (at most one a block), their rows in the same order.
    """
    options.checked()
    kinds = chosen(options)
    if format == "parquet" and options.defect_rate and any(kind.shifts for kind in kinds):
        raise BadOptions(
            "Parquet has no place for a field too many: write csv, or name kinds without shifted_columns."
        )
    if parts < 1:
        raise BadOptions(f"{parts} parts: a table is at least one file.")
    if format not in FORMATS:
        raise BadOptions(f"There is no format '{format}': it is {', '.join(FORMATS)}.")
    if folder.exists() and any(folder.iterdir()):
        raise BadOptions(f"'{folder}' is not empty: name a new folder, so that nothing is overwritten.")
    pending = folder.with_name(f"{folder.name}.pending")
    shutil.rmtree(pending, ignore_errors=True)
    pending.mkdir(parents=True)
    try:
        rows, defects = _write(options, pending, format, parts, processes, progress, cancelled)
    except BaseException:
        shutil.rmtree(pending, ignore_errors=True)
        raise
    if folder.exists():
        folder.rmdir()
    pending.replace(folder)
    size = sum(file.stat().st_size for file in folder.iterdir())
    return Written(folder, rows, size, defects)


def _write(
    options: Options,
    folder: Path,
    format: str,
    parts: int,
    processes: int,
    progress: Callable[[Progress], None] | None,
    cancelled: Callable[[], bool],
) -> tuple[dict[str, int], int]:
    began = time.monotonic()
    rows, defects = dict.fromkeys(TABLES, 0), 0
    header = {table: columns.column_names for table, columns in make(replace(options, patients=1), 0).items()}
    parts = min(parts, options.blocks)
    part, files = -1, dict[str, Any]()
    with ExitStack() as stack, ExitStack() as tables:
        key = csv.writer(io.StringIO())
        if options.defect_rate:
            file = stack.enter_context((folder / ANSWER_KEY).open("w", newline="", encoding="utf-8"))
            key = csv.writer(file, lineterminator="\n")
            key.writerow(KEY_COLUMNS)
        for each in pieces(options, processes):
            if cancelled():
                raise Cancelled
            if part != (part := each.block * parts // options.blocks):
                tables.close()
                for table in TABLES:
                    name = table if parts == 1 else f"{table}-{part:05d}"
                    files[table] = tables.enter_context(_open(folder, name, format, header[table]))
            for defect in each.key:
                defects += 1
                key.writerow(asdict(replace(defect, row=defect.row + rows[defect.table])).values())
            for table in TABLES:
                files[table].write(each.text[table])
                rows[table] += each.rows[table]
            if progress:
                progress(_progress(each.block + 1, options.blocks, rows, time.monotonic() - began))
    return rows, defects


def _progress(done: int, blocks: int, rows: dict[str, int], seconds: float) -> Progress:
    return Progress(done, blocks, dict(rows), sum(rows.values()) / seconds, seconds / done * (blocks - done))


def _open(folder: Path, name: str, format: str, header: list[str]) -> Any:
    if format == "parquet":
        return _ParquetFile(folder / f"{name}.parquet", header)
    path = folder / f"{name}.{format}"
    file: Any = path.open("wb")
    if format == "csv.gz":  # no time in the header: the same rows give the same bytes
        file.close()
        file = gzip.GzipFile(path, "wb", compresslevel=4, mtime=0)
    file.write((",".join(header) + "\n").encode())
    return file


class _ParquetFile:
    """Takes CSV text, writes Parquet with every column as text. A row with a field too many cannot be kept there."""

    def __init__(self, path: Path, header: list[str]) -> None:
        self._header = header
        self._writer = pq.ParquetWriter(path, pa.schema([(name, pa.string()) for name in header]))

    def __enter__(self) -> _ParquetFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def write(self, text: bytes) -> None:
        if not text:
            return
        types = dict.fromkeys(self._header, pa.string())
        read = pyarrow.csv.ReadOptions(column_names=self._header)
        convert = pyarrow.csv.ConvertOptions(column_types=types, strings_can_be_null=True, null_values=[""])
        self._writer.write_table(pyarrow.csv.read_csv(io.BytesIO(text), read, convert_options=convert))
