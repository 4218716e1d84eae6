"""Translate Athena queries to DuckDB: expand views, prune partitions, count the bytes scanned."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import sqlglot
from sqlglot import exp
from sqlglot.dialects import athena, duckdb, trino  # noqa: F401  # lazy loading fails when two threads parse

from infra.local.athena.glue_tables import Catalog, QueryError, latest
from infra.local.athena.semantics import as_athena

_DUCKDB_TYPES = {
    "string": "VARCHAR",
    "int": "INTEGER",
    "timestamp": "TIMESTAMP",
    "array<string>": "VARCHAR[]",
}


@dataclass(frozen=True)
class Prepared:
    """A statement ready for DuckDB, or its result (`rows`) if it was answered from the catalog."""

    statement: str
    sql: str = ""
    setup: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    bytes_scanned: int = 0
    columns: list[str] = field(default_factory=list)
    rows: list[list[str]] | None = None


def translate(
    tree: exp.Query, database: str | None, parameters: list[str] | None, catalog: Catalog
) -> Prepared:
    """Return a query as DuckDB SQL, with a view of the Parquet files of each table that it reads.

    Raise `QueryError` for an unknown table, a table function, views that refer to each other, or a wrong
    number of parameters.
    """
    _bind(tree, parameters or [])
    _expand_views(tree, database, catalog, depth=0)
    columns = _columns_read(tree)
    setup, files, scanned = ["CREATE SCHEMA IF NOT EXISTS scan"], [], 0
    types: dict[str, str] = {}
    for index, table in enumerate(_physical_tables(tree, database)):
        found = catalog.table(table.db or database or "default", table.name)
        selected = catalog.files(found, _partition_filters(table, found))
        types |= {column["Name"].lower(): column["Type"] for column in _columns(found)}
        setup.append(f"CREATE VIEW scan.t{index} AS {_scan(found, selected)}")
        files += [file for file, _ in selected]
        scanned += sum(_bytes(file, columns) for file, _ in selected)
        alias = table.alias or table.name
        table.replace(exp.to_table(f"scan.t{index}", alias=alias))
    as_athena(tree, types)
    return Prepared("DML", tree.sql(dialect="duckdb"), setup, files, scanned)


def _bind(tree: Any, parameters: list[str]) -> None:
    placeholders = list(tree.find_all(exp.Placeholder))
    if len(placeholders) != len(parameters):
        raise QueryError(
            f"INVALID_PARAMETER_USAGE: expected {len(placeholders)} parameters, found {len(parameters)}"
        )
    for placeholder, text in zip(placeholders, parameters, strict=True):
        placeholder.replace(sqlglot.parse_one(text, read="athena"))


def _expand_views(tree: Any, database: str | None, catalog: Catalog, depth: int) -> None:
    if depth > 10:
        raise QueryError("VIEW_IS_STALE: views refer to each other")
    for table in _physical_tables(tree, database):
        view = _view(catalog.table(table.db or database or "default", table.name))
        if view is None:
            continue
        inner = sqlglot.parse_one(view.sql, read="athena")
        for source in _physical_tables(inner, view.schema):
            source.set("db", exp.to_identifier(source.db or view.schema, quoted=True))
        _expand_views(inner, view.schema, catalog, depth + 1)
        table.replace(
            exp.Subquery(this=inner, alias=exp.TableAlias(this=exp.to_identifier(table.alias or table.name)))
        )


@dataclass(frozen=True)
class _View:
    sql: str
    schema: str


def _view(table: Any) -> _View | None:
    """Return the query and database of a view; None if `table` is not a view."""
    text = latest(table).get("ViewOriginalText")
    if not text:
        return None
    document = json.loads(base64.b64decode(text.removeprefix("/* Presto View: ").removesuffix(" */")))
    return _View(document["originalSql"], document["schema"])


def _physical_tables(tree: Any, database: str | None) -> list[exp.Table]:
    """Return a statement's references to catalog tables, without those to its WITH queries.

    Raise `QueryError` for a table function.
    """
    ctes = {cte.alias_or_name for cte in tree.find_all(exp.CTE)}
    found = []
    for table in tree.find_all(exp.Table):
        if isinstance(table.this, exp.Func):
            raise QueryError(
                f"FUNCTION_NOT_FOUND: line 1:1: Table function {table.this.sql()} not registered"
            )
        if table.db or table.name not in ctes:
            found.append(table)
    return found


def _partition_filters(table: exp.Table, found: Any) -> dict[str, set[str]]:
    """Return the partition values that `key = 'x'` or `key IN ('x', 'y')` in the WHERE clause allow, by key.

    Only conditions on the top level of an AND count; if there is a join, the table must qualify the key.
    """
    keys = {column["Name"] for column in latest(found).get("PartitionKeys", [])}
    select: Any = table.find_ancestor(exp.Select)
    where = select.args.get("where") if select else None
    if where is None:
        return {}
    filters: dict[str, set[str]] = {}
    has_join = select.find(exp.Join) is not None
    for condition in where.this.flatten() if isinstance(where.this, exp.And) else [where.this]:
        column, values = _equality(condition)
        if column is None or column.name not in keys:
            continue
        if column.table == table.alias_or_name or (not column.table and not has_join):
            filters[column.name] = values
    return filters


def _equality(condition: Any) -> tuple[exp.Column | None, set[str]]:
    if isinstance(condition, exp.EQ) and isinstance(condition.left, exp.Column):
        if isinstance(condition.right, exp.Literal):
            return condition.left, {condition.right.name}
    elif isinstance(condition, exp.In) and isinstance(condition.this, exp.Column):
        listed = condition.expressions
        if listed and all(isinstance(value, exp.Literal) for value in listed):
            return condition.this, {value.name for value in listed}
    return None, set()


def _columns_read(tree: exp.Query) -> set[str] | None:
    """Return the names in lower case of the columns that a query reads; None means all columns.

    The `*` of `count(*)` reads no column.
    """
    if any(not isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star)):
        return None
    return {column.name.lower() for column in tree.find_all(exp.Column)}


def _columns(table: Any) -> list[dict[str, str]]:
    definition = latest(table)
    return [*definition["StorageDescriptor"]["Columns"], *definition.get("PartitionKeys", [])]


def _scan(table: Any, files: Iterable[tuple[Path, dict[str, str]]]) -> str:
    """Return SQL of the rows of files; a partition's values count, not those in the path of its folder."""
    columns = _columns(table)
    groups: dict[tuple[tuple[str, str], ...], list[Path]] = {}
    for file, values in files:
        elsewhere = tuple(
            (name, value) for name, value in values.items() if f"{name}={value}" not in file.parts
        )
        groups.setdefault(elsewhere, []).append(file)
    if not groups:
        empty = ", ".join(f'CAST(NULL AS {duckdb_type(c["Type"])}) AS "{c["Name"]}"' for c in columns)
        return f"SELECT {empty} WHERE false"
    return " UNION ALL ".join(_rows(columns, dict(values), found) for values, found in groups.items())


def _rows(columns: list[dict[str, Any]], values: dict[str, str], files: list[Path]) -> str:
    names = {
        c["Name"]: _quote(values[c["Name"]]) if c["Name"] in values else f'"{c["Name"]}"' for c in columns
    }
    selected = ", ".join(
        f'CAST({names[c["Name"]]} AS {duckdb_type(c["Type"])}) AS "{c["Name"]}"' for c in columns
    )
    listed = ", ".join(_quote(str(file)) for file in files)
    options = "hive_partitioning = true, hive_types_autocast = false, union_by_name = true"
    return f"SELECT {selected} FROM read_parquet([{listed}], {options})"


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def duckdb_type(glue_type: str) -> str:
    return _DUCKDB_TYPES.get(glue_type, glue_type.upper())


def _bytes(file: Path, names: set[str] | None) -> int:
    """Return how many bytes of a file Athena counts for the columns `names`; None means the whole file."""
    if names is None:
        return file.stat().st_size
    metadata = pq.read_metadata(file)
    total = 0
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for index in range(row_group.num_columns):
            chunk = row_group.column(index)
            if chunk.path_in_schema.split(".")[0].lower() in names:
                total += chunk.total_compressed_size
    return total
