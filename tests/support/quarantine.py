"""Quarantined rows as received, which no service returns."""

from __future__ import annotations

from portal.athena.client import run_query


def raw_rows(portal, run_id, table):
    """Return the quarantined rows of a run with their keys, rules and raw text."""
    database = portal.lake.database("quality")
    sql = f"""SELECT * FROM "{database}"."quarantine_{table}" WHERE run_id = '{run_id}'"""
    return run_query(portal.assume_review_role(), sql, database=database).frame
