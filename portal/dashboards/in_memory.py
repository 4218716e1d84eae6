"""Charts computed in memory: the tables of a dataset are read and joined once per release.

The statements are those of `QueryBuilder`, so each has a counterpart on Athena that gives the same numbers.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from io import BytesIO
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import sqlglot
from sqlglot import exp

from pipeline.contracts.model import Contract, load
from pipeline.lake.uris import split
from pipeline.releases.model import Release
from portal.athena.client import QueryResult
from portal.core.context import Context
from portal.core.rights import requires
from portal.dashboards.query_builder import Dataset, QueryBuilder

MOST_ROWS = 2_000_000
"""Maximum number of rows of one table; datasets with a larger table are queried on Athena."""

Statement = Callable[[QueryBuilder, Dataset], str]
"""Returns the SQL of a chart or figure over a dataset."""

_TABLE = "dataset_rows"
_CONCURRENT_READS = 8
_TYPES = {"string": "VARCHAR", "int": "INTEGER"}


def fits(dataset: Dataset, release: Release) -> bool:
    """Return whether the tables of the dataset are small enough to be kept in memory."""
    return all(release.tables.get(table, MOST_ROWS + 1) <= MOST_ROWS for table in dataset.tables)


@requires("see_charts")
def read_dataset(context: Context, dataset: Dataset, release_id: str) -> DatasetInMemory:
    """Read a dataset of a release into memory; this takes seconds for a million rows."""
    return DatasetInMemory(context, dataset, release_id)


class DatasetInMemory:
    """The rows of a dataset in one release, with every dimension and field as a column."""

    def __init__(self, context: Context, dataset: Dataset, release_id: str) -> None:
        self._builder = _LocalBuilder(context, release_id)
        self._release_id = release_id
        self._connection = duckdb.connect(config={"threads": 2, "enable_external_access": False})
        self._connection.execute("SET TimeZone = 'UTC'")
        sql = self._builder.every_column(dataset)
        for table in dataset.tables:
            _create(self._connection, load("gold", table), _read(context, table, release_id, sql))
        self._connection.execute(f"CREATE TABLE joined AS {_in_duckdb(sql)}")
        _pack(self._connection)
        for table in (*dataset.tables, "joined"):
            self._connection.execute(f"DROP TABLE {table}")

    def answer(self, dataset: Dataset, statement: Statement, athena_sql: str) -> QueryResult:
        """Return the result of a statement; `athena_sql`, its counterpart on Athena, is shown to the user."""
        began = time.monotonic()
        sql = _in_duckdb(statement(self._builder, dataset.of_one_table(_TABLE)))
        with self._connection.cursor() as cursor:
            frame = _frame(cursor.sql(sql))
        return QueryResult(frame, athena_sql, "", 0, time.monotonic() - began, self._release_id)


class _LocalBuilder(QueryBuilder):
    """Builds SQL over tables in DuckDB that have the names of the gold tables."""

    def _named(self, text: str) -> str:
        return re.sub(r"\{(\w+)\}", r"\1", text)


@lru_cache(maxsize=1000)
def _in_duckdb(sql: str) -> str:
    """Return SQL for Athena as SQL for DuckDB; percentiles become exact, because the rows are in memory."""
    tree = sqlglot.parse_one(sql, read="athena")
    for found in list(tree.find_all(exp.ApproxQuantile)):
        found.replace(exp.PercentileCont(this=found.this, expression=found.args["quantile"]))
    return tree.sql(dialect="duckdb")


def _frame(relation: Any) -> pd.DataFrame:
    """Return the rows with the column types that awswrangler gives to results of Athena."""
    columns = [
        f'CAST("{name}" AS BIGINT) AS "{name}"' if str(type_) == "HUGEINT" else f'"{name}"'
        for name, type_ in zip(relation.columns, relation.types, strict=True)
    ]
    frame: pd.DataFrame = relation.project(", ".join(columns)).df()
    for name, type_ in zip(relation.columns, relation.types, strict=True):
        if str(type_) in {"BIGINT", "HUGEINT", "INTEGER"}:
            frame[name] = frame[name].astype("Int64")
        elif str(type_) == "VARCHAR":
            frame[name] = frame[name].astype("string")
    return frame


def _pack(connection: Any) -> None:
    """Copy `joined` to a table with texts stored as numbers, and create a view that shows the texts.

    The copy has a third of the size.
    """
    shape = connection.execute("DESCRIBE joined").fetchall()
    packed, shown = [], []
    for name, type_, *_ in shape:
        values = f"SELECT DISTINCT {name} FROM joined WHERE {name} IS NOT NULL"
        is_text = type_ == "VARCHAR" and connection.execute(f"{values} LIMIT 1").fetchone() is not None
        if is_text:
            connection.execute(f"CREATE TYPE values_of_{name} AS ENUM ({values})")
        packed.append(f"CAST({name} AS values_of_{name}) AS {name}" if is_text else name)
        shown.append(f"CAST({name} AS VARCHAR) AS {name}" if is_text else name)
    connection.execute(f"CREATE TABLE packed AS SELECT {', '.join(packed)} FROM joined")
    connection.execute(f"CREATE VIEW {_TABLE} AS SELECT {', '.join(shown)} FROM packed")


# reading a release


def _create(connection: Any, contract: Contract, rows: pa.Table) -> None:
    """Create the table of a contract with the columns of `rows`."""
    types = {column.name: _TYPES.get(column.type, column.type.upper()) for column in contract.columns}
    columns = ", ".join(f"CAST({name} AS {types[name]}) AS {name}" for name in rows.column_names)
    connection.register("read", rows)
    connection.execute(f"CREATE TABLE {contract.table} AS SELECT {columns} FROM read")
    connection.unregister("read")


def _read(context: Context, table: str, release_id: str, sql: str) -> pa.Table:
    """Return the rows of a gold table in a release, with the columns that `sql` names."""
    words = set(re.findall(r"\w+", sql))
    contract = load("gold", table)
    names = [column.name for column in contract.columns if column.name in words]

    def read(found: tuple[str, dict[str, str]]) -> pa.Table:
        uri, partition = found
        bucket, key = split(uri)
        body = context.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        file = pq.ParquetFile(BytesIO(body))
        inside = file.read(columns=[name for name in names if name in file.schema_arrow.names])
        for name in names:
            if name not in inside.column_names:  # in the path, or newer than the file
                value = pa.scalar(partition.get(name), pa.string() if name in partition else None)
                inside = inside.append_column(name, pa.repeat(value, inside.num_rows))
        return inside.select(names)

    with ThreadPoolExecutor(_CONCURRENT_READS) as threads:
        parts = list(threads.map(read, _files(context, contract, release_id)))
    if not parts:
        return pa.table({name: pa.nulls(0) for name in names})
    return pa.concat_tables(parts, promote_options="permissive")


def _files(context: Context, contract: Contract, release_id: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the URI and the partition values of each file of a table in a release, from the Glue catalog."""
    keys = [column.name for column in contract.partition_columns]
    pages = (
        context.client("glue")
        .get_paginator("get_partitions")
        .paginate(
            DatabaseName=context.lake.database("gold_releases"),
            TableName=contract.table,
            Expression=f"release_id = '{release_id}'",
        )
    )
    for page in pages:
        for partition in page["Partitions"]:
            values = dict(zip(keys, partition["Values"], strict=False))
            for uri in _objects(context, partition["StorageDescriptor"]["Location"]):
                yield uri, values


def _objects(context: Context, location: str) -> list[str]:
    bucket, prefix = split(location)
    pages = context.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    return [f"s3://{bucket}/{key}" for key in keys if key.endswith(".parquet")]
