"""hdp quality show."""

from __future__ import annotations

from typing import Any

import click
import pandas as pd

from pipeline.rules.outcomes import FOUND
from portal.cli.output import emit_json, emit_table, json_option
from portal.cli.session import Session
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.quality import results as quality
from portal.quality import rule_texts, scorecard
from portal.releases import service as releases
from portal.runs import service as runs

_COLUMNS = [
    "rule_id",
    "table_name",
    "severity",
    "status",
    "change",
    "failed",
    "checked",
    "rate",
    "threshold",
    "detail",
    "finding",
]

_COUNTS = {"change", "failed", "checked", "rate", "detail", "finding"}
"""Columns shown only to users who see exact counts."""


@click.group("quality")
def quality_group() -> None:
    """Show the results of the data-quality rules."""


@quality_group.command("show")
@click.argument("run_id", required=False)
@click.option("--all", "everything", is_flag=True, help="Include the rules that passed.")
@click.option("--today", is_flag=True, help="Apply the current thresholds to the stored measurements.")
@json_option
@click.pass_obj
def show_command(session: Session, run_id: str | None, everything: bool, today: bool, as_json: bool) -> None:
    """List the findings of a run (default: the run of the published release).

    Exit code 1 if a rule of severity error or block failed or could not be evaluated.
    """
    context = session.context
    run_id = _published(context) if run_id is None else run_id
    frame = quality.ended_results(context, run_id)
    frame = frame.assign(change=_changes(context, run_id, frame)).sort_values(["table_name", "rule_id"])
    if today:
        frame = scorecard.rescored(frame)
    if not everything:
        frame = frame[~frame["status"].isin(["pass", "not_applicable"])]
    frame = frame.assign(
        finding=pd.Series(list(map(_finding, frame.to_dict("records"))), frame.index, dtype=object)
    )
    is_exact = releases.sees_exact(context, run_id)
    shown = frame[_COLUMNS if is_exact else [name for name in _COLUMNS if name not in _COUNTS]]
    rows = shown.astype(object).where(shown.notna(), None).to_dict("records")
    if as_json:
        audit = quality.audit(context, run_id) if is_exact else None
        emit_json({"run_id": run_id, "audit": audit, "results": rows})
    else:
        emit_table(rows, empty=f"{run_id} has no findings.")
    if any(row["status"] in {"fail", "error"} and row["severity"] in {"error", "block"} for row in rows):
        raise click.exceptions.Exit(1)


def _finding(row: dict[Any, Any]) -> str | None:
    """Return the finding as a sentence; None if the rule passed or was not applicable."""
    if row["status"] not in FOUND:
        return None
    key = (row["table_name"], row["rule_id"])
    rate = None if pd.isna(row["rate"]) else row["rate"]
    return rule_texts.finding(rule_texts.rules().get(key), key, int(row["failed"]), rate, row["status"])


def _published(context: Context) -> str:
    published = releases.current(context)
    if published is None:
        raise ServiceError(
            "Nothing has been published yet. Pass a run id, or start a run with 'hdp runs start'."
        )
    return published.release_id


def _changes(context: Context, run_id: str, frame: pd.DataFrame) -> pd.Series:
    """Return how each result changed since the previous successful run, as a key of `vocabulary.CHANGES`."""
    succeeded = [run.run_id for run in runs.list_runs(context, 500) if run.status == "SUCCEEDED"]
    previous = quality.previous_run(run_id, succeeded)
    return quality.changes(frame, quality.history(context, [previous] if previous else []))


COMMANDS = (quality_group,)
