"""hdp releases list, publish, rollback."""

from __future__ import annotations

import click

from portal.cli.output import emit_json, emit_table, json_option
from portal.cli.session import Session
from portal.releases import service as releases


@click.group("releases")
def releases_group() -> None:
    """List, publish and roll back releases."""


@releases_group.command("list")
@json_option
@click.pass_obj
def list_command(session: Session, as_json: bool) -> None:
    """List the releases, newest first."""
    context = session.context
    current = releases.current(context)
    rows = [
        {
            "release_id": release.release_id,
            "created_at": release.created_at,
            "decision": release.decision,
            "published": current is not None and current.release_id == release.release_id,
            "batches": len(release.batch_ids),
            "rows": sum(release.tables.values()),
        }
        for release in releases.list_releases(context)
    ]
    if as_json:
        emit_json(rows)
    else:
        emit_table(rows, empty="No releases yet. Build one with 'hdp runs start'.")


@releases_group.command("publish")
@click.argument("release_id")
@click.option("--reason", default="manual publish", show_default=True, help="Recorded with the release.")
@click.pass_obj
def publish_command(session: Session, release_id: str, reason: str) -> None:
    """Publish a release that the audit passed or a clinician approved."""
    published = releases.publish(session.context, release_id, reason=reason)
    click.echo(f"Published {published.release_id}")


@releases_group.command("rollback")
@click.option("--reason", default="rolled back by hand", show_default=True, help="Recorded with the release.")
@click.pass_obj
def rollback_command(session: Session, reason: str) -> None:
    """Publish the previous release again."""
    published = releases.rollback(session.context, reason=reason)
    click.echo(f"Rolled back to {published.release_id}")


COMMANDS = (releases_group,)
