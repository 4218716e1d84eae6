"""Render a contract as a table of the Glue Data Catalog."""

from __future__ import annotations

from typing import Any

from pipeline.contracts.model import Column, Contract
from pipeline.lake.uris import Database, Lake

_PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}
_CSV = {
    "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
    "SerdeInfo": {
        "SerializationLibrary": "org.apache.hadoop.hive.serde2.OpenCSVSerde",
        "Parameters": {"separatorChar": ",", "quoteChar": '"', "escapeChar": "\\"},
    },
}


def database(contract: Contract, lake: Lake) -> str:
    """Return the database of a table.

    `gold` contains only views of the published release; the tables with all releases are in `gold_releases`.
    """
    zones: dict[str, Database] = {"gold": "gold_releases"}
    return lake.database(zones.get(contract.zone, contract.zone))


def location(contract: Contract, lake: Lake) -> str:
    """Return the S3 URI of a table."""
    if contract.zone == "bronze":
        return lake.bronze_table(contract.table)
    if contract.zone == "silver":
        return lake.silver_table(contract.table)
    if contract.zone == "gold":
        return lake.gold_table(contract.table)
    return quality_location(contract.table, lake)


def quality_location(table: str, lake: Lake) -> str:
    named = {
        "rule_result": lake.results_table(),
        "reconciliation": lake.reconciliation_table(),
        "release_reconciliation": lake.release_reconciliation_table(),
    }
    return named.get(table) or lake.quarantine_table(table.removeprefix("quarantine_"))


def table_input(contract: Contract, lake: Lake) -> dict[str, Any]:
    """Return the `TableInput` of ``glue.create_table``."""
    is_csv = contract.zone == "bronze"
    parameters = {"EXTERNAL": "TRUE", "classification": "csv" if is_csv else "parquet"}
    return {
        "Name": contract.table,
        "Description": contract.grain[:2048],
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {**parameters, **({"skip.header.line.count": "1"} if is_csv else {})},
        "PartitionKeys": [_glue_column(column) for column in contract.partition_columns],
        "StorageDescriptor": {
            **(_CSV if is_csv else _PARQUET),
            "Location": location(contract, lake),
            "Columns": [_glue_column(column) for column in contract.data_columns],
        },
    }


def _glue_column(column: Column) -> dict[str, str]:
    return {"Name": column.name, "Type": column.type, "Comment": column.description[:255]}
