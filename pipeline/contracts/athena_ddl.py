"""Render the Athena reference SQL from the contracts (`hdp contracts render`)."""

from __future__ import annotations

from pipeline.contracts.glue import database, location
from pipeline.contracts.model import Column, Contract, load, tables
from pipeline.lake.uris import DATABASES, Lake
from pipeline.lake.views import view_sql

EXAMPLE = Lake("hdp")
"""The installation named in the reference SQL: replace `hdp` with your prefix."""


def render() -> dict[str, str]:
    """Return the files by name: `create_database.sql` and one file per gold table."""
    gold = {f"{table}.sql": _table_file(load("gold", table)) for table in tables("gold")}
    return {"create_database.sql": create_databases(), **gold}


def create_databases() -> str:
    names = [EXAMPLE.database(name) for name in DATABASES]
    return "\n".join(f"CREATE DATABASE IF NOT EXISTS `{name}`;" for name in names) + "\n"


def create_table(contract: Contract, lake: Lake = EXAMPLE) -> str:
    columns = ",\n".join(_ddl(column) for column in contract.data_columns)
    partitions = ",\n".join(_ddl(column) for column in contract.partition_columns)
    name = f"`{database(contract, lake)}`.`{contract.table}`"
    return (
        f"CREATE EXTERNAL TABLE IF NOT EXISTS {name} (\n{columns}\n)\n"
        f"COMMENT {_text(contract.grain)}\n"
        f"PARTITIONED BY (\n{partitions}\n)\n"
        f"STORED AS PARQUET\n"
        f"LOCATION '{location(contract, lake)}';\n"
    )


def _table_file(contract: Contract) -> str:
    view = view_sql(EXAMPLE, contract.table, "<release>")
    return (
        f"-- {contract.grain}\n-- Generated from its contract: hdp contracts render\n\n"
        f"{create_table(contract)}\n"
        f"-- The view of the published release. Each publication replaces it.\n{view};\n"
    )


def _ddl(column: Column) -> str:
    return f"  `{column.name}` {column.type} COMMENT {_text(column.description)}"


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
