"""Print the output of commands as a table or as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import click

json_option: Callable[[Any], Any] = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON instead of a table."
)

NO_VALUE = "–"


def emit_json(value: Any) -> None:
    """Print a value as one JSON document.

    Dataclasses, dates, sets and numpy scalars are converted; values of other types that JSON lacks become
    text.
    """
    click.echo(json.dumps(value, default=_plain, indent=2, ensure_ascii=False))


def emit_table(
    rows: Iterable[Mapping[Any, Any]], columns: Sequence[str] = (), empty: str = "No rows."
) -> None:
    """Print rows as a table with numbers aligned right, or the text `empty` if there are no rows.

    `columns` defaults to those of the first row.
    """
    rows = list(rows)
    if not rows:
        click.echo(empty)
        return
    names = list(columns) or list(rows[0])
    cells = [[_cell(row.get(name)) for name in names] for row in rows]
    numeric = [all(_is_number(row.get(name)) for row in rows) for name in names]
    widths = [max(len(name), *(len(line[i]) for line in cells)) for i, name in enumerate(names)]
    for line in [names, ["-" * width for width in widths], *cells]:
        aligned = [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        ]
        click.echo("  ".join(aligned).rstrip())


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float | Decimal) and not isinstance(value, bool))


def _cell(value: Any) -> str:
    if value is None:
        return NO_VALUE
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return " ".join(str(value).split())


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    if hasattr(value, "item"):  # a numpy scalar
        return value.item()
    return str(value)
