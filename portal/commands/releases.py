"""hdp releases, publish, rollback."""

from __future__ import annotations

import click

from portal.commands.output import emit_json, emit_table, json_option
from portal.commands.session import Session
from portal.services import releases


@click.command("releases")
@json_option
@click.pass_obj
def releases_command(session: Session, as_json: bool) -> None:
    """The releases, newest first."""
    aws = session.aws
    current = releases.current(aws)
    rows = [
        {
            "release_id": release.release_id,
            "created_at": release.created_at,
            "decision": release.decision,
            "published": current is not None and current.release_id == release.release_id,
            "batches": len(release.batch_ids),
            "rows": sum(release.tables.values()),
        }
        for release in releases.list_releases(aws)
    ]
    if as_json:
        emit_json(rows)
    else:
        emit_table(rows, empty="No release yet: 'hdp run' makes one.")


@click.command("publish")
@click.argument("release_id")
@click.option("--reason", default="published by hand", show_default=True)
@click.pass_obj
def publish_command(session: Session, release_id: str, reason: str) -> None:
    """Make a release the one that readers see."""
    published = releases.publish(session.aws, release_id, reason=reason)
    click.echo(f"Published {published.release_id}")


@click.command("rollback")
@click.option("--reason", default="rolled back by hand", show_default=True)
@click.pass_obj
def rollback_command(session: Session, reason: str) -> None:
    """Publish the release that was published before."""
    published = releases.rollback(session.aws, reason=reason)
    click.echo(f"Published {published.release_id} again")


COMMANDS = (releases_command, publish_command, rollback_command)
