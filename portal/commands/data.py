"""hdp import, batches, validate-parquet."""

from __future__ import annotations

from pathlib import Path

import click

from portal.commands.output import emit_json, emit_table, json_option
from portal.commands.session import Session
from portal.services import batches
from portal.services.batches import Batch


@click.command("import")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--format", "format_", default="auto", show_default=True, help="auto, native or synthea.")
@json_option
@click.pass_obj
def import_command(session: Session, folder: Path, format_: str, as_json: bool) -> None:
    """Import an extract (a folder of CSV files) as a batch."""
    batch = batches.import_folder(session.aws, folder, format=format_, uploader=user(session))
    if not batch.is_new:
        click.echo(
            f"This very extract is in the lake already, as batch {batch.batch_id}: nothing was changed.",
            err=True,
        )
    for table, entry in batch.tables.items():
        if entry["ignored_columns"]:
            click.echo(f"{table}: ignored {', '.join(entry['ignored_columns'])}", err=True)
    answer(as_json, summary(batch))


@click.command("batches")
@json_option
@click.pass_obj
def batches_command(session: Session, as_json: bool) -> None:
    """The batches in the lake, newest first."""
    found = [summary(batch) for batch in batches.list_batches(session.aws)]
    if as_json:
        emit_json(found)
    else:
        emit_table(found, empty="The lake holds no batch yet: 'hdp generate' or 'hdp import DIR' makes one.")


@click.command("validate-parquet")
@click.argument("path", type=click.Path(path_type=Path))
@json_option
def validate_command(path: Path, as_json: bool) -> None:
    """Check Parquet files against the contract of the table that their path names."""
    from pipeline.validate_parquet import validate  # noqa: PLC0415

    findings = validate(path)
    if as_json:
        emit_json(findings)
    else:
        emit_table(findings, empty=f"'{path}' holds no Parquet file.")
    if not findings or any(f["problems"] for f in findings):
        raise click.exceptions.Exit(1)


def summary(batch: Batch) -> dict[str, object]:
    return {
        "batch_id": batch.batch_id,
        "source": batch.source,
        "received_at": batch.received_at,
        "uploader": batch.uploader,
        **batch.rows,
    }


def answer(as_json: bool, document: dict[str, object]) -> None:
    if as_json:
        emit_json(document)
    else:
        emit_table([document])


def user(session: Session) -> str:
    return session.aws.settings.user


COMMANDS = (import_command, batches_command, validate_command)
