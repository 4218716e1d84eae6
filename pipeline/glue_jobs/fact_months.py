"""Write a fact by month: months with the same content as in the parent release are shared, not written."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline import frames
from pipeline.contracts.model import Contract
from pipeline.glue_jobs import catalog
from pipeline.releases import files, months
from pipeline.releases.months import Month, Months

if TYPE_CHECKING:
    from pipeline.glue_jobs.runtime import Run

log = logging.getLogger("pipeline")


def contents(frame: DataFrame, contract: Contract) -> Months:
    """Return rows and content of each month: sums of two independent 64-bit hashes of every row.

    The columns' names and types are part of the content.
    """
    month, columns = contract.partition_columns[-1].name, [F.col(c.name) for c in contract.data_columns]
    shape = "".join(f"{c.name} {c.type}," for c in contract.data_columns)
    hashes = {"_one": frames.hash_of(columns), "_two": frames.hash_of([F.lit("two"), *columns])}
    sums = [F.sum(F.col(name).cast("decimal(20,0)")).cast("string").alias(name) for name in hashes]
    hashed = frame.select(month, *(value.alias(name) for name, value in hashes.items()))
    found = hashed.groupBy(month).agg(F.count(F.lit(1)).alias("_rows"), *sums).collect()
    digest = hashlib.sha256(shape.encode()).hexdigest()[:16]
    return {row[month]: Month(int(row["_rows"]), f"{digest} {row['_one']} {row['_two']}") for row in found}


def write(run: Run, frame: DataFrame, contract: Contract) -> int:
    """Write the months that differ from the parent release; record and register all; return the row count.

    Months are compared by the content of their rows as computed now, so it does not matter why a month
    changes: new rows, rows that moved, late references, other versions of dimensions, rules or code.
    """
    s3, lake, table = run.s3, run.lake, contract.table
    month, uri = contract.partition_columns[-1].name, lake.gold_release(table, run.run_id)
    parent_id = run.plan["parent_release_id"]
    computed: Months = {}
    if parent_id and months.recorded(s3, lake, parent_id, table):
        frame = frame.persist()  # it is read twice: hashed, then written
        computed = contents(frame, contract)
    shared = months.shared(s3, lake, parent_id, table, computed)
    kept = {months.month_of(name) for name in shared}
    if kept and kept == computed.keys():
        run.delete(uri)
    else:
        is_kept = F.coalesce(F.col(month).isin(*sorted(kept)), F.lit(False))
        run.write(frame.where(~is_kept).repartition(month) if kept else frame.repartition(month), uri, month)
    named = files.record_gold(s3, lake, run.run_id, table, shared)
    written = contents(run.released_in(contract, uri), contract)
    every = {**{each: computed[each] for each in kept}, **written}
    months.record(s3, lake, run.run_id, table, every)
    catalog.replace(run.glue, lake, contract, run.run_id, months.locations(lake, named))
    log.info("%s: %d months written, %d shared", table, len(written), len(kept))
    return sum(each.rows for each in every.values())


def write_nothing(run: Run, contract: Contract) -> None:
    """Record and register a fact without rows."""
    run.delete(run.lake.gold_release(contract.table, run.run_id))
    files.record_gold(run.s3, run.lake, run.run_id, contract.table)
    months.record(run.s3, run.lake, run.run_id, contract.table, {})
    catalog.replace(run.glue, run.lake, contract, run.run_id, {})


def read(run: Run, contract: Contract, release_id: str) -> DataFrame:
    """Return the rows of a fact in a release, from the release folders that hold its months."""
    month, own = contract.partition_columns[-1].name, run.lake.gold_release(contract.table, release_id)
    named = files.of_table(run.s3, run.lake, release_id, contract.table)
    rows = [run.released_in(contract, own)]
    for uri, within in sorted(months.folders(run.lake, named).items()):
        if uri != own:
            rows.append(run.released_in(contract, uri).where(F.col(month).isin(*sorted(within))))
    return frames.union(rows)
