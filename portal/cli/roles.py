"""hdp roles list, grant, revoke, deputy: roles and deputies of people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import click

from portal.cli.output import emit_json, emit_table, json_option
from portal.cli.session import Session
from portal.core.auth import Role, label, parse_role
from portal.people import service as people

_DATE = click.DateTime(["%Y-%m-%d"])
_ROLE = click.argument("roles", nargs=-1, required=True, type=click.Choice(get_args(Role)))
_PERSON = click.argument("person")
_REASON = click.option("--reason", required=True, help="Recorded in the audit log.")


@click.group("roles")
def roles_group() -> None:
    """Give people roles and deputies as an administrator.

    PERSON is an e-mail address that the sign-in service has verified, or the subject of its tokens. On a
    laptop HDP_ROLE=administrator gives that role.
    """


@roles_group.command("list")
@json_option
@click.pass_obj
def list_command(session: Session, as_json: bool) -> None:
    """List the people of the roles file."""
    found = people.list_people(session.context)
    if as_json:
        emit_json(found)
        return
    rows = (
        {
            "person": person.person_id,
            "name": person.name,
            "roles": ", ".join(map(label, person.roles)),
            "deputies": "; ".join(f"{each.person} {each.first} to {each.last}" for each in person.deputies),
        }
        for person in found
    )
    empty = "The roles file names nobody. Roles come from the groups of the sign-in service alone."
    emit_table(rows, empty=empty)


@roles_group.command("grant")
@_PERSON
@_ROLE
@click.option("--name", default="", help="Name in signatures of their deputies.")
@_REASON
@click.pass_obj
def grant_command(session: Session, person: str, roles: tuple[str, ...], name: str, reason: str) -> None:
    """Give a person roles in addition to those they have."""
    granted = [parse_role(role) for role in roles]
    found = people.grant(session.context, person, granted, name=name, reason=reason)
    click.echo(f"{found.person_id} has the roles {', '.join(map(label, found.roles))}")


@roles_group.command("revoke")
@_PERSON
@_ROLE
@_REASON
@click.pass_obj
def revoke_command(session: Session, person: str, roles: tuple[str, ...], reason: str) -> None:
    """Take roles from a person."""
    revoked = [parse_role(role) for role in roles]
    people.revoke(session.context, person, revoked, reason=reason)
    click.echo(f"Revoked {', '.join(map(label, revoked))} from {person}")


@roles_group.command("deputy")
@_PERSON
@click.argument("deputy")
@click.option("--from", "first", type=_DATE, help="First day, UTC. Default: today.")
@click.option("--to", "last", type=_DATE, help="Last day, UTC.")
@click.option("--end", "is_end", is_flag=True, help="End the deputyship now.")
@_REASON
@click.pass_obj
def deputy_command(
    session: Session,
    person: str,
    deputy: str,
    first: datetime | None,
    last: datetime | None,
    is_end: bool,
    reason: str,
) -> None:
    """Name a deputy who may review and sign for a clinician while the dates allow it, or end it."""
    if is_end:
        people.end_deputy(session.context, person, deputy, reason=reason)
        click.echo(f"{deputy} is no longer a deputy of {person}")
        return
    if last is None:
        raise click.UsageError("Say with --to until when the person is a deputy, or --end.")
    start = (first or datetime.now(UTC)).date()
    people.name_deputy(session.context, person, deputy, start, last.date(), reason=reason)
    click.echo(f"{deputy} is a deputy of {person} from {start} to {last.date()}")


COMMANDS = (roles_group,)
