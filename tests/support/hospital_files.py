"""Write random hospitals as CSV exports with random quoting, line ends and null markers, and damaged rows.

Each export comes with the expected result: the rows loaded into silver, and the counts of each table.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

Row = dict[str, Any]

MARKERS = ("NULL", "null", "NA", "N/A", "\\N", "None", "nan", "#N/A", "-", "?", ".")
"""Null markers as exports contain them."""

TEXTS = (
    "Lovel",
    'O"Neil',
    "Smith, J.",
    "Ring twice\n- back door",
    "Müller",
    "Nguyễn",
    "NULLARBOR",
    "x;y|z\t.",
)
KEYS = {"patients": "patient_id", "encounters": "encounter_id", "medications": "administration_id"}
TIMES = {"updated_at", "admitted_at", "discharged_at", "ordered_at", "administered_at", "due_at"}
DAMAGE = {
    "patients": ("birth_date", "1970-13-41"),
    "encounters": ("admitted_at", "soon"),
    "medications": ("dose", "1,000"),
}
"""By table, a column and a value that cannot be parsed."""


@dataclass
class Extract:
    """A batch: its directory, the rows expected in silver, and the expected account of each table.

    An account is (received, loaded, quarantined, duplicates).
    """

    folder: Path
    loaded: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    account: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)


def with_texts(rng: random.Random, rows: Mapping[str, Sequence[Row]]) -> dict[str, list[Row]]:
    """Return the rows of `hospital` with free text that must be quoted."""
    columns = {"patients": "last_name", "encounters": "provider_specialty", "medications": "medication_name"}
    return {
        table: [{**row, column: rng.choice((*TEXTS, None))} for row in rows[table]]
        for table, column in columns.items()
    }


def export(rng: random.Random, rows: Mapping[str, Sequence[Row]], folder: Path) -> Extract:
    """Write one batch to `folder`: one to three files per table, each with a random layout."""
    folder.mkdir(parents=True)
    extract = Extract(folder)
    for table in KEYS:
        given = rng.sample(rows[table], len(rows[table]))
        seen: set[tuple[str, ...]] = set()
        account = [0, 0, 0, 0]
        for number, part in enumerate(_parts(rng, given, rng.randrange(1, 4))):
            _write(rng, table, part, folder / f"{table}_{number}.csv", seen, extract.loaded[table], account)
        if given:
            extract.account[table] = (account[0], account[1], account[2], account[3])
    return extract


def _parts(rng: random.Random, rows: Sequence[Row], number: int) -> list[list[Row]]:
    parts: list[list[Row]] = [[] for _ in range(number)]
    for row in rows:
        rng.choice(parts).append(row)
    return [part for part in parts if part]


def _write(
    rng: random.Random,
    table: str,
    rows: Sequence[Row],
    path: Path,
    seen: set[tuple[str, ...]],
    loaded: list[Row],
    account: list[int],
) -> None:
    columns = rng.sample(sorted({name for row in rows for name in row}), len({n for r in rows for n in r}))
    end, quotes_all = rng.choice(("\n", "\r\n", "\r")), rng.random() < 0.2
    quote = lambda text: _quoted(rng, text, quotes_all)  # noqa: E731
    lines = [",".join(map(quote, columns))]
    for row in rows:
        for text, is_valid in _spelled(rng, table, row, columns):
            lines.append(",".join(quote(each) for each in text))
            account[0] += 1
            content = tuple("" if each.strip() in MARKERS else each for each in _in_order(columns, text))
            if not is_valid or (table == "patients" and row["birth_date"] is None):
                account[2] += 1
            elif content in seen:
                account[2] += 1
                account[3] += 1
            else:
                seen.add(content)
                loaded.append(row)
                account[1] += 1
            if rng.random() < 0.02:
                lines.append(rng.choice(("", "   ", "," * (len(columns) - 1))))  # no data
    path.write_bytes(
        (end.join(lines) + rng.choice((end, ""))).encode("utf-8" if rng.random() < 0.7 else "utf-8-sig")
    )


def _in_order(columns: Sequence[str], text: Sequence[str]) -> list[str]:
    """Return the fields sorted by column name, because the files of a batch differ in column order."""
    return [value for _, value in sorted(zip(columns, text, strict=False))]


def _spelled(
    rng: random.Random, table: str, row: Row, columns: Sequence[str]
) -> list[tuple[list[str], bool]]:
    """Return the lines of a row, perhaps with duplicates and damaged lines, and whether each is valid."""
    text = [_text(rng, name, row.get(name)) for name in columns]
    lines = [(text, True)] * rng.choice((1, 1, 1, 1, 1, 2))
    if rng.random() < 0.03:
        name, value = DAMAGE[table]
        lines.append(
            ([value if each == name else old for each, old in zip(columns, text, strict=True)], False)
        )
    if rng.random() < 0.02:
        lines.append(([*text, "one too many"], False))
    if rng.random() < 0.01:
        without_key = list(text)
        without_key[columns.index(KEYS[table])] = rng.choice(("", "NULL"))
        lines.append((without_key, False))
    return lines


def _text(rng: random.Random, name: str, value: Any) -> str:
    if value is None:
        return rng.choice(("", "", *MARKERS))
    if name in TIMES:
        return _time(rng, value)
    if isinstance(value, date):
        return value.isoformat()
    return f" {value} " if name == "patient_id" and rng.random() < 0.05 else str(value)


def _time(rng: random.Random, timestamp: datetime) -> str:
    """Return a timestamp in a random ISO 8601 spelling."""
    offset = rng.choice((0, 0, -5, 2))
    local = timestamp.astimezone(timezone(timedelta(hours=offset)))
    text = local.strftime(rng.choice(("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.000")))
    return text + (rng.choice(("Z", "+00:00", "")) if offset == 0 else f"{offset:+03d}:00")


def _quoted(rng: random.Random, text: str, always: bool) -> str:
    must = any(each in text for each in ',"\n\r')
    return '"' + text.replace('"', '""') + '"' if must or always or rng.random() < 0.1 else text
