"""Athena's SQL for DuckDB: which tables a statement reads, which files those are, and its translation."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import sqlglot
from moto.glue.models import glue_backends
from sqlglot import exp
from sqlglot.dialects import athena, duckdb, trino  # noqa: F401  # loaded by name while two threads parse, one fails
from sqlglot.errors import SqlglotError

from infra.local.context import ACCOUNT, REGION, Context

_DUCKDB_TYPES = {
    "string": "VARCHAR",
    "int": "INTEGER",
    "timestamp": "TIMESTAMP",
    "array<string>": "VARCHAR[]",
}


class QueryError(Exception):
    """What Athena would put into StateChangeReason."""


@dataclass(frozen=True)
class Prepared:
    """A statement ready for DuckDB; one that the catalog answers has `rows` in the place of `sql`."""

    statement: str
    sql: str = ""
    setup: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    bytes_scanned: int = 0
    columns: list[str] = field(default_factory=list)
    rows: list[list[str]] | None = None


class Catalog:
    """The Glue catalog, as a query sees it."""

    def __init__(self, context: Context) -> None:
        self.context = context

    @property
    def _backend(self) -> Any:
        return glue_backends[ACCOUNT][REGION]

    def databases(self) -> list[str]:
        return sorted(self._backend.databases)

    def tables(self, database: str) -> list[str]:
        self._need(database)
        return sorted(self._backend.databases[database].tables)

    def table(self, database: str, table: str) -> Any:
        found = self._backend.databases.get(database)
        if found is None:
            raise QueryError(f"SCHEMA_NOT_FOUND: line 1:1: Schema '{database}' does not exist")
        if table not in found.tables:
            raise QueryError(
                f"TABLE_NOT_FOUND: line 1:1: Table 'awsdatacatalog.{database}.{table}' does not exist"
            )
        return found.tables[table]

    def replace_view(self, database: str, table: str, input_: dict[str, Any]) -> None:
        self._need(database)
        if table in self._backend.databases[database].tables:
            self._backend.update_table(database, table, input_)
        else:
            self._backend.create_table(database, table, input_)

    def drop(self, database: str, table: str) -> None:
        self._backend.delete_table(database, table)

    def files(self, table: Any, wanted: dict[str, set[str]]) -> list[Path]:
        """Parquet files of the registered partitions whose values are among those `wanted`."""
        keys = [column["Name"] for column in latest(table).get("PartitionKeys", [])]
        folders = []
        for partition in list(table.partitions.values()):
            values = dict(zip(keys, partition.values, strict=False))
            if all(values.get(name) in allowed for name, allowed in wanted.items() if name in values):
                folders.append(self.context.path(partition.partition_input["StorageDescriptor"]["Location"]))
        if not keys:
            folders = [self.context.path(latest(table)["StorageDescriptor"]["Location"])]
        return [
            file
            for folder in folders
            for file in sorted(folder.rglob("*.parquet"))
            if "_temporary" not in file.parts and not file.name.startswith((".", "_"))
        ]

    def _need(self, database: str) -> None:
        if database not in self._backend.databases:
            raise QueryError(f"SCHEMA_NOT_FOUND: line 1:1: Schema '{database}' does not exist")


def latest(table: Any) -> dict[str, Any]:
    """The newest version of a table's definition."""
    return dict(table.versions[str(table._current_version)])


def prepare(sql: str, database: str | None, parameters: list[str] | None, catalog: Catalog) -> Prepared:
    try:
        statements = [tree for tree in sqlglot.parse(sql, read="athena") if tree is not None]
    except SqlglotError as error:
        raise QueryError(f"SYNTAX_ERROR: {str(error).splitlines()[0]}") from None
    if len(statements) != 1:
        raise QueryError("SYNTAX_ERROR: Only one sql statement is allowed.")
    tree = statements[0]
    words = re.sub(r"^(\s*--[^\n]*\n)+", "", sql).rstrip("; \n").split()
    if [word.upper() for word in words[:1]] == ["SHOW"]:
        return _show(words, database, catalog)
    if isinstance(tree, exp.Create) and tree.kind == "VIEW":
        return _create_view(tree, sql, database, catalog)
    if isinstance(tree, exp.Create) and tree.kind in {"DATABASE", "SCHEMA"}:
        name = tree.this.name
        if name not in catalog.databases():
            catalog._backend.create_database(name, {"Name": name})
        return Prepared("DDL", columns=["result"], rows=[])
    if isinstance(tree, exp.Drop) and tree.kind == "VIEW":
        catalog.drop(tree.this.db or database or "default", tree.this.name)
        return Prepared("DDL", columns=["result"], rows=[])
    if isinstance(tree, exp.Describe):
        table = tree.this.find(exp.Table)
        columns = latest(catalog.table(table.db or database or "default", table.name))
        listed = [*columns["StorageDescriptor"]["Columns"], *columns.get("PartitionKeys", [])]
        rows = [[f"{column['Name']}\t{column['Type']}\t"] for column in listed]
        return Prepared("UTILITY", columns=["col_name"], rows=rows)
    if not isinstance(tree, exp.Query):
        raise QueryError(
            f"NOT_SUPPORTED: the laptop cloud's Athena does not run {tree.key.upper()} statements"
        )
    return _select(tree, database, parameters, catalog)


