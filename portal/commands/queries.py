"""hdp query, hdp quality."""

from __future__ import annotations

import click
import pandas as pd

from portal.commands.output import emit_json, emit_table, json_option
from portal.commands.session import Session
from portal.services import quality, releases, runs, sql_queries
from portal.services.aws import Aws, ServiceError


@click.command("query")
@click.argument("sql")
@json_option
@click.pass_obj
def query_command(session: Session, sql: str, as_json: bool) -> None:
    """Ask Athena of the published release; SHOW TABLES tells what may be asked."""
    answer = sql_queries.ask(session.aws, sql)
    rows = answer.frame.astype(object).where(answer.frame.notna(), None).to_dict("records")
    if answer.note:
        click.echo(f"Of this answer: {answer.note}.", err=True)
    if as_json:
        emit_json(rows)
        return
    emit_table(rows, empty="No rows.")
    click.echo(
        f"{len(rows)} rows, {answer.scanned:,} bytes scanned, {answer.seconds:.1f} s, release {answer.release_id}",
        err=True,
    )


@click.command("quality")
@click.argument("run_id", required=False)
@click.option("--all", "everything", is_flag=True, help="Also the rules that passed.")
@click.option(
    "--today", is_flag=True, help="Judge the stored measures by the limits that the contracts have today."
)
@json_option
@click.pass_obj
def quality_command(
    session: Session, run_id: str | None, everything: bool, today: bool, as_json: bool
) -> None:
    """What the rules found in a run (default: the published release's)."""
    aws = session.aws
    if run_id is None:
        published = releases.current(aws)
        if published is None:
            raise ServiceError("Nothing has been published yet: name a run, or start one with 'hdp run'.")
        run_id = published.release_id
    frame = quality.results(aws, run_id)
    frame = frame.assign(change=_since_the_run_before(aws, run_id, frame))
    frame = frame.sort_values(["table_name", "rule_id"])
    if today:
        frame = quality.rescored(frame)
    if not everything:
        frame = frame[~frame["status"].isin(["pass", "not_applicable"])]
    columns = [
        "rule_id",
        "table_name",
        "severity",
        "status",
        "change",
        "failed",
        "checked",
        "rate",
        "threshold",
    ]
    rows = frame[columns].astype(object).where(frame[columns].notna(), None).to_dict("records")
    if as_json:
        emit_json({"run_id": run_id, "audit": quality.audit(aws, run_id), "results": rows})
    else:
        emit_table(rows, empty=f"{run_id}: every rule passed.")
    if any(row["status"] in {"fail", "error"} and row["severity"] in {"error", "block"} for row in rows):
        raise click.exceptions.Exit(1)


def _since_the_run_before(aws: Aws, run_id: str, frame: pd.DataFrame) -> pd.Series:
    """By row the change since the last run that ended well before this one."""
    ended = [run.run_id for run in runs.list_runs(aws, 500) if run.status == "SUCCEEDED"]
    former = quality.former_run(run_id, ended)
    return quality.changes(frame, quality.history(aws, [former] if former else []))


COMMANDS = (query_command, quality_command)
