"""Register the partitions of all tables in the Glue Data Catalog again, from the objects of the lake."""

from __future__ import annotations

from pipeline.contracts.glue import location
from pipeline.contracts.model import Contract, all_contracts
from pipeline.glue_jobs import catalog
from pipeline.lake.uris import split
from pipeline.releases import files, months
from pipeline.releases import model as release_model
from portal.core.context import Context
from portal.core.rights import requires


@requires("back_up")
def register(context: Context) -> None:
    """Add the partitions of every table that has a contract; present ones are kept."""
    glue = context.client("glue")
    for contract in all_contracts():
        if contract.zone == "bronze":
            continue  # jobs read its files, not its table
        if found := _partitions(context, contract):
            listed = [(list(values), uri) for values, uri in sorted(found.items())]
            catalog.add(glue, context.lake, contract, listed)


Partitions = dict[tuple[str, ...], str]
"""URI by the values of the partition."""


def _partitions(context: Context, contract: Contract) -> Partitions:
    if contract.zone == "gold":
        return _of_releases(context, contract)
    bucket, prefix = split(location(contract, context.lake))
    found: Partitions = {}
    pages = context.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for item in (item for page in pages for item in page.get("Contents", [])):
        folder = item["Key"].removeprefix(prefix).partition("/")[0]
        found[(folder.partition("=")[2],)] = f"s3://{bucket}/{prefix}{folder}/"
    return found


def _of_releases(context: Context, contract: Contract) -> Partitions:
    """Return the partitions of all releases; a month may lie in the folder of an earlier release."""
    s3, lake, found = context.client("s3"), context.lake, Partitions()
    for release in release_model.all_releases(s3, lake):
        named = files.of_table(s3, lake, release.release_id, contract.table)
        if len(contract.partition_columns) == 1:
            found[(release.release_id,)] = lake.gold_release(contract.table, release.release_id)
        for month, uri in months.locations(lake, named).items():
            found[release.release_id, month] = uri
    return found
