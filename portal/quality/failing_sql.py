"""Build the Athena query for the rows that fail a rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.contracts.model import Contract, Rule
from pipeline.lake.uris import Lake

MOST_ROWS = 200
MOST_CORRECTIONS = 100_000
"""Maximum number of rows of a correction list."""


@dataclass(frozen=True)
class FailingQuery:
    """SQL for failing rows; `is_exact` is true if it returns only rows that fail.

    A rule that reads other rows or tables cannot be evaluated on silver alone. Its query returns all versions
    of the records that the run stored as failing.
    """

    sql: str
    is_exact: bool


def of_rule(
    lake: Lake,
    contract: Contract,
    rule: Rule,
    run_id: str,
    batch_ids: Sequence[str],
    most: int = MOST_ROWS,
) -> FailingQuery | None:
    """Return the query of a rule for up to `most` rows; None for a rule on whole tables."""
    if rule.is_whole:
        return None
    if is_quarantined(rule):
        return FailingQuery(_quarantined(lake, contract.table, rule.id, run_id, most), True)
    return FailingQuery(_loaded(lake, contract, rule, run_id, batch_ids, most), rule.athena is not None)


def is_quarantined(rule: Rule) -> bool:
    """Return whether rows that fail the rule are in quarantine, as refused rows or as duplicates."""
    return rule.quarantines or rule.fails == "is_repeat"


def _quarantined(lake: Lake, table: str, rule_id: str, run_id: str, most: int) -> str:
    return f"""SELECT record_key, raw, source_file, source_line
FROM "{lake.database("quality")}"."quarantine_{table}"
WHERE run_id = '{run_id}'
  AND contains(rule_ids, '{rule_id}')
ORDER BY record_key
LIMIT {most}"""


def _loaded(
    lake: Lake, contract: Contract, rule: Rule, run_id: str, batch_ids: Sequence[str], most: int
) -> str:
    """Return SQL for the stored failing rows or, if more are wanted and a row suffices to tell, for all."""
    key = contract.key[0]
    batches = ", ".join(f"'{batch_id}'" for batch_id in batch_ids)
    more = f"\n  AND ({rule.athena})" if rule.athena else ""
    if most > MOST_ROWS and rule.athena:
        return f"""SELECT silver.*
FROM "{lake.database("silver")}"."{contract.table}" AS silver
WHERE silver.batch_id IN ({batches}){more}
ORDER BY silver.{key}
LIMIT {most}"""
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
LIMIT {most}"""


def columns_of(contract: Contract, rule: Rule) -> list[str]:
    """Return the columns of the table that a row rule checks, in the order of the contract."""
    read = {name.removeprefix("raw.") for name in rule.reads}
    return [column.name for column in contract.data_columns if column.name in read]
