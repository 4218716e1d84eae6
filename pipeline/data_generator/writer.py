"""Write generated tables to files, block by block; memory does not grow with the number of patients."""

from __future__ import annotations

import csv
import gzip
import io
import multiprocessing
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from pipeline.data_generator import BadOptions, Options
from pipeline.data_generator.blocks import TABLES, make, stream
from pipeline.data_generator.defects.changes import Context
from pipeline.data_generator.defects.kinds import chosen
from pipeline.data_generator.defects.seeding import TRUTH_COLUMNS, Defect, Replacement, seed

GROUND_TRUTH = "_defects.csv"
FORMATS = ("csv", "csv.gz", "parquet")
THREADS = 2
_PLAIN = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")


@dataclass(frozen=True)
class Progress:
    """Progress of a generation. `rate` is in rows per second; `seconds_left` is an estimate."""

    blocks_done: int
    blocks: int
    rows: dict[str, int]
    rate: float
    seconds_left: float


@dataclass(frozen=True)
class Written:
    """Result of a generation: directory, rows by table, size in bytes, lines of the ground truth."""

    folder: Path
    rows: dict[str, int]
    bytes: int
    defects: int


class Cancelled(Exception):
    """The caller cancelled the generation; no file remains."""


@dataclass(frozen=True)
class Piece:
    """One block as CSV text without header, its row counts and its part of the ground truth."""

    block: int
    text: dict[str, bytes]
    rows: dict[str, int]
    truth: list[Defect]


def piece(options: Options, block: int) -> Piece:
    """Generate one block, with defects if the options ask for them."""
    clean = make(options, block)
    text = {table: to_csv(clean[table]) for table in TABLES}
    rows = {table: clean[table].num_rows for table in TABLES}
    truth: list[Defect] = []
    if not options.defect_rate:
        return Piece(block, text, rows, truth)
    kinds = chosen(options)
    dead = clean["patients"].filter(pa.compute.is_valid(clean["patients"]["death_date"]))
    deaths = dict(zip(dead["patient_id"].to_pylist(), dead["death_date"].to_pylist(), strict=True))
    context = Context(stream(options, block, 100), None, deaths, set())
    for table in TABLES:
        seeded = seed(table, clean[table], kinds, options.defect_rate, context)
        if table == "encounters":
            context.changed_encounters = seeded.keys
        text[table] = _replace_lines(text[table], seeded.replacements)
        rows[table] += sum(each.lines.count("\n") - 1 for each in seeded.replacements)
        truth += seeded.truth
    return Piece(block, text, rows, truth)


def _replace_lines(text: bytes, replacements: list[Replacement]) -> bytes:
    """Return `text` with the lines of `replacements` replaced; no generated field contains a line break."""
    ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n")) + 1
    view, parts, done = memoryview(text), list[Any](), 0
    for each in replacements:
        parts += [view[done : ends[each.position - 1] if each.position else 0], each.lines.encode()]
        done = ends[each.position]
    return b"".join([*parts, view[done:]])


def to_csv(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pyarrow.csv.write_csv(table, buffer, _PLAIN)
    return buffer.getvalue()


def pieces(options: Options, processes: int = 1) -> Iterator[Piece]:
    """Generate all blocks in order, in two threads (Arrow and NumPy release the GIL) or several processes."""
    if processes == 1:
        with ThreadPoolExecutor(THREADS) as threads:
            yield from _in_order(threads, options)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap(_piece, ((options, block) for block in range(options.blocks)))


def _in_order(threads: ThreadPoolExecutor, options: Options) -> Iterator[Piece]:
    """Yield the blocks in order, with at most `THREADS` + 1 of them in memory."""
    waiting: deque[Future[Piece]] = deque()
    for block in range(options.blocks):
        waiting.append(threads.submit(piece, options, block))
        if len(waiting) > THREADS:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


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
    """Write the tables and, with defects, the ground truth (`_defects.csv`) into a new or empty directory.

    `parts` above 1 splits each table into that many files (at most one per block), with rows in the same
    order. Raise `BadOptions` for invalid options and `Cancelled` once `cancelled()` is true; neither leaves
    files.
    """
    options.checked()
    kinds = chosen(options)
    if format == "parquet" and options.defect_rate and any(kind.shifts for kind in kinds):
        raise BadOptions(
            "Parquet does not support rows with an extra field. "
            "Choose csv, or kinds of defects without shifted_columns."
        )
    if parts < 1:
        raise BadOptions(f"Cannot write {parts} parts. Choose at least 1.")
    if format not in FORMATS:
        raise BadOptions(f"Unknown format '{format}'. Choose from {', '.join(FORMATS)}.")
    if folder.exists() and any(folder.iterdir()):
        raise BadOptions(f"The directory '{folder}' is not empty. Choose a new one.")
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
    sample = make(replace(options, patients=1), 0)
    header = {table: columns.column_names for table, columns in sample.items()}
    parts = min(parts, options.blocks)
    part, files = -1, dict[str, Any]()
    with ExitStack() as stack, ExitStack() as tables:
        truth = csv.writer(io.StringIO())
        if options.defect_rate:
            file = stack.enter_context((folder / GROUND_TRUTH).open("w", newline="", encoding="utf-8"))
            truth = csv.writer(file, lineterminator="\n")
            truth.writerow(TRUTH_COLUMNS)
        for each in pieces(options, processes):
            if cancelled():
                raise Cancelled
            if part != (part := each.block * parts // options.blocks):
                tables.close()
                for table in TABLES:
                    name = table if parts == 1 else f"{table}-{part:05d}"
                    files[table] = tables.enter_context(_open(folder, name, format, header[table]))
            defects += len(each.truth)
            truth.writerows(defect._replace(row=defect.row + rows[defect.table]) for defect in each.truth)
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
    if format == "csv.gz":  # without a timestamp in the header, the same rows give the same file
        file.close()
        file = gzip.GzipFile(path, "wb", compresslevel=4, mtime=0)
    file.write((",".join(header) + "\n").encode())
    return file


class _ParquetFile:
    """Write CSV text as Parquet with text columns; rows with an extra field are not supported."""

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
