"""Quarantined rows as received and keys of failing rows, which no service returns."""

from __future__ import annotations

from portal.athena.client import run_query


def raw_rows(portal, run_id, table):
    """Return the quarantined rows of a run with their keys, rules and raw text."""
    return _rows(portal, f"quarantine_{table}", run_id)


def stored_keys(portal, run_id):
    """Return the keys of the failing rows that a run stored, by table and rule."""
    found = _rows(portal, "rule_result", run_id)
    listed = found["sample_keys"].map(lambda text: [key for key in text.strip("[]").split(", ") if key])
    named = zip(found["table_name"], found["rule_id"], listed, strict=True)
    return {(table, rule): keys for table, rule, keys in named if keys}


def _rows(portal, table, run_id):
    database = portal.lake.database("quality")
    sql = f"""SELECT * FROM "{database}"."{table}" WHERE run_id = '{run_id}'"""
    return run_query(portal.assume_review_role(), sql, database=database).frame