def _show(words: list[str], database: str | None, catalog: Catalog) -> Prepared:
    what = words[1].upper() if len(words) > 1 else ""
    if what in {"DATABASES", "SCHEMAS"}:
        return Prepared("DDL", columns=["database_name"], rows=[[name] for name in catalog.databases()])
    if what in {"TABLES", "VIEWS"}:
        where = words[3].strip("`\"'") if len(words) > 3 else database or "default"
        return Prepared("DDL", columns=["tab_name"], rows=[[name] for name in catalog.tables(where)])
    raise QueryError(f"NOT_SUPPORTED: the laptop cloud's Athena does not run SHOW {what}")


def _create_view(tree: exp.Create, sql: str, database: str | None, catalog: Catalog) -> Prepared:
    target, query = tree.this, tree.expression
    where = target.db or database or "default"
    body = query.sql(dialect="athena")
    source = query.find(exp.Table)
    columns = latest(catalog.table(source.db or where, source.name)) if source else {}
    listed = [*columns.get("StorageDescriptor", {}).get("Columns", []), *columns.get("PartitionKeys", [])]
    document = {
        "originalSql": body,
        "catalog": "awsdatacatalog",
        "schema": where,
        "columns": [{"name": column["Name"], "type": column["Type"]} for column in listed],
    }
    encoded = base64.b64encode(json.dumps(document).encode()).decode()
    catalog.replace_view(
        where,
        target.name,
        {
            "Name": target.name,
            "TableType": "VIRTUAL_VIEW",
            "ViewOriginalText": f"/* Presto View: {encoded} */",
            "ViewExpandedText": "/* Presto View */",
            "Parameters": {"presto_view": "true", "comment": "Presto View"},
            "PartitionKeys": [],
            "StorageDescriptor": {"Columns": listed, "Location": ""},
        },
    )
    return Prepared("DDL", columns=["result"], rows=[])


def _view_sql(table: Any) -> tuple[str, str] | None:
    """A view's query and database, or None for a table."""
    text = latest(table).get("ViewOriginalText")
    if not text:
        return None
    document = json.loads(base64.b64decode(text.removeprefix("/* Presto View: ").removesuffix(" */")))
    return document["originalSql"], document["schema"]


def _select(
    tree: exp.Query, database: str | None, parameters: list[str] | None, catalog: Catalog
) -> Prepared:
    _bind(tree, parameters or [])
    _expand_views(tree, database, catalog, depth=0)
    names = {column.name.lower() for column in tree.find_all(exp.Column)}
    everything = bool(list(tree.find_all(exp.Star)))
    setup, files, scanned = ["CREATE SCHEMA IF NOT EXISTS scan"], [], 0
    for number, table in enumerate(_physical_tables(tree, database)):
        where = table.db or database or "default"
        found = catalog.table(where, table.name)
        chosen = catalog.files(found, _wanted(table, found))
        setup.append(f"CREATE VIEW scan.t{number} AS {_scan(found, chosen)}")
        files += chosen
        counted = names if not _only_counts(tree) else set()
        scanned += sum(
            _bytes(file, None if everything and not _only_counts(tree) else counted) for file in chosen
        )
        alias = table.alias or table.name
        table.replace(exp.to_table(f"scan.t{number}", alias=alias))
    return Prepared("DML", tree.sql(dialect="duckdb"), setup, files, scanned)


