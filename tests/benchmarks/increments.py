"""Cost of a run by what is new: a nightly batch on a large lake, many batches, columns that no table has."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb

from infra.local.cloud import Cloud
from pipeline.data_generator import Options
from pipeline.data_generator.writer import generate
from portal.batches import service as batches
from portal.core.context import Context
from portal.core.settings import Settings
from portal.runs import service as runs
from tests.benchmarks.figures import Figure, Size, scratch_folder

TABLES = ("patients", "encounters", "medications")
NIGHT = 10_000
"""Encounters of a nightly batch; a twentieth of them are in the eleven months before the newest."""


def nights(size: Size) -> Iterator[Figure]:
    """Yield the duration of a run over a nightly batch on a large lake; the peer is an empty lake."""
    with scratch_folder() as folder:
        split = _split(size, folder)
        with _cloud(folder / "large") as aws:
            _run(aws, _import(aws, split / "before"))
            large = _run(aws, _import(aws, split / "night"))
        empty = _fresh(folder / "empty", [split / "night"])
        what = f"run over {_count(split / 'night'):,} new encounters on {_count(split / 'before'):,}"
    yield Figure(what, large, "s", "the same batch on an empty lake", empty)


def shapes(size: Size) -> Iterator[Figure]:
    """Yield the duration of a run over 200 small batches, and over rows with 5,000 ignored columns."""
    with scratch_folder() as folder:
        night = _split(replace(size, patients=min(size.patients, 140_000)), folder) / "night"
        parts, columns = (200, 5_000) if size.patients > 100 else (3, 50)
        one = _fresh(folder / "one", [night])
        many = _fresh(folder / "many", _parts(night, folder / "parts", parts))
        yield Figure(f"run over {parts} batches", many, "s", "one batch with the same rows", one)
        few = _first(night, folder / "few", 1_000)
        narrow = _fresh(folder / "narrow", [few])
        wide = _fresh(folder / "wide", [_widened(few, folder / "widened", columns)])
        what = f"run over {_count(few):,} encounters with {columns:,} other columns"
        yield Figure(what, wide, "s", "the same without these columns", narrow)


def _split(size: Size, folder: Path) -> Path:
    """Generate three years and take a nightly batch out of them; return the folder with both."""
    patients = max(60, size.patients * 11 // 20)  # three years have as many encounters as two years of all
    options = Options(patients=patients, start=date(2023, 1, 1), end=date(2025, 12, 31))
    sample = generate(options, folder / "sample").folder
    with duckdb.connect() as sql:
        for table in TABLES:
            sql.execute(f"CREATE TABLE {table} AS {_csv(sample / f'{table}.csv')}")
        found = sql.execute("SELECT count(*) FROM encounters").fetchone()
        wanted = min(NIGHT, (found[0] if found else 0) // 3)
        late = wanted // 20
        picked = (
            "SELECT encounter_id, patient_id FROM encounters WHERE {} ORDER BY md5(encounter_id) LIMIT {}"
        )
        newest = picked.format("admitted_at >= '2025-12-01'", wanted - late)
        older = picked.format("admitted_at >= '2025-01-01' AND admitted_at < '2025-12-01'", late)
        sql.execute(f"CREATE TABLE night AS ({newest}) UNION ALL ({older})")
        for part, condition in (("night", "IN"), ("before", "NOT IN")):
            (folder / part).mkdir()
            for table in ("encounters", "medications"):
                chosen = f"encounter_id {condition} (SELECT encounter_id FROM night)"
                _write(sql, f"SELECT * FROM {table} WHERE {chosen}", folder / part / f"{table}.csv")
        present = "SELECT * FROM patients WHERE patient_id IN (SELECT patient_id FROM night)"
        _write(sql, present, folder / "night" / "patients.csv")
        _write(sql, "SELECT * FROM patients", folder / "before" / "patients.csv")
    return folder


def _parts(batch: Path, target: Path, number: int) -> list[Path]:
    """Split a batch into a number of batches, each with its part of the encounters."""
    folders = [target / f"{n:03}" for n in range(number)]
    with duckdb.connect() as sql:
        for table in TABLES:
            sql.execute(f"CREATE TABLE {table} AS {_csv(batch / f'{table}.csv')}")
        for n, folder in enumerate(folders):
            folder.mkdir(parents=True)
            for table in TABLES:
                key = "patient_id" if table == "patients" else "encounter_id"
                rows = f"SELECT * FROM {table} WHERE hash({key}) % {number} = {n}"
                _write(sql, rows, folder / f"{table}.csv")
    return folders


def _first(batch: Path, target: Path, number: int) -> Path:
    """Copy the patients and the first encounters of a batch, without medications."""
    target.mkdir()
    with duckdb.connect() as sql:
        _write(sql, f"{_csv(batch / 'encounters.csv')} LIMIT {number}", target / "encounters.csv")
        their = f"SELECT DISTINCT patient_id FROM read_csv('{target}/encounters.csv', all_varchar = true)"
        _write(sql, f"{_csv(batch / 'patients.csv')} WHERE patient_id IN ({their})", target / "patients.csv")
    return target


def _widened(batch: Path, target: Path, columns: int) -> Path:
    target.mkdir()
    names = ",".join(f"other_{n}" for n in range(columns))
    values = ",".join(f"v{n}" for n in range(columns))
    header, *rows = (batch / "encounters.csv").read_text().splitlines()
    lines = [f"{header},{names}", *(f"{row},{values}" for row in rows)]
    (target / "encounters.csv").write_text("\n".join(lines) + "\n")
    shutil.copy(batch / "patients.csv", target)
    return target


def _csv(file: Path) -> str:
    return f"SELECT * FROM read_csv('{file}', all_varchar = true)"


def _write(sql: duckdb.DuckDBPyConnection, rows: str, file: Path) -> None:
    sql.execute(f"COPY ({rows}) TO '{file}' (HEADER)")


def _count(batch: Path) -> int:
    with (batch / "encounters.csv").open() as lines:
        return sum(1 for _ in lines) - 1


@contextmanager
def _cloud(state: Path) -> Iterator[Context]:
    before = dict(os.environ)
    with Cloud(state) as cloud:
        os.environ.update(cloud.environment())
        try:
            yield Context(Settings.from_environment())
        finally:
            os.environ.clear()
            os.environ.update(before)


def _fresh(state: Path, folders: list[Path]) -> float:
    """Return the duration of one run over all batches on an empty lake."""
    with _cloud(state) as aws:
        return _run(aws, [batch for folder in folders for batch in _import(aws, folder)])


def _import(aws: Context, folder: Path) -> list[str]:
    return [batches.import_folder(aws, folder, uploader="bench").batch_id]


def _run(aws: Context, batch_ids: list[str]) -> float:
    began = time.perf_counter()
    run = runs.wait(aws, runs.start(aws, batch_ids).run_id, poll=0.2)
    took = time.perf_counter() - began
    if run.status != "SUCCEEDED":
        sys.exit(f"The benchmark's run ended {run.status}: {run.cause}")
    return took
