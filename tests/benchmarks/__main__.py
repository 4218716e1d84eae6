"""`python -m tests.benchmarks [--scale|--tiny] [NAME …]`: one table, also in bench.json and in the README."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks import (
    crowd,
    first_start,
    generator,
    growth,
    history,
    increments,
    mappings,
    pages,
    quality,
    runs,
    throughput,
)
from tests.benchmarks.figures import SCALE, TINY, USUAL, Figure, Size

PROJECT = Path(__file__).parents[2]
BEGIN, END = "<!-- bench -->", "<!-- /bench -->"

Bench = Callable[[Size], Iterable[Figure]]

SMALL: dict[str, Bench] = {
    "start": first_start.start,
    "runs": runs.laptop,
    "commands": runs.commands,
    "generator": generator.speed,
    "mappings": mappings.columns,
}
LARGE: dict[str, Bench] = {
    "published": throughput.published,
    "import": throughput.imports,
    "history": history.cost,
    "crowd": crowd.filtering,
    "runs": runs.laptop,
    "engines": runs.engines,
    "growth": growth.growth,
    "nights": increments.nights,
    "shapes": increments.shapes,
    "quality": quality.cost,
    "pages": pages.scripts,
    "generator": generator.speed,
    "memory": generator.memory,
}


def main(words: list[str]) -> None:
    flags = {word for word in words if word.startswith("--")}
    benches = {**LARGE, **SMALL} if "--tiny" in flags else LARGE if "--scale" in flags else SMALL
    size = TINY if "--tiny" in flags else SCALE if "--scale" in flags else USUAL
    wanted = [word for word in words if word not in flags] or list(benches)
    if unknown := [name for name in wanted if name not in benches]:
        sys.exit(f"'{unknown[0]}' is not a benchmark: choose from {', '.join(benches)}.")
    found = {name: [figure.as_json() for figure in _measured(benches[name], size)] for name in wanted}
    if size is not TINY:
        kept = keep(PROJECT / "bench.json", "scale" if size is SCALE else "usual", found)
        show(PROJECT / "README.md", kept)


def _measured(bench: Bench, size: Size) -> Iterable[Figure]:
    for figure in bench(size):
        print(_row(figure.as_json()), flush=True)
        yield figure


def keep(file: Path, size: str, found: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Put figures into the file; those of other benchmarks stay, each with its machine and date."""
    kept: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    origin = {"machine": machine(), "date": datetime.now(UTC).date().isoformat()}
    for name, figures in found.items():
        kept.setdefault(size, {})[name] = {**origin, "figures": figures}
    file.write_text(json.dumps(kept, indent=2) + "\n")
    return kept


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GB, {platform.system()}, Python {platform.python_version()}"


def show(readme: Path, kept: dict[str, Any]) -> None:
    """Write the figures as one table between the README's marks."""
    before, found, rest = readme.read_text().partition(BEGIN)
    if not found:
        sys.exit(f"{readme} has no {BEGIN}: put it where the table belongs, and {END} below it.")
    groups = [bench for size in ("usual", "scale") for bench in kept.get(size, {}).values()]
    origins = sorted({f"{bench['machine']}, {bench['date']}" for bench in groups})
    rows = [_row(figure) for bench in groups for figure in bench["figures"]]
    table = [
        "| what | value | peer in the same run | its value | ratio |",
        "| --- | --- | --- | --- | --- |",
        *rows,
    ]
    text = "\n".join([BEGIN, f"Measured on {'; '.join(origins)}.", "", *table, END])
    readme.write_text(before + text + rest.partition(END)[2])


def _row(figure: dict[str, Any]) -> str:
    value, peer = (f"{figure[name]:,.4g} {figure['unit']}" for name in ("value", "peer_value"))
    return f"| {figure['what']} | {value} | {figure['peer']} | {peer} | {figure['ratio']:.3g} |"


if __name__ == "__main__":
    main(sys.argv[1:])
