"""hdp audit list: the events of the audit log."""

from __future__ import annotations

from datetime import datetime

import click

from portal.audit import report
from portal.audit import service as audit_log
from portal.audit.events import ACTIONS
from portal.audit.service import Search
from portal.cli.output import emit_json, emit_table, json_option
from portal.cli.session import Session

_DATE = click.DateTime(["%Y-%m-%d"])


@click.group("audit")
def audit_group() -> None:
    """Read the audit log as a privacy officer.

    On a laptop HDP_ROLE=privacy_officer gives that role. On AWS the caller's IAM role must have the words
    privacy and officer in its name.
    """


@audit_group.command("list")
@click.option("--person", default="", help="Part of a name or sign-in ID.")
@click.option("--patient", default="", help="Pseudonym of a patient.")
@click.option("--action", "actions", multiple=True, type=click.Choice(ACTIONS), help="Action (repeatable).")
@click.option("--since", type=_DATE, help="First day, UTC. Default: 29 days before today.")
@click.option("--until", type=_DATE, help="Last day, UTC. Default: today.")
@json_option
@click.pass_obj
def list_command(
    session: Session,
    person: str,
    patient: str,
    actions: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    as_json: bool,
) -> None:
    """List the events of a period, newest first."""
    default = Search.last_days(30)
    first = since.date() if since else default.since
    last = until.date() if until else default.until
    found = audit_log.search(session.context, Search(first, last, actions, person, patient))
    if as_json:
        emit_json(found)
    else:
        emit_table(map(report.row, found), empty=f"No event from {first} to {last} matches.")


COMMANDS = (audit_group,)
