"""The silver rows that a release should contain, computed independently of the jobs."""

from __future__ import annotations

import re
from functools import cache

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.contracts.model import Contract, all_contracts, load
from pipeline.glue_jobs.quality import recomputed
from pipeline.glue_jobs.runtime import Run

TIMESTAMPS = {
    "patients": (),
    "encounters": ("admitted_at", "discharged_at"),
    "medications": ("administered_at", "ordered_at", "updated_at"),
    "diagnoses": ("diagnosed_at", "updated_at"),
}
MONTHS = {"encounters": ("admitted_month", "admitted_at_local")}
"""By silver table, the partition column of its fact, and SQL of the hospital time that decides the month."""

_ROW = ("source_file", "source_line")


def newest(run: Run, table: str) -> DataFrame:
    """Return the silver rows that the release should contain, computed independently of the jobs.

    For each key, that is the newest of the rows that do not conflict, unless the release has quarantined it.
    Only the columns that the rules use are returned. Only keys with several rows are compared.
    """
    contract = load("silver", table)
    key = contract.record_key
    quarantined = run.refused_in_release(table)
    conflicting = quarantined.where(F.array_contains("rule_ids", conflict_rule(contract)))
    consistent = run.silver(table).join(conflicting.select(*_ROW), list(_ROW), "left_anti")
    hashed = consistent.withColumn("_key", F.xxhash64(*key))
    several = hashed.groupBy("_key").agg(F.count(F.lit(1)).alias("_n")).where("_n > 1").select("_key")
    of_several = hashed.join(several, "_key", "left_semi").drop("_key")
    content = F.xxhash64(*(c.name for c in contract.columns if c.name not in {"batch_id", *_ROW}))
    order = F.struct("updated_at", content.alias("content"), "batch_id", *_ROW)
    last = of_several.groupBy(*key).agg(F.max(order).alias("_order")).select("_order.*")
    latest = of_several.join(last.select(*_ROW), list(_ROW), "left_semi")
    rows = hashed.join(several, "_key", "left_anti").drop("_key").unionByName(latest)
    wanted = [c.name for c in contract.columns if c.name in {*key, *_ROW} | _words()]
    return rows.join(quarantined.select(*_ROW), list(_ROW), "left_anti").select(*wanted)


@cache
def _words() -> frozenset[str]:
    """Return all words, column names among them, in the SQL of rules on whole tables and of their views."""
    rules = [rule for contract in all_contracts() for rule in contract.rules if rule.is_whole]
    texts = [text for rule in rules for text in (rule.of, rule.measure, *rule.aggregates.values())]
    months = [word for pair in MONTHS.values() for word in pair]
    timestamps = [word for names in TIMESTAMPS.values() for word in names]
    used = " ".join(filter(None, [*texts, *recomputed.VIEWS.values(), *months, *timestamps]))
    return frozenset(re.findall(r"\w+", used))


def conflict_rule(contract: Contract) -> str:
    """Return the id of the rule that quarantines conflicting versions of a record."""
    return next(rule.id for rule in contract.rules if rule.fails == "is_conflicting")
