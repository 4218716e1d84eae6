"""Tables, views and partition files of the Glue catalog, as Athena queries see them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from moto.glue.models import glue_backends

from infra.local.context import ACCOUNT, REGION, Context


class QueryError(Exception):
    """A query has failed; the message is Athena's StateChangeReason."""


class Catalog:
    """Read and write access to the Glue catalog."""

    def __init__(self, context: Context) -> None:
        self.context = context

    @property
    def _backend(self) -> Any:
        return glue_backends[ACCOUNT][REGION]

    def databases(self) -> list[str]:
        return sorted(self._backend.databases)

    def create_database(self, name: str) -> None:
        if name not in self._backend.databases:
            self._backend.create_database(name, {"Name": name})

    def tables(self, database: str) -> list[str]:
        self._require_database(database)
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
        self._require_database(database)
        if table in self._backend.databases[database].tables:
            self._backend.update_table(database, table, input_)
        else:
            self._backend.create_table(database, table, input_)

    def drop_table(self, database: str, table: str) -> None:
        self._backend.delete_table(database, table)

    def files(self, table: Any, wanted: dict[str, set[str]]) -> list[tuple[Path, dict[str, str]]]:
        """Return a table's Parquet files, each with the values of its partition.

        `wanted` gives the allowed values of some partition keys. A file that several partitions have is
        returned for each of them. All files of a table without partition keys are returned.
        """
        keys = [column["Name"] for column in latest(table).get("PartitionKeys", [])]
        folders: list[tuple[Path, dict[str, str]]] = []
        for partition in list(table.partitions.values()):
            values = dict(zip(keys, partition.values, strict=False))
            if all(values.get(name) in allowed for name, allowed in wanted.items() if name in values):
                location = partition.partition_input["StorageDescriptor"]["Location"]
                folders.append((self.context.path(location), values))
        if not keys:
            folders = [(self.context.path(latest(table)["StorageDescriptor"]["Location"]), {})]
        return [
            (file, values)
            for folder, values in folders
            for file in sorted(folder.rglob("*.parquet"))
            if "_temporary" not in file.parts and not file.name.startswith((".", "_"))
        ]

    def _require_database(self, database: str) -> None:
        if database not in self._backend.databases:
            raise QueryError(f"SCHEMA_NOT_FOUND: line 1:1: Schema '{database}' does not exist")


def latest(table: Any) -> dict[str, Any]:
    """Return the newest version of a table's definition."""
    return dict(table.versions[str(table._current_version)])
