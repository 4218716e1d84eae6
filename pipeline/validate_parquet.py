"""Validate Parquet files against the contract of the table named by their path.

``python -m pipeline.validate_parquet PATH`` or ``hdp parquet validate PATH``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.contracts.model import ZONES, Contract, load, tables

_TYPES = {
    "string": pa.string(),
    "date": pa.date32(),
    "bigint": pa.int64(),
    "int": pa.int32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
}


def validate(path: Path) -> list[dict[str, Any]]:
    """Return an entry per Parquet file at or below `path`: file, table, rows and problems.

    `table` is None if the path names no table. `problems` is empty if the file conforms to its contract.
    Directories whose name starts with an underscore are left out: they contain snapshots between jobs, which
    have no contract.
    """
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    return [
        _validate_file(file) for file in files if file.is_file() and not _is_snapshot(file.relative_to(path))
    ]


def _is_snapshot(path: Path) -> bool:
    return any(part.startswith("_") for part in path.parts[:-1])


def contract_of(path: Path) -> Contract | None:
    """Return the contract of the table that a path such as …/gold/fact_encounter/… names, or None."""
    parts = [part.lower() for part in path.parts]
    for zone in ZONES:
        if not any(part == zone or part.endswith(f"-{zone}") for part in parts):
            continue
        for table in tables(zone):
            if "results" in parts and table == "rule_result":
                return load(zone, table)
            if table in parts or ("quarantine" in parts and table.removeprefix("quarantine_") in parts):
                return load(zone, table)
    for table in tables("gold"):
        if table in parts:
            return load("gold", table)
    return None


def _validate_file(path: Path) -> dict[str, Any]:
    contract = contract_of(path.resolve())
    table = f"{contract.zone}.{contract.table}" if contract else None
    try:
        schema, rows = pq.read_schema(path), pq.read_metadata(path).num_rows
    except (pa.ArrowInvalid, OSError):
        return {"file": str(path), "table": table, "rows": 0, "problems": ["is not a readable Parquet file"]}
    if contract is None:
        return {
            "file": str(path),
            "table": None,
            "rows": rows,
            "problems": ["its path does not name a table with a contract"],
        }
    return {"file": str(path), "table": table, "rows": rows, "problems": _problems(path, schema, contract)}


def _problems(path: Path, schema: pa.Schema, contract: Contract) -> list[str]:
    problems = []
    for column in contract.data_columns:
        position = schema.get_field_index(column.name)
        if position < 0:
            problems.append(f"lacks {column.name}")
            continue
        found = schema.field(position).type
        if not _fits(found, column.type):
            problems.append(f"{column.name} is {found}, not {column.type}")
        elif column.required and pq.read_table(path, columns=[column.name])[column.name].null_count:
            problems.append(f"{column.name} has NULL values")
    known = {column.name for column in contract.columns}
    problems += [f"has the unknown column {name}" for name in schema.names if name not in known]
    return problems


def _fits(found: pa.DataType, wanted: str) -> bool:
    if wanted == "timestamp":
        return bool(pa.types.is_timestamp(found))
    if wanted.startswith("decimal("):
        precision, scale = (int(part) for part in wanted[8:-1].split(","))
        return bool(found == pa.decimal128(precision, scale))
    if wanted.startswith("array<"):
        return bool(pa.types.is_list(found)) and _fits(found.value_type, wanted[6:-1])
    return bool(found == _TYPES[wanted])


def main() -> None:
    findings = validate(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
    for finding in findings:
        state = "; ".join(finding["problems"]) or "conforms to its contract"
        sys.stdout.write(f"{finding['file']}: {finding['rows']} rows, {state}\n")
    sys.exit(1 if not findings or any(f["problems"] for f in findings) else 0)


if __name__ == "__main__":
    main()
