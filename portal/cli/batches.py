"""hdp batches generate, map, import, receive, list, show, retire, reprocess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from pipeline.sources import FORMATS
from pipeline.sources.csv_layout import ENCODINGS
from portal.batches import incoming, inspection, lifecycle, retirement
from portal.batches import service as batches
from portal.batches.lifecycle import BatchState
from portal.batches.origin import Extract, Origin
from portal.batches.service import Batch
from portal.cli.lazy import LazyGroup
from portal.cli.output import emit_json, emit_table, json_option
from portal.cli.runs import follow
from portal.cli.session import Session
from portal.core.errors import ServiceError


@click.group(
    "batches", cls=LazyGroup, modules={"generate": "portal.cli.generate", "map": "portal.cli.mappings"}
)
def batches_group() -> None:
    """Generate, import and manage batches."""


@batches_group.command("import")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--format", "format_", default="auto", show_default=True, help=f"auto, {', '.join(FORMATS)}.")
@click.option(
    "--encoding",
    type=click.Choice(tuple(ENCODINGS)),
    default="utf-8",
    show_default=True,
    help="Encoding of files that are not UTF-8; by default they are rejected.",
)
@click.option("--facility", help="Hospital of encounters that name none; remembered for your next import.")
@click.option(
    "--time-zone",
    help="IANA time zone of times without an offset, for example America/New_York; remembered.",
)
@click.option(
    "--extract",
    type=click.Choice(("full", "delta")),
    default="delta",
    show_default=True,
    help="full: records of this source and facility that it lacks end in the next release.",
)
@json_option
@click.pass_obj
def import_command(
    session: Session,
    folder: Path,
    format_: str,
    encoding: str,
    facility: str | None,
    time_zone: str | None,
    extract: Extract,
    as_json: bool,
) -> None:
    """Import a directory or ZIP archive of text files as a batch; list how each file was recognized."""
    batch = batches.import_folder(
        session.context,
        folder,
        format=format_,
        encoding=encoding,
        uploader=user(session),
        origin=Origin(facility, time_zone),
        extract=extract,
    )
    click.echo(f"Origin: {Origin(batch.facility, batch.time_zone)}", err=True)
    for line in inspection.describe(batch.files):
        click.echo(line, err=True)
    if not batch.is_new:
        click.echo(
            f"This extract was already imported as batch {batch.batch_id}. Nothing was changed.",
            err=True,
        )
    for table, entry in batch.tables.items():
        if entry["ignored_columns"]:
            click.echo(f"{table}: ignored {', '.join(entry['ignored_columns'])}", err=True)
    files = {"files": batch.files} if as_json else {}
    emit_document(as_json, {**summary(batch), **files})


@batches_group.command("receive")
@click.option(
    "--start-run/--no-start-run", default=True, show_default=True, help="Start a run for each new batch."
)
@json_option
@click.pass_obj
def receive_command(session: Session, start_run: bool, as_json: bool) -> None:
    """Import the complete deliveries of incoming/ as batches; move those that cannot be read to refused/."""
    found = [asdict(each) for each in incoming.receive(session.context, start_runs=start_run)]
    if as_json:
        emit_json(found)
    else:
        emit_table(found, empty="No complete delivery in incoming/.")


@batches_group.command("list")
@json_option
@click.pass_obj
def list_command(session: Session, as_json: bool) -> None:
    """List the batches, newest first."""
    rows = [_listed(state) for state in lifecycle.list_states(session.context)]
    if as_json:
        emit_json(rows)
    else:
        emit_table(
            rows,
            _columns(rows),
            empty="No batches yet. Create one with 'hdp batches generate' or 'hdp batches import DIR'.",
        )


@batches_group.command("show")
@click.argument("batch_id")
@json_option
@click.pass_obj
def show_command(session: Session, batch_id: str, as_json: bool) -> None:
    """Show a batch: its files, its status and the releases that contain it."""
    state = lifecycle.get(session.context, batch_id)
    if as_json:
        emit_json(
            {
                **_listed(state),
                "tables": state.batch.tables,
                "releases": state.releases,
                "retirement": state.retirement,
            }
        )
        return
    emit_table([_listed(state)])
    click.echo()
    emit_table(
        {"table": table, "file": file["key"].rpartition("/")[2], "rows": file["rows"], "bytes": file["bytes"]}
        for table, entry in state.batch.tables.items()
        for file in entry["files"]
    )
    click.echo(f"\nReleases: {', '.join(state.releases) or 'none'}")
    if record := state.retirement:
        click.echo(f"Retired by {record.retired_by} at {record.retired_at}: {record.reason}")


@batches_group.command("retire")
@click.argument("batch_id")
@click.option("--reason", required=True, help="Why the batch is retired; recorded with it.")
@click.pass_obj
def retire_command(session: Session, batch_id: str, reason: str) -> None:
    """Retire a batch: later releases leave it out, and its files stay in bronze."""
    retirement.retire(session.context, batch_id, reason=reason)
    click.echo(f"Retired {batch_id}. The next release leaves it out; 'hdp runs start' builds it.")


@batches_group.command("reprocess")
@click.argument("batch_ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every batch that is not retired.")
@json_option
@click.pass_obj
def reprocess_command(session: Session, batch_ids: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Start a run that reads the batches from bronze again; on a laptop, wait until it ends."""
    context = session.context
    if everything and batch_ids:
        raise ServiceError("Pass batch ids or --all, not both.")
    run = lifecycle.reprocess(context, None if everything else batch_ids)
    follow(context, run, session.target == "laptop", as_json)


def _listed(state: BatchState) -> dict[str, object]:
    return {**summary(state.batch), "status": state.status, "published": state.is_published}


def _columns(listed: Sequence[Mapping[str, object]]) -> list[str]:
    """Return the columns of all listed batches, with status and published last."""
    last = ("status", "published")
    return [*dict.fromkeys(name for row in listed for name in row if name not in last), *last]


def summary(batch: Batch) -> dict[str, object]:
    """Return id, source, time of receipt and uploader of a batch, then its row counts by table."""
    return {
        "batch_id": batch.batch_id,
        "source": batch.source,
        "received_at": batch.received_at,
        "uploader": batch.uploader,
        **{name: value for name in ("facility", "time_zone") if (value := getattr(batch, name))},
        **batch.rows,
    }


def emit_document(as_json: bool, document: dict[str, object]) -> None:
    if as_json:
        emit_json(document)
    else:
        emit_table([document])


def user(session: Session) -> str:
    return session.context.settings.user


COMMANDS = (batches_group,)
