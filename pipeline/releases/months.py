"""Months of a fact in a release: number of rows, fingerprint of the content, and the folder with the files.

A month with the same content as in the parent release is not written again: the release names the files that
are there already, which may be in the folder of any earlier release. Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.lake.store import read_json, write_json
from pipeline.lake.uris import Lake
from pipeline.releases import files
from pipeline.releases.files import Files


@dataclass(frozen=True)
class Month:
    """`content` is equal for months that have the same rows, in any order and in any number of files."""

    rows: int
    content: str


Months = dict[str, Month]


def record(s3: Any, lake: Lake, run_id: str, table: str, months: Months) -> None:
    """Record the months of a fact, as read back from its files."""
    write_json(s3, lake.gold_months(run_id, table), {month: asdict(each) for month, each in months.items()})


def recorded(s3: Any, lake: Lake, release_id: str, table: str) -> Months:
    """Return the recorded months of a fact; empty if none are recorded."""
    found = read_json(s3, lake.gold_months(release_id, table))
    return {month: Month(**each) for month, each in found[0].items()} if found else {}


def shared(s3: Any, lake: Lake, parent_id: str | None, table: str, months: Months) -> Files:
    """Return the parent release's files of the months whose content is equal there.

    A month counts only if exactly its recorded files are there, with their sizes.
    """
    if parent_id is None:
        return {}
    before = recorded(s3, lake, parent_id, table)
    equal = {month for month, each in months.items() if before.get(month) == each}
    named = {
        name: file
        for name, file in files.of_table(s3, lake, parent_id, table).items()
        if month_of(name) in equal
    }
    used = {name.rpartition("/")[0] for name in named}
    present = files.listed(s3, lake, folders(lake, named))
    there = {(name, size) for name, size in present.items() if name.rpartition("/")[0] in used}
    damaged = {month_of(name) for name, _ in there ^ {(name, file["size"]) for name, file in named.items()}}
    return {name: file for name, file in named.items() if month_of(name) not in damaged}


def month_of(name: str) -> str:
    """Return the month of a file by its name, ``gold/<table>/release_id=<id>/<column>=<month>/<file>``.

    Empty for a file of the whole release, such as Spark's marker ``_SUCCESS``.
    """
    return name.split("/")[3].partition("=")[2]


def folders(lake: Lake, names: Iterable[str]) -> dict[str, set[str]]:
    """Return the months of files by the URI of the release folder that holds them."""
    found: dict[str, set[str]] = {}
    for name in names:
        _, table, release, *_ = name.split("/")
        if month := month_of(name):
            uri = lake.gold_release(table, release.partition("=")[2])
            found.setdefault(uri, set()).add(month)
    return found


def locations(lake: Lake, names: Iterable[str]) -> dict[str, str]:
    """Return the URI of the folder with the files of each month."""
    folder = {month: name.partition("/")[2].rpartition("/")[0] for name in names if (month := month_of(name))}
    return {month: f"s3://{lake.bucket('gold')}/{key}/" for month, key in folder.items()}
