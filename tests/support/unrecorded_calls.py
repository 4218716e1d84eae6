"""Calls that Athena and Spark make in a role's name and that no endpoint of the laptop cloud sees."""

from __future__ import annotations

import re

from infra.local import arns
from infra.local.calls import Call
from infra.local.history import HistoryStore
from pipeline.contracts import model
from pipeline.contracts.glue import location
from pipeline.lake.uris import split

# what Athena does for whoever asks


def of_athena(state, lake):
    """Of each query what AWS documents: the catalog's tables and the files below them, and the results."""
    groups = {lake.workgroup: ("portal", "lambda-publish-release"), lake.review_workgroup: ("review",)}
    store = HistoryStore(state / "cloud" / "history.sqlite")
    for _, query in store.all("query"):
        for role in groups.get(query["workgroup"], ()):
            is_view = query["sql"].startswith("CREATE")
            if is_view or role != "lambda-publish-release":
                yield from _of_query(f"{lake.prefix}-{role}", query, lake, is_view)
    store.close()


def _of_query(role, query, lake, is_view):
    yield Call(role, "glue:GetDatabase", (arns.arn("glue", "catalog"), arns.arn("glue", "database/default")))
    bucket, key = split(query["output"])
    yield Call(role, "s3:GetBucketLocation", (arns.of_s3(bucket, ""),))
    yield Call(role, "s3:PutObject", (arns.of_s3(bucket, key),))
    yield Call(role, "s3:GetObject", (arns.of_s3(bucket, key),))
    for database, table in re.findall(r'"(\w+)"\."(\w+)"', query["sql"]):
        place = (arns.arn("glue", "catalog"), arns.arn("glue", f"database/{database}"))
        yield Call(role, "glue:GetDatabase", place)
        place = (*place, arns.arn("glue", f"table/{database}/{table}"))
        yield Call(role, "glue:GetTable", place)
        if is_view:
            changes = ("glue:CreateTable", "glue:UpdateTable") if database == lake.database("gold") else ()
            yield from (Call(role, action, place) for action in changes)
        elif database != lake.database("gold"):  # its views have no partitions and no files
            yield Call(role, "glue:GetPartitions", place)
            yield from _of_files(role, database, table, lake)


def _of_files(role, database, table, lake):
    """The folder of a table is listed, its files are read."""
    zone = "gold" if database == lake.database("gold_releases") else database.rpartition("_")[2]
    contract = next(c for c in model.all_contracts() if (c.zone, c.table) == (zone, table))
    bucket, prefix = split(location(contract, lake))
    yield Call(role, "s3:ListBucket", (arns.of_s3(bucket, ""),))
    yield Call(role, "s3:GetObject", (arns.of_s3(bucket, f"{prefix}part.parquet"),))


# what Spark does in the jobs' name, as the files show


def of_spark(state, lake):
    written = [lake.bucket(zone) for zone in ("silver", "gold")]
    quarantine = [lake.quarantine_table(table) for table in ("patients", "encounters", "medications")]
    folders = [(bucket, "") for bucket in written] + [split(place) for place in quarantine]
    role = f"{lake.prefix}-glue"
    for bucket, prefix in folders:
        for path in (state / "s3" / bucket / prefix).rglob("*.parquet"):
            place = arns.of_s3(bucket, path.relative_to(state / "s3" / bucket).as_posix())
            for action in ("s3:PutObject", "s3:DeleteObject", "s3:GetObject"):  # _temporary comes and goes
                yield Call(role, action, (place,))
        yield Call(role, "s3:ListBucket", (arns.of_s3(bucket, ""),))
    yield Call(role, "s3:GetObject", (arns.of_s3(*split(f"{lake.reconciliation('r')}part-0.parquet")),))
    for action in ("s3:GetObject", "s3:PutObject"):  # a batch is read; a large sample is written
        yield Call(role, action, (arns.of_s3(lake.bucket("bronze"), "patients/batch_id=b/part.csv"),))
    yield Call(role, "s3:ListBucket", (arns.of_s3(lake.bucket("bronze"), ""),))
    # Glue fetches the script and the package in the role's name
    yield Call(role, "s3:GetObject", (arns.of_s3(*split(lake.wheel())),))
    yield Call(role, "s3:GetObject", (arns.of_s3(*split(lake.script("quality/audit.py"))),))
    yield Call(role, "s3:ListBucket", (arns.of_s3(lake.bucket("code"), ""),))
