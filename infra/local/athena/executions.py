"""Query executions: state, limits and result files. Each execution runs in DuckDB in its own thread."""

from __future__ import annotations

import csv
import re
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from infra.local.athena.duckdb_sql import Prepared
from infra.local.athena.glue_tables import Catalog, QueryError
from infra.local.athena.semantics import SETUP
from infra.local.athena.statements import prepare
from infra.local.context import Context
from pipeline.athena.grammar import locate

_TYPES = {
    "BIGINT": "bigint",
    "HUGEINT": "bigint",
    "UBIGINT": "bigint",
    "INTEGER": "integer",
    "SMALLINT": "smallint",
    "TINYINT": "tinyint",
    "DOUBLE": "double",
    "FLOAT": "float",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "VARCHAR": "varchar",
    "INTERVAL": "interval day to second",
    "TIME": "time",
    "UUID": "uuid",
}
_AS_TEXT = frozenset(["array", "varchar", "interval day to second", "time", "uuid"])


_REASONS = (
    (r'Referenced column "(.+?)" not found', "COLUMN_NOT_FOUND: {at} Column '{name}' cannot be resolved"),
    (r'does not have a column named "(.+?)"', "COLUMN_NOT_FOUND: {at} Column '{name}' cannot be resolved"),
    (r"Division by zero", "DIVISION_BY_ZERO: Division by zero"),
    (r"QUANTILE can only take", "INVALID_FUNCTION_ARGUMENT: Percentile must be between 0 and 1"),
    (r"Could not convert string '(.*?)' to", "INVALID_CAST_ARGUMENT: Cannot cast '{name}' to the type"),
    (
        r'column "(.+?)" must appear in the GROUP BY',
        "EXPRESSION_NOT_AGGREGATE: {at} '{name}' must be an aggregate expression or appear in GROUP BY",
    ),
)
"""Patterns of DuckDB's error texts, each with Athena's wording of the error."""
_HISTORY_LIMIT = 5000


@dataclass
class Query:
    """One query execution; times are seconds since 1970, `scanned` is in bytes."""

    id: str
    sql: str
    context: dict[str, str]
    workgroup: str
    output: str
    parameters: list[str] | None
    submitted: float = field(default_factory=time.time)
    state: str = "QUEUED"
    reason: str | None = None
    completed: float | None = None
    started: float | None = None
    scanned: int = 0
    statement: str = "DML"
    columns: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        end = self.completed or time.time()
        engine = int((end - self.started) * 1000) if self.started else 0
        total = int((end - self.submitted) * 1000)
        status = {"State": self.state, "SubmissionDateTime": self.submitted}
        if self.completed:
            status["CompletionDateTime"] = self.completed
        if self.reason:
            status["StateChangeReason"] = self.reason
            status["AthenaError"] = {"ErrorCategory": 2, "ErrorMessage": self.reason, "Retryable": False}
        return {
            "QueryExecutionId": self.id,
            "Query": self.sql,
            "StatementType": self.statement,
            "ResultConfiguration": {"OutputLocation": self.output},
            "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": False}},
            "QueryExecutionContext": self.context,
            "Status": status,
            "Statistics": {
                "EngineExecutionTimeInMillis": engine,
                "DataScannedInBytes": self.scanned,
                "TotalExecutionTimeInMillis": total,
                "QueryQueueTimeInMillis": max(0, total - engine),
                "ResultReuseInformation": {"ReusedPreviousResult": False},
            },
            "WorkGroup": self.workgroup,
            "EngineVersion": {"EffectiveEngineVersion": "Athena engine version 3"},
        }


