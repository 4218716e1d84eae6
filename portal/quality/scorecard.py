"""Pass rates of rules by table and category, and results evaluated with other thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.contracts.model import Rule, all_contracts

if TYPE_CHECKING:
    import pandas as pd  # takes a second to import, so functions that need it import it


def scorecard(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the share of applicable rules that passed (0 to 1), by table and category."""
    applicable = frame[frame["status"] != "not_applicable"]
    passed = applicable["status"].isin(["pass", "pass_with_failures"])
    kind = applicable["category"].str.split(":").str[0]
    return (
        passed.groupby([applicable["table_name"], kind])
        .mean()
        .unstack()
        .rename_axis(index=None, columns=None)
    )


def rescored(frame: pd.DataFrame) -> pd.DataFrame:
    """Return results evaluated with present thresholds; rule errors and deleted rules keep their outcome."""
    rules = {(c.table, rule.id): rule for c in all_contracts() for rule in c.rules}
    return frame.assign(status=[_again(row, rules) for row in frame.to_dict("records")])


def _again(row: dict[Any, Any], rules: Mapping[tuple[str, str], Rule]) -> str:
    import pandas as pd  # noqa: PLC0415

    rule = rules.get((row["table_name"], row["rule_id"]))
    if rule is None or row["status"] == "error":
        return str(row["status"])
    return rule.outcome(row["failed"], None if pd.isna(row["rate"]) else row["rate"])


def trend(past: pd.DataFrame, run_ids: Sequence[str]) -> pd.DataFrame:
    """Return the pass rate of applicable rules (0 to 1), by table and category (rows) and run (columns)."""
    applicable = past[past["status"] != "not_applicable"]
    passed = applicable["status"].isin(["pass", "pass_with_failures"])
    kind = applicable["category"].str.split(":").str[0]
    card = passed.groupby([applicable["table_name"], kind, applicable["run_id"]]).mean().unstack("run_id")
    return card.reindex(columns=list(run_ids)).rename_axis(index=["table", "kind"], columns=None)
