"""The peer of a run, a process of its own: `python -m tests.benchmarks.star FILES OUT` runs star.sql."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

SCRIPT = Path(__file__).with_name("star.sql")


def make(files: str, out: str) -> None:
    """Read the CSV files of `files` and write the silver and gold tables to `out` as Parquet."""
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(SCRIPT.read_text().format(files=files, out=out))


if __name__ == "__main__":
    make(*sys.argv[1:])