def _bind(tree: Any, parameters: list[str]) -> None:
    holes = list(tree.find_all(exp.Placeholder))
    if len(holes) != len(parameters):
        raise QueryError(
            f"INVALID_PARAMETER_USAGE: expected {len(holes)} parameters, found {len(parameters)}"
        )
    for hole, text in zip(holes, parameters, strict=True):
        hole.replace(sqlglot.parse_one(text, read="athena"))


def _expand_views(tree: Any, database: str | None, catalog: Catalog, depth: int) -> None:
    if depth > 10:
        raise QueryError("VIEW_IS_STALE: views refer to each other")
    for table in _physical_tables(tree, database):
        where = table.db or database or "default"
        view = _view_sql(catalog.table(where, table.name))
        if view is None:
            continue
        inner = sqlglot.parse_one(view[0], read="athena")
        for source in _physical_tables(inner, view[1]):
            source.set("db", exp.to_identifier(source.db or view[1], quoted=True))
        _expand_views(inner, view[1], catalog, depth + 1)
        table.replace(
            exp.Subquery(this=inner, alias=exp.TableAlias(this=exp.to_identifier(table.alias or table.name)))
        )


def _physical_tables(tree: Any, database: str | None) -> list[exp.Table]:
    """Tables of the catalog that the statement names; names of its own WITH clauses are not."""
    own = {cte.alias_or_name for cte in tree.find_all(exp.CTE)}
    found = []
    for table in tree.find_all(exp.Table):
        if isinstance(table.this, exp.Func):
            raise QueryError(
                f"FUNCTION_NOT_FOUND: line 1:1: Table function {table.this.sql()} not registered"
            )
        if table.db or table.name not in own:
            found.append(table)
    return found


def _wanted(table: exp.Table, found: Any) -> dict[str, set[str]]:
    """Partition values that the enclosing SELECT asks for by name: `key = 'x'` or `key IN ('x', 'y')`."""
    keys = {column["Name"] for column in latest(found).get("PartitionKeys", [])}
    select: Any = table.find_ancestor(exp.Select)
    where = select.args.get("where") if select else None
    if where is None:
        return {}
    wanted: dict[str, set[str]] = {}
    several = len(list(select.find_all(exp.Join))) > 0
    for condition in where.this.flatten() if isinstance(where.this, exp.And) else [where.this]:
        column, values = _equality(condition)
        if column is None or column.name not in keys:
            continue
        if column.table == table.alias_or_name or (not column.table and not several):
            wanted[column.name] = values
    return wanted


def _equality(condition: Any) -> tuple[exp.Column | None, set[str]]:
    if isinstance(condition, exp.EQ) and isinstance(condition.left, exp.Column):
        if isinstance(condition.right, exp.Literal):
            return condition.left, {condition.right.name}
    elif isinstance(condition, exp.In) and isinstance(condition.this, exp.Column):
        listed = condition.expressions
        if listed and all(isinstance(value, exp.Literal) for value in listed):
            return condition.this, {value.name for value in listed}
    return None, set()


def _only_counts(tree: exp.Query) -> bool:
    """`SELECT count(*)` reads no column at all."""
    stars = list(tree.find_all(exp.Star))
    return bool(stars) and all(isinstance(star.parent, exp.Count) for star in stars)


def _scan(table: Any, files: Iterable[Path]) -> str:
    definition = latest(table)
    columns = [*definition["StorageDescriptor"]["Columns"], *definition.get("PartitionKeys", [])]
    files = list(files)
    if not files:
        empty = ", ".join(f'CAST(NULL AS {duckdb_type(c["Type"])}) AS "{c["Name"]}"' for c in columns)
        return f"SELECT {empty} WHERE false"
    listed = ", ".join("'" + str(file).replace("'", "''") + "'" for file in files)
    chosen = ", ".join(f'CAST("{c["Name"]}" AS {duckdb_type(c["Type"])}) AS "{c["Name"]}"' for c in columns)
    options = "hive_partitioning = true, hive_types_autocast = false, union_by_name = true"
    return f"SELECT {chosen} FROM read_parquet([{listed}], {options})"


def duckdb_type(glue_type: str) -> str:
    return _DUCKDB_TYPES.get(glue_type, glue_type.upper())


def _bytes(file: Path, names: set[str] | None) -> int:
    """Bytes of the column chunks that a query touches, as Athena counts them; None stands for all."""
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
