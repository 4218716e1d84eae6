"""hdp lake backup, restore, verify, purge."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from infra.local.credentials import keep_lake_secret
from portal.cli.output import emit_json, emit_table, json_option
from portal.cli.session import Session
from portal.core.errors import ServiceError
from portal.lake import backup as backups
from portal.lake import purge as purging
from portal.lake import restore as restoring
from portal.lake import verify as verifying
from portal.lake import versions
from portal.lake.backup import SECRET

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group("lake")
def lake_group() -> None:
    """Back up, restore and verify the whole lake; purge a batch or a patient."""


@lake_group.command("backup")
@click.argument("folder", type=_FOLDER)
@click.pass_obj
def backup_command(session: Session, folder: Path) -> None:
    """Copy the lake to a new directory. It contains patient identifiers: protect it as the lake."""
    made = backups.back_up(session.context, folder.resolve())
    click.echo(f"Backed up {len(made.objects):,} objects ({made.bytes / 1e6:,.1f} MB) to {folder}.")


@lake_group.command("restore")
@click.argument("folder", type=_FOLDER, required=False)
@click.option("--at", type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]), help="Time in UTC, on versioned buckets.")
@click.pass_obj
def restore_command(session: Session, folder: Path | None, at: datetime | None) -> None:
    """Restore a backup into an empty lake: hdp --state NEW lake restore DIR.

    On AWS, where buckets keep versions, --at restores the lake to an earlier time instead.
    """
    if (folder is None) == (at is None):
        raise ServiceError(
            "Pass the directory of a backup, or --at with a time such as 2026-11-28T06:00:00Z."
        )
    if at:
        done = versions.restore_at(session.context, at.replace(tzinfo=UTC))
        click.echo(
            f"Restored {done.copied:,} objects of {at:%Y-%m-%d %H:%M:%S} UTC; removed {done.deleted:,}."
        )
    elif folder:
        _restore(session, folder)


def _restore(session: Session, folder: Path) -> None:
    made = restoring.restore(session.context, folder.resolve())
    if session.target == "laptop":
        keep_lake_secret(session.state, (folder / SECRET).read_text())
    click.echo(f"Restored {len(made.objects):,} objects of the backup of {made.created_at}.")


@lake_group.command("verify")
@click.argument("folder", type=_FOLDER, required=False)
@json_option
@click.pass_obj
def verify_command(session: Session, folder: Path | None, as_json: bool) -> None:
    """Verify the lake, or the backup in a directory: hashes, releases, reviews, audit log, row counts."""
    found = verifying.backup(folder) if folder else verifying.lake(session.context)
    if as_json:
        emit_json(found)
    else:
        emit_table([{"verified": kind, "count": count} for kind, count in found.counts.items()])
        click.echo()
        click.echo("\n".join(found.problems) or "No problem found.")
    if found.problems:
        raise click.exceptions.Exit(1)


@lake_group.group("purge")
def purge_group() -> None:
    """Remove a batch, or one patient, from the lake for good: request, approve, run."""


@purge_group.command("request")
@click.option("--batch", "batch_id", default="", help="Id of the batch.")
@click.option("--patient", "is_patient", is_flag=True, help="Ask for a patient's id.")
@click.option("--reason", required=True, help="Why; recorded in the audit log.")
@click.pass_obj
def request_command(session: Session, batch_id: str, is_patient: bool, reason: str) -> None:
    """Request a purge. The id of a patient is asked for, so that it is not in the shell's history."""
    patient_id = _ask_patient() if is_patient else ""
    made = purging.request(session.context, batch_id=batch_id, patient_id=patient_id, reason=reason)
    click.echo(
        f"Requested {made.purge_id}. A privacy officer approves it: hdp lake purge approve {made.purge_id}"
    )


@purge_group.command("approve")
@click.argument("purge_id")
@click.pass_obj
def approve_command(session: Session, purge_id: str) -> None:
    """Approve a purge that another person requested, as a privacy officer."""
    made = purging.approve(session.context, purge_id)
    click.echo(f"Approved {made.purge_id}. An engineer runs it: hdp lake purge run {made.purge_id}")


@purge_group.command("run")
@click.argument("purge_id")
@click.option("--patient", "is_patient", is_flag=True, help="Ask for the patient's id again.")
@click.pass_obj
def run_command(session: Session, purge_id: str, is_patient: bool) -> None:
    """Run an approved purge, rebuild the release, and print the certificate."""
    patient_id = _ask_patient() if is_patient else ""
    emit_json(purging.run(session.context, purge_id, patient_id=patient_id))


@purge_group.command("show")
@click.argument("purge_id")
@click.pass_obj
def show_command(session: Session, purge_id: str) -> None:
    """Print the certificate of a purge."""
    emit_json(purging.certificate(session.context, purge_id))


def _ask_patient() -> str:
    return str(click.prompt("Patient id", hide_input=True, err=True))


COMMANDS = (lake_group,)
