"""Persist the databases, tables and partitions of moto's Glue catalog across restarts."""

from __future__ import annotations

import json
from functools import wraps
from typing import Any

from moto.glue import models

from infra.local.context import ACCOUNT, REGION, Context
from infra.local.history import HistoryStore


def install(context: Context) -> None:
    """Restore the catalog, and record its changes from now on."""
    backend = models.glue_backends[ACCOUNT][REGION]
    _restore(backend, context.store)
    _Journal(context.store).attach()


class _Journal:
    """Write created databases, and all changes of tables and partitions, to the history store."""

    def __init__(self, store: HistoryStore) -> None:
        self.store = store

    def attach(self) -> None:
        for name in ("create_database", "create_table", "update_table", "delete_table"):
            self._after(models.GlueBackend, name, getattr(self, name))
        for name in ("create_partition", "update_partition", "delete_partition"):
            self._after(models.FakeTable, name, getattr(self, name))

    def create_database(self, _: Any, database_name: str, database_input: Any, *__: Any, **___: Any) -> None:
        self.store.put("database", database_name, database_input)

    def create_table(self, backend: Any, database_name: str, table_name: str, *_: Any, **__: Any) -> None:
        table = backend.get_table(database_name, table_name)
        latest = table.versions[str(table._current_version)]
        document = {"database": database_name, "table": table_name, "input": latest}
        self.store.put("table", f"{database_name}.{table_name}", document)

    update_table = create_table

    def delete_table(self, _: Any, database_name: str, table_name: str) -> None:
        self.store.delete("table", f"{database_name}.{table_name}")
        for key, document in self.store.all("partition"):
            if (document["database"], document["table"]) == (database_name, table_name):
                self.store.delete("partition", key)

    def create_partition(self, table: Any, partition_input: dict[str, Any]) -> None:
        document = {"database": table.database_name, "table": table.name, "input": partition_input}
        self.store.put("partition", _key(table, partition_input["Values"]), document)

    def update_partition(self, table: Any, old_values: Any, partition_input: dict[str, Any]) -> None:
        self.store.delete("partition", _key(table, old_values))
        self.create_partition(table, partition_input)

    def delete_partition(self, table: Any, values: Any) -> None:
        self.store.delete("partition", _key(table, values))

    @staticmethod
    def _after(owner: Any, name: str, record: Any) -> None:
        inner = getattr(owner, name)

        @wraps(inner)
        def recorded(self: Any, *args: Any, **kwargs: Any) -> Any:
            result = inner(self, *args, **kwargs)
            record(self, *args, **kwargs)
            return result

        setattr(owner, name, recorded)


def _key(table: Any, values: list[str]) -> str:
    return f"{table.database_name}.{table.name}:{json.dumps(values)}"


def _restore(backend: Any, store: HistoryStore) -> None:
    for name, document in store.all("database"):
        backend.create_database(name, document)
    for _, document in store.all("table"):
        backend.create_table(document["database"], document["table"], document["input"])
    for _, document in store.all("partition"):
        backend.get_table(document["database"], document["table"]).create_partition(document["input"])
