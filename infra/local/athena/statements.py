"""Prepare Athena statements: answer DDL and SHOW from the catalog, translate queries to DuckDB."""

from __future__ import annotations

import base64
import json

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from infra.local.athena.duckdb_sql import Prepared, translate
from infra.local.athena.glue_tables import Catalog, QueryError, latest
from pipeline.athena.check import check
from pipeline.athena.grammar import SyntaxFault, tokenize

_HIVE = frozenset(["ALTER", "CREATE", "DESCRIBE", "DROP", "MSCK", "SHOW"])


def prepare(sql: str, database: str | None, parameters: list[str] | None, catalog: Catalog) -> Prepared:
    """Parse one statement, execute it if it is DDL, and return its result or its DuckDB translation.

    Raise `QueryError` if Athena would reject the statement or the laptop cloud does not support it.
    """
    _check(sql)
    try:
        statements = [tree for tree in sqlglot.parse(sql, read="athena") if tree is not None]
    except SqlglotError as error:
        raise QueryError(f"SYNTAX_ERROR: {str(error).splitlines()[0]}") from None
    if len(statements) != 1:
        raise QueryError("SYNTAX_ERROR: Only one sql statement is allowed.")
    tree = statements[0]
    if isinstance(tree, exp.Command) and tree.this.upper() == "SHOW":
        return _show(tree.expression.name.split(), database, catalog)
    if isinstance(tree, exp.Create) and tree.kind == "VIEW":
        return _create_view(tree, sql, database, catalog)
    if isinstance(tree, exp.Create) and tree.kind in {"DATABASE", "SCHEMA"}:
        catalog.create_database(tree.this.name)
        return Prepared("DDL", columns=["result"], rows=[])
    if isinstance(tree, exp.Drop) and tree.kind == "VIEW":
        catalog.drop_table(tree.this.db or database or "default", tree.this.name)
        return Prepared("DDL", columns=["result"], rows=[])
    if isinstance(tree, exp.Describe):
        table = tree.this.find(exp.Table)
        columns = latest(catalog.table(table.db or database or "default", table.name))
        listed = [*columns["StorageDescriptor"]["Columns"], *columns.get("PartitionKeys", [])]
        rows = [[f"{column['Name']}\t{column['Type']}\t"] for column in listed]
        return Prepared("UTILITY", columns=["col_name"], rows=rows)
    if not isinstance(tree, exp.Query):
        raise QueryError(
            f"NOT_SUPPORTED: Athena of the laptop cloud does not support {tree.key.upper()} statements"
        )
    return translate(tree, database, parameters, catalog)


def _check(sql: str) -> None:
    """Raise `QueryError` for several statements, or for one that Trino would reject.

    DDL is checked only for views, because other DDL has Hive's grammar in Athena.
    """
    tokens = tokenize(sql)
    if ";" in {token.text for token in tokens}:
        raise QueryError("Only one sql statement is allowed. Got: " + sql.strip()[:200])
    words = [token.text.upper() for token in tokens[:4]]
    if words[0] in _HIVE and "VIEW" not in words:
        return
    try:
        check(sql)
    except SyntaxFault as error:
        raise QueryError(f"{error.kind}: {error}") from None


def _show(words: list[str], database: str | None, catalog: Catalog) -> Prepared:
    kind = words[0].upper() if words else ""
    if kind in {"DATABASES", "SCHEMAS"}:
        return Prepared("DDL", columns=["database_name"], rows=[[name] for name in catalog.databases()])
    if kind in {"TABLES", "VIEWS"}:
        schema = words[2].strip("`\"'") if len(words) > 2 else database or "default"
        return Prepared("DDL", columns=["tab_name"], rows=[[name] for name in catalog.tables(schema)])
    raise QueryError(f"NOT_SUPPORTED: Athena of the laptop cloud does not support SHOW {kind}")


def _create_view(tree: exp.Create, sql: str, database: str | None, catalog: Catalog) -> Prepared:
    target, query = tree.this, tree.expression
    schema = target.db or database or "default"
    body = query.sql(dialect="athena")
    source = query.find(exp.Table)
    columns = latest(catalog.table(source.db or schema, source.name)) if source else {}
    listed = [*columns.get("StorageDescriptor", {}).get("Columns", []), *columns.get("PartitionKeys", [])]
    document = {
        "originalSql": body,
        "catalog": "awsdatacatalog",
        "schema": schema,
        "columns": [{"name": column["Name"], "type": column["Type"]} for column in listed],
    }
    encoded = base64.b64encode(json.dumps(document).encode()).decode()
    catalog.replace_view(
        schema,
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
