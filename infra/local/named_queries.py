"""Persist Athena's named queries across restarts, and support deleting them; moto does neither."""

from __future__ import annotations

import uuid
from typing import Any

from moto.athena.responses import AthenaResponse
from moto.core.responses import ActionResult

from infra.local.context import Context

_KIND = "named_query"
_FIELDS = ("Name", "Description", "Database", "QueryString")


def install(context: Context) -> None:
    """Make moto create, list, read in batches and delete named queries in the history store."""
    store = context.store

    def create(response: Any) -> Any:
        query = {name: response._get_param(name) or "" for name in _FIELDS}
        query |= {
            "NamedQueryId": str(uuid.uuid4()),
            "WorkGroup": response._get_param("WorkGroup") or "primary",
        }
        store.put(_KIND, query["NamedQueryId"], query)
        return ActionResult({"NamedQueryId": query["NamedQueryId"]})

    def listed(response: Any) -> Any:
        group = response._get_param("WorkGroup") or "primary"
        found = [key for key, query in store.all(_KIND) if query["WorkGroup"] == group]
        return ActionResult({"NamedQueryIds": found})

    def several(response: Any) -> Any:
        wanted = response._get_param("NamedQueryIds") or []
        found = [query for key in wanted if (query := store.get(_KIND, key))]
        return ActionResult({"NamedQueries": found, "UnprocessedNamedQueryIds": []})

    def delete(response: Any) -> Any:
        store.delete(_KIND, response._get_param("NamedQueryId"))
        return ActionResult({})

    AthenaResponse.create_named_query = create
    AthenaResponse.list_named_queries = listed
    AthenaResponse.batch_get_named_query = several
    AthenaResponse.delete_named_query = delete
