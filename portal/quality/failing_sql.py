"""Build the Athena query for the rows that fail a rule."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.contracts.model import Contract, Rule
from pipeline.lake.uris import Lake

MOST_ROWS = 200


@dataclass(frozen=True)
class FailingQuery:
    """SQL for failing rows; `is_exact` is true if it returns only rows that fail.

    A rule that reads other rows or tables cannot be evaluated on silver alone. Its query returns all versions
    of the records that the run stored as failing.
    """

    sql: str
    is_exact: bool


def of_rule(
    lake: Lake, contract: Contract, rule: Rule, run_id: str, batch_ids: Sequence[str]
) -> FailingQuery | None:
    """Return the query of a rule; None for a rule on whole tables, which has no failing rows."""
    if rule.is_whole:
        return None
    if is_quarantined(rule):
        return FailingQuery(_quarantined(lake, contract.table, rule.id, run_id), True)
    condition = row_condition(contract, rule)
    return FailingQuery(_loaded(lake, contract, rule, run_id, batch_ids, condition), condition is not None)


def is_quarantined(rule: Rule) -> bool:
    """Return whether rows that fail the rule are in quarantine: refused rows, and duplicates."""
    return rule.quarantines or rule.fails == "is_repeat"


def _quarantined(lake: Lake, table: str, rule_id: str, run_id: str) -> str:
    return f"""SELECT record_key, raw, source_file, source_line
FROM "{lake.database("quality")}"."quarantine_{table}"
WHERE run_id = '{run_id}'
  AND contains(rule_ids, '{rule_id}')
ORDER BY record_key
LIMIT {MOST_ROWS}"""


def _loaded(
    lake: Lake, contract: Contract, rule: Rule, run_id: str, batch_ids: Sequence[str], condition: str | None
) -> str:
    key = contract.key[0]
    batches = ", ".join(f"'{batch_id}'" for batch_id in batch_ids)
    more = f"\n  AND ({condition})" if condition else ""
    return f"""SELECT silver.*
FROM "{lake.database("silver")}"."{contract.table}" AS silver
WHERE silver.batch_id IN ({batches})
  AND silver.{key} IN (
    SELECT noted
    FROM "{lake.database("quality")}"."rule_result"
    CROSS JOIN UNNEST(sample_keys) AS t (noted)
    WHERE run_id = '{run_id}' AND table_name = '{contract.table}' AND rule_id = '{rule.id}'
  ){more}
ORDER BY silver.{key}
LIMIT {MOST_ROWS}"""


_WORDS = frozenset(
    re.findall(
        r"\w+",
        "and or not is null in between like case when then else end true false lower upper length trim "
        "coalesce "
        "month day year regexp_like regexp_replace date_diff cast as date timestamp",
    )
)
"""Keywords and functions with the same meaning in Spark SQL and Athena."""

_TEXT = re.compile(r"'(?:[^']|'')*'")


def row_condition(contract: Contract, rule: Rule) -> str | None:
    """Return the rule's condition in Athena SQL; None if it needs more than the silver columns of a row."""
    if rule.among:
        return None
    parts = [f"({_translated(text)})" for text in (rule.applies, rule.fails) if text]
    condition = " AND ".join(parts)
    known = _WORDS | {column.name for column in contract.columns}
    left = set(re.findall(r"[A-Za-z_]\w*", _TEXT.sub("''", condition).lower())) - known
    return None if left or "->" in condition or "." in _TEXT.sub("", condition) else condition


def _translated(spark: str) -> str:
    """Translate a condition from Spark SQL to Athena SQL; `raw.x` becomes `x`, its column in silver."""
    same = re.sub(r"\braw\.(\w+) is (not )?null", r"\1 is \2null", spark)
    same = re.sub(r"(\w+|regexp_replace\([^()]*\)) rlike ('(?:[^']|'')*')", r"regexp_like(\1, \2)", same)
    same = re.sub(
        r"\btimestampdiff\((HOUR|SECOND), ", lambda found: f"date_diff('{found[1].lower()}', ", same
    )
    return same.replace("\\\\", "\\")


def columns_of(contract: Contract, rule: Rule) -> list[str]:
    """Return the columns that a row rule checks, in the order of the contract."""
    words = set(re.findall(r"[A-Za-z_]\w*", _TEXT.sub("''", f"{rule.fails or ''} {' '.join(rule.among)}")))
    return [column.name for column in contract.data_columns if column.name in words]
