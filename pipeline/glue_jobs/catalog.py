"""Partitions in the Glue Data Catalog: add those of a table, or replace those of a release."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.contracts.glue import database
from pipeline.contracts.model import Contract
from pipeline.glue_jobs.errors import JobError
from pipeline.lake.uris import Lake

_LIMIT = {"create": 100, "delete": 25}
"""Maximum number of partitions per request."""


def add(glue: Any, lake: Lake, contract: Contract, partitions: Sequence[tuple[list[str], str]]) -> None:
    """Add partitions (values and URI) to the table; existing ones are kept."""
    names = {"DatabaseName": database(contract, lake), "TableName": contract.table}
    storage = glue.get_table(DatabaseName=names["DatabaseName"], Name=contract.table)["Table"][
        "StorageDescriptor"
    ]
    for some in _chunks(partitions, _LIMIT["create"]):
        inputs: list[Any] = [
            {"Values": values, "StorageDescriptor": {**storage, "Location": uri}} for values, uri in some
        ]
        _check(contract, "add", glue.batch_create_partition(**names, PartitionInputList=inputs))


def replace(glue: Any, lake: Lake, contract: Contract, release_id: str, months: Mapping[str, str]) -> None:
    """Register the months (URI by month) of a release as its only partitions of a fact.

    A previous attempt of the job may have registered a month elsewhere, or one that no longer has rows.
    """
    names = {"DatabaseName": database(contract, lake), "TableName": contract.table}
    pages = glue.get_paginator("get_partitions").paginate(**names, Expression=f"release_id = '{release_id}'")
    present = {
        partition["Values"][1]: partition["StorageDescriptor"]["Location"]
        for page in pages
        for partition in page["Partitions"]
    }
    stale = [month for month, uri in present.items() if months.get(month) != uri]
    for some in _chunks(stale, _LIMIT["delete"]):
        values: list[Any] = [{"Values": [release_id, month]} for month in some]
        _check(contract, "replace", glue.batch_delete_partition(**names, PartitionsToDelete=values))
    add(glue, lake, contract, [([release_id, month], uri) for month, uri in sorted(months.items())])


def _chunks(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _check(contract: Contract, what: str, response: Mapping[str, Any]) -> None:
    codes = [error["ErrorDetail"]["ErrorCode"] for error in response.get("Errors", [])]
    if failures := [code for code in codes if code != "AlreadyExistsException"]:
        raise JobError(
            f"Cannot {what} a partition of {contract.table} in the Glue Data Catalog: {failures[0]}."
        )