class AthenaEngine:
    """Run query executions, at most four at once, and keep their history."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.catalog = Catalog(context)
        self.queries: dict[str, Query] = {}
        self._connections: dict[str, Any] = {}
        self._slots = threading.Semaphore(4)
        for key, document in context.store.all("query")[-_HISTORY_LIMIT:]:
            query = self.queries[key] = Query(**document)
            if query.state in {"QUEUED", "RUNNING"}:
                self._end(query, "FAILED", "The laptop cloud stopped while the query was running.")

    def start(self, query: Query, limit: int | None) -> None:
        self.queries[query.id] = query
        threading.Thread(target=self._execute, args=(query, limit), daemon=True).start()

    def stop(self, query: Query) -> None:
        if query.state in {"QUEUED", "RUNNING"}:
            self._end(query, "CANCELLED", "Query cancelled by user")
            if connection := self._connections.get(query.id):
                connection.interrupt()

    def result_file(self, query: Query) -> Path:
        return self.context.path(query.output)

    def _execute(self, query: Query, limit: int | None) -> None:
        with self._slots:
            if query.state != "QUEUED":
                return
            query.state, query.started = "RUNNING", time.time()
            try:
                prepared = prepare(query.sql, query.context.get("Database"), query.parameters, self.catalog)
                query.statement, query.scanned = prepared.statement, prepared.bytes_scanned
                if limit and query.scanned > limit:
                    raise QueryError(f"Bytes scanned limit was exceeded: {query.scanned} of {limit}")
                self._run(query, prepared)
            except QueryError as error:
                self._end(query, "FAILED", _located(str(error), query.sql))
            except duckdb.Error as error:
                self._end(query, "FAILED", _located(_reason(error), query.sql))
            except Exception as error:
                self._end(query, "FAILED", f"INTERNAL_ERROR: {type(error).__name__}: {error}")
            else:
                self._end(query, "SUCCEEDED", None)

    def _run(self, query: Query, prepared: Prepared) -> None:
        """Set the query's columns and write its result file.

        The translated SQL has access only to the data files that it reads and to its result file.
        """
        target = self.result_file(query)
        target.parent.mkdir(parents=True, exist_ok=True)
        if prepared.rows is not None:
            query.columns = [_column(name, "varchar") for name in prepared.columns]
            with target.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file, quoting=csv.QUOTE_ALL).writerows([prepared.columns, *prepared.rows])
            return
        pending = target.with_name(f".pending-{query.id}")
        with duckdb.connect(config={"threads": 2, "memory_limit": "4GB"}) as connection:
            self._connections[query.id] = connection
            try:
                allowed = ", ".join(_quoted(str(path)) for path in [*prepared.files, pending])
                connection.execute("SET TimeZone = 'UTC'")
                connection.execute(f"SET temp_directory = {_quoted(str(self.context.work / 'duckdb'))}")
                connection.execute(f"SET allowed_paths = [{allowed}]")
                connection.execute("SET enable_external_access = false")
                for statement in (*SETUP, "SET lock_configuration = true", *prepared.setup):
                    connection.execute(statement)
                shape = connection.execute(f"DESCRIBE {prepared.sql}").fetchall()
                query.columns = [_column(name, _athena_type(type_)) for name, type_, *_ in shape]
                shown = ", ".join(_projection(i, name, type_) for i, (name, type_, *_) in enumerate(shape))
                aliases = ", ".join(f"c{i}" for i in range(len(shape)))
                connection.execute(
                    f"COPY (SELECT {shown} FROM ({prepared.sql}) AS t({aliases})) TO {_quoted(str(pending))} "
                    "(FORMAT csv, HEADER, FORCE_QUOTE *, NULLSTR '', TIMESTAMPFORMAT '%Y-%m-%d %H:%M:%S.%g')"
                )
                if query.state == "RUNNING":
                    pending.replace(target)
            finally:
                self._connections.pop(query.id, None)
                pending.unlink(missing_ok=True)

    def _end(self, query: Query, state: str, reason: str | None) -> None:
        if query.state in {"QUEUED", "RUNNING"}:
            query.state, query.reason, query.completed = state, reason, time.time()
            self.context.store.put("query", query.id, asdict(query))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _athena_type(type_: str) -> str:
    if type_.startswith("DECIMAL"):
        return type_.lower()
    if type_.startswith("TIMESTAMP"):
        return "timestamp"
    return "array" if type_.endswith("[]") else _TYPES.get(type_, "varchar")


def _projection(position: int, name: str, type_: str) -> str:
    """Return the SQL of a result column, with its name.

    HUGEINT and UBIGINT become BIGINT; types that Athena writes to its CSV files as text become VARCHAR.
    """
    cast = {"HUGEINT": "BIGINT", "UBIGINT": "BIGINT"}.get(type_)
    cast = cast or ("VARCHAR" if _athena_type(type_) in _AS_TEXT else None)
    label = '"' + name.replace('"', '""') + '"'
    return f"CAST(c{position} AS {cast}) AS {label}" if cast else f"c{position} AS {label}"


def _column(name: str, type_: str) -> dict[str, Any]:
    precision, scale = 0, 0
    if type_.startswith("decimal("):
        precision, scale = (int(part) for part in type_[8:-1].split(","))
        type_ = "decimal"
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": name,
        "Label": name,
        "Type": type_,
        "Precision": precision,
        "Scale": scale,
        "Nullable": "UNKNOWN",
        "CaseSensitive": type_ == "varchar",
    }


def _reason(error: duckdb.Error) -> str:
    """Return an error of DuckDB as Athena words it; if unknown, as an error code and DuckDB's first line."""
    first = str(error).splitlines()[0]
    if isinstance(error, duckdb.InterruptException):
        return "Query cancelled by user"
    for pattern, reason in _REASONS:
        if found := re.search(pattern, first):
            return reason.format(at="line 1:1:", name="".join(found.groups()))
    kind = "NOT_SUPPORTED" if isinstance(error, duckdb.PermissionException) else "SYNTAX_ERROR"
    return f"{kind}: line 1:1: {first.partition(': ')[2] or first}"


def _located(reason: str, sql: str) -> str:
    """Replace `line 1:1` in `reason` by the position in `sql` of the first name that `reason` quotes.

    Return `reason` unchanged if it quotes none, or if `sql` does not contain the name.
    """
    quoted = re.search(r"'(?:[^']*\.)?([^'.]+)'", reason)
    place = locate(sql, quoted[1]) if quoted else None
    return reason.replace("line 1:1:", f"line {place[0]}:{place[1]}:", 1) if place else reason
