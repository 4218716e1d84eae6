"""Read and write small Parquet files with pyarrow: for a few rows, a Spark job would take much longer."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.contracts.model import Contract
from pipeline.lake.uris import split

_TYPES = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "int": pa.int32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "array<string>": pa.list_(pa.string()),
}


def write(s3: Any, uri: str, contract: Contract, rows: Iterable[dict[str, Any]]) -> None:
    """Write `rows` as one Parquet object; raise `ValueError` if their columns differ from the contract."""
    names = [column.name for column in contract.data_columns]
    rows = list(rows)
    if wrong := sorted({name for row in rows for name in {*row} ^ {*names}}):
        raise ValueError(f"Rows of {contract.table} and its contract differ in column '{wrong[0]}'.")
    schema = pa.schema([(column.name, _TYPES[column.type]) for column in contract.data_columns])
    table = pa.Table.from_pylist(rows, schema)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    bucket, key = split(uri)
    s3.put_object(Bucket=bucket, Key=key, Body=buffer.getvalue())


def read(s3: Any, uri: str, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Return the given columns of all Parquet objects below `uri`, as dictionaries."""
    bucket, prefix = split(uri)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    rows: list[dict[str, Any]] = []
    for key in keys:
        if key.endswith(".parquet"):
            body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            rows += pq.read_table(io.BytesIO(body), columns=list(columns)).to_pylist()
    return rows
