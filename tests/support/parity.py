"""Run the same batches on both engines, and compare the two lakes value by value and type by type."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipeline.releases.model import GOLD_TABLES
from tests.support.own_lake import own_lake

RUN = "run-parity"
ZONES = {
    "hdp-silver": ("patients", "encounters", "medications", "diagnoses"),
    "hdp-gold": GOLD_TABLES,
    "hdp-quality": (
        "quarantine/patients",
        "quarantine/encounters",
        "quarantine/medications",
        "quarantine/diagnoses",
        "results",
        "reconciliation",
        "release_reconciliation",
    ),
}


@dataclass(frozen=True)
class Difference:
    """Numbers of rows that only one lake has, and columns whose types differ."""

    table: str
    only_sail: int
    only_spark: int
    types: tuple[str, ...]
    example: str


def run_on_both(folders: Sequence[Path], target: Path) -> Mapping[str, Path]:
    """Import the extracts once, then run them on each engine; return each engine's folder of buckets."""
    sail, spark = target / "sail", target / "spark"
    with own_lake(sail, "sail") as lake:
        for folder in folders:
            lake.load(folder)
    shutil.copytree(sail / "s3" / "hdp-bronze", spark / "s3" / "hdp-bronze")
    for state, engine in ((sail, "sail"), (spark, "spark")):
        with own_lake(state, engine) as lake:
            lake.run(RUN)
    return {"sail": sail / "s3", "spark": spark / "s3"}


def differences(lakes: Mapping[str, Path]) -> list[Difference]:
    """Return the tables whose content or column types differ between the engines."""
    found = (_compare(bucket, table, lakes) for bucket, tables in ZONES.items() for table in tables)
    return [difference for difference in found if difference]


def row_counts(lake: Path) -> dict[str, int]:
    """Return the number of rows of each existing table."""
    with duckdb.connect() as db:
        return {
            table: db.sql(f"select count(*) from {_rows(lake, bucket, table)}").fetchone()[0]
            for bucket, tables in ZONES.items()
            for table in tables
            if _files(lake, bucket, table)
        }


def _files(lake: Path, bucket: str, table: str) -> list[Path]:
    return sorted((lake / bucket / table).rglob("*.parquet"))


def _rows(lake: Path, bucket: str, table: str) -> str:
    pattern = lake / bucket / table / "**" / "*.parquet"
    options = "hive_partitioning = true, hive_types_autocast = false, union_by_name = true"
    return f"read_parquet('{pattern}', {options})"


def _compare(bucket: str, table: str, lakes: Mapping[str, Path]) -> Difference | None:
    files = {engine: _files(lake, bucket, table) for engine, lake in lakes.items()}
    if not any(files.values()):
        return None
    if not all(files.values()):
        return Difference(table, len(files["sail"]), len(files["spark"]), (), "only one engine wrote files")
    with duckdb.connect() as db:
        db.execute("set TimeZone = 'UTC'")
        for engine, lake in lakes.items():
            db.execute(f"create view {engine} as select * from {_rows(lake, bucket, table)}")
        shapes = {engine: _shape(db, files[engine][0]) for engine in lakes}
        only = {
            engine: db.sql(_missing(db, engine, other)).fetchall()
            for engine, other in (("sail", "spark"), ("spark", "sail"))
        }
    types = tuple(sorted(map(str, set(shapes["sail"]) ^ set(shapes["spark"]))))
    if not (only["sail"] or only["spark"] or types):
        return None
    example = f"sail {only['sail'][:1]}, spark {only['spark'][:1]}"
    return Difference(table, len(only["sail"]), len(only["spark"]), types, example)


def _missing(db: duckdb.DuckDBPyConnection, one: str, other: str) -> str:
    """Return SQL for the rows of `one` that `other` lacks, with columns matched by name."""
    names = ", ".join(f'"{row[0]}"' for row in db.sql(f"describe {one}").fetchall())
    return f"select {names} from {one} except all select {names} from {other}"


def _shape(db: duckdb.DuckDBPyConnection, file: Path) -> list[tuple[str, str, str]]:
    """Return name, physical and logical type of each column of a Parquet file.

    List items are named `element` in Spark's files and `item` in Sail's; readers identify them by position,
    not by name (parquet-format, LogicalTypes.md, Lists).
    """
    query = f"""
        select if(name = 'item', 'element', name), type, logical_type
        from parquet_schema('{file}') where type is not null"""
    return [tuple(map(str, row)) for row in db.sql(query).fetchall()]
