"""hdp sql."""

from __future__ import annotations

import click

from portal.athena import sql_queries
from portal.audit import service as audit_log
from portal.cli.output import emit_json, emit_table, json_option
from portal.cli.session import Session


@click.command("sql")
@click.argument("statement")
@json_option
@click.pass_obj
def sql_command(session: Session, statement: str, as_json: bool) -> None:
    """Run a read-only SQL statement on the published release; SHOW TABLES lists its tables.

    The audit log records that the rows of the result were exported.
    """
    context = session.context
    result = sql_queries.run(context, statement)
    target = {"query": result.query_id, "release": str(result.release_id)}
    audit_log.record(context, "export_rows", target)
    rows = result.frame.astype(object).where(result.frame.notna(), None).to_dict("records")
    if result.note:
        click.echo(f"Note: {result.note}.", err=True)
    if as_json:
        emit_json(rows)
        return
    emit_table(rows, empty="No rows.")
    click.echo(
        f"{len(rows)} rows, {result.scanned:,} bytes scanned, {result.seconds:.1f} s, release "
        f"{result.release_id}",
        err=True,
    )


COMMANDS = (sql_command,)
