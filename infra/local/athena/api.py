"""Athena's API: replaces moto's query executions and results."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Callable
from typing import Any

from moto.athena.models import AthenaBackend
from moto.athena.responses import AthenaResponse
from moto.core.responses import ActionResult

from infra.local.athena.executions import AthenaEngine, Query
from infra.local.athena.glue_tables import QueryError
from infra.local.context import ACCOUNT, Context


def install(context: Context) -> None:
    """Make moto run query executions in the DuckDB engine and return that engine's states and results."""
    engine = AthenaEngine(context)

    def start_query_execution(
        backend: Any, query: str, context: Any, config: Any, workgroup: str, execution_parameters: Any
    ) -> str:
        group = backend.work_groups.get(workgroup or "primary") or backend.work_groups["primary"]
        settings = group.configuration
        enforced = settings.get("ResultConfiguration", {}).get("OutputLocation")
        requested = (config or {}).get("OutputLocation")
        output = (
            enforced if enforced and settings.get("EnforceWorkGroupConfiguration") else requested or enforced
        )
        query_id = str(uuid.uuid4())
        folder = (output or f"s3://aws-athena-query-results-{ACCOUNT}/").rstrip("/")
        uri = f"{folder}/{query_id}.csv"
        started = Query(query_id, query, context or {}, group.name, uri, execution_parameters)
        engine.start(started, settings.get("BytesScannedCutoffPerQuery"))
        return query_id

    AthenaBackend.start_query_execution = start_query_execution
    AthenaBackend.stop_query_execution = lambda backend, exec_id: engine.stop(engine.queries[exec_id])
    AthenaResponse.get_query_execution = _for_query(engine, lambda _, q: {"QueryExecution": q.as_dict()})
    AthenaResponse.get_query_results = _for_query(engine, _read_results(engine))
    AthenaResponse.get_query_runtime_statistics = _for_query(
        engine, lambda _, q: {"QueryRuntimeStatistics": {"Rows": {"InputBytes": q.scanned}}}
    )
    AthenaResponse.list_query_executions = lambda response: ActionResult(_list_executions(engine, response))
    AthenaResponse.batch_get_query_execution = lambda response: ActionResult(
        {
            "QueryExecutions": [
                engine.queries[key].as_dict()
                for key in response._get_param("QueryExecutionIds")
                if key in engine.queries
            ],
            "UnprocessedQueryExecutionIds": [],
        }
    )


def _for_query(engine: AthenaEngine, result: Callable[[Any, Query], dict[str, Any]]) -> Callable[[Any], Any]:
    def respond(response: Any) -> Any:
        query = engine.queries.get(response._get_param("QueryExecutionId"))
        if query is None:
            return response.error("QueryExecution was not found", 400)
        return ActionResult(result(response, query))

    return respond


def _read_results(engine: AthenaEngine) -> Callable[[Any, Query], dict[str, Any]]:
    def read(response: Any, query: Query) -> dict[str, Any]:
        if query.state != "SUCCEEDED":
            raise QueryNotReady(query)
        size = response._get_int_param("MaxResults") or 1000
        start = int(response._get_param("NextToken") or 0)
        with engine.result_file(query).open(newline="", encoding="utf-8") as file:
            lines = list(csv.reader(file))
        rows = [{"Data": [{"VarCharValue": v} if v else {} for v in line or [""]]} for line in lines]
        page = {"Rows": rows[start : start + size], "ResultSetMetadata": {"ColumnInfo": query.columns}}
        result: dict[str, Any] = {"ResultSet": page, "UpdateCount": 0}
        if start + size < len(rows):
            result["NextToken"] = str(start + size)
        return result

    return read


class QueryNotReady(QueryError):
    """Results were requested of a query that has not succeeded."""

    def __init__(self, query: Query) -> None:
        super().__init__(f"Query has not yet finished. Current state: {query.state}")


def _list_executions(engine: AthenaEngine, response: Any) -> dict[str, Any]:
    workgroup = response._get_param("WorkGroup") or "primary"
    found = [key for key, query in reversed(list(engine.queries.items())) if query.workgroup == workgroup]
    size = response._get_int_param("MaxResults") or 50
    start = int(response._get_param("NextToken") or 0)
    result: dict[str, Any] = {"QueryExecutionIds": found[start : start + size]}
    if start + size < len(found):
        result["NextToken"] = str(start + size)
    return result
