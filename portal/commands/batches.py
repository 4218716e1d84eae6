"""hdp batches generate, import, list, show, retire, reprocess."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import click

from pipeline.generator import Options
from pipeline.generator.defects import KINDS
from pipeline.generator.write import FORMATS, Progress, generate
from portal.commands.output import emit_json, emit_table, json_option
from portal.commands.runs import follow
from portal.commands.session import Session
from portal.services import batch_life, batches, retirement, samples
from portal.services.aws import ServiceError
from portal.services.batch_life import Life
from portal.services.batches import Batch

_DEFAULT = Options()


@click.group("batches")
def batches_group() -> None:
    """Make, import and manage batches: extracts as received."""


@batches_group.command("generate")
@click.option("--patients", default=_DEFAULT.patients, show_default=True, help="Number of patients.")
@click.option("--seed", default=_DEFAULT.seed, show_default=True, help="The same seed gives the same rows.")
@click.option(
    "--from", "start", default=str(_DEFAULT.start), show_default=True, help="First date of the period."
)
@click.option("--to", "end", default=str(_DEFAULT.end), show_default=True, help="Last date of the period.")
@click.option("--locale", default=_DEFAULT.locale, show_default=True, help="Faker locale of the names.")
@click.option(
    "--defect-rate", default=0.0, show_default=True, help="Share of rows with a seeded defect, 0 to 0.5."
)
@click.option(
    "--defects",
    default="",
    help=f"Kinds of defects, separated by commas: {', '.join(k.name for k in KINDS)}.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write files here instead of importing a batch.")
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), default="csv", show_default=True, help="With --out."
)
@click.option(
    "--parts", default=1, show_default=True, type=click.IntRange(1, 1000), help="With --out: files per table."
)
@click.option(
    "--processes",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="With --out: number of processes.",
)
@json_option
@click.pass_obj
def generate_command(
    session: Session,
    patients: int,
    seed: int,
    start: str,
    end: str,
    locale: str,
    defect_rate: float,
    defects: str,
    out: Path | None,
    format_: str,
    parts: int,
    processes: int,
    as_json: bool,
) -> None:
    """Generate sample data: a new batch, or files with --out."""
    kinds = tuple(name.strip() for name in defects.split(",") if name.strip())
    options = Options(patients, seed, _day(start), _day(end), locale, defect_rate, kinds).checked()
    if out:
        written = generate(options, out, format=format_, parts=parts, processes=processes, progress=_tell)
        _answer(
            as_json,
            {
                "folder": str(written.folder),
                "rows": written.rows,
                "bytes": written.bytes,
                "defects": written.defects,
            },
        )
        return
    sample = samples.create(session.aws, options, uploader=_user(session), progress=_tell)
    _answer(as_json, {**_summary(sample.batch), "defects": sample.written.defects})


@batches_group.command("import")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--format", "format_", default="auto", show_default=True, help="auto, native or synthea.")
@json_option
@click.pass_obj
def import_command(session: Session, folder: Path, format_: str, as_json: bool) -> None:
    """Import an extract (a folder of CSV files) as a batch."""
    batch = batches.import_folder(session.aws, folder, format=format_, uploader=_user(session))
    if not batch.is_new:
        click.echo(
            f"This very extract is in the lake already, as batch {batch.batch_id}: nothing was changed.",
            err=True,
        )
    for table, entry in batch.tables.items():
        if entry["ignored_columns"]:
            click.echo(f"{table}: ignored {', '.join(entry['ignored_columns'])}", err=True)
    _answer(as_json, _summary(batch))


@batches_group.command("list")
@json_option
@click.pass_obj
def list_command(session: Session, as_json: bool) -> None:
    """List the batches, newest first."""
    found = [_listed(life) for life in batch_life.lives(session.aws)]
    if as_json:
        emit_json(found)
    else:
        emit_table(found, empty="No batch yet: 'hdp batches generate' or 'hdp batches import DIR' makes one.")


@batches_group.command("show")
@click.argument("batch_id")
@json_option
@click.pass_obj
def show_command(session: Session, batch_id: str, as_json: bool) -> None:
    """Show a batch: its files, its status and the releases that hold it."""
    life = batch_life.get(session.aws, batch_id)
    if as_json:
        emit_json(
            {
                **_listed(life),
                "tables": life.batch.tables,
                "releases": life.releases,
                "retirement": life.retirement,
            }
        )
        return
    emit_table([_listed(life)])
    click.echo()
    emit_table(
        {"table": table, "file": file["key"].rpartition("/")[2], "rows": file["rows"], "bytes": file["bytes"]}
        for table, entry in life.batch.tables.items()
        for file in entry["files"]
    )
    click.echo(f"\nReleases: {', '.join(life.releases) or 'none'}")
    if gone := life.retirement:
        click.echo(f"Retired by {gone.retired_by} at {gone.retired_at}: {gone.reason}")


@batches_group.command("retire")
@click.argument("batch_id")
@click.option("--reason", required=True, help="Why; kept beside the batch.")
@click.pass_obj
def retire_command(session: Session, batch_id: str, reason: str) -> None:
    """Leave a batch out of the next release; its files stay."""
    retirement.retire(session.aws, batch_id, reason=reason)
    click.echo(f"Retired {batch_id}: the next release leaves it out ('hdp runs start' makes one).")


@batches_group.command("reprocess")
@click.argument("batch_ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every batch that is not retired.")
@json_option
@click.pass_obj
def reprocess_command(session: Session, batch_ids: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Start a run that reads batches from bronze again, and wait for its end on a laptop."""
    aws = session.aws
    if everything and batch_ids:
        raise ServiceError("Name batches or pass --all, not both.")
    run = batch_life.reprocess(aws, None if everything else batch_ids)
    follow(aws, run, session.target == "laptop", as_json)


def _listed(life: Life) -> dict[str, object]:
    return {**_summary(life.batch), "status": life.status, "published": life.is_published}


def _summary(batch: Batch) -> dict[str, object]:
    return {
        "batch_id": batch.batch_id,
        "source": batch.source,
        "received_at": batch.received_at,
        "uploader": batch.uploader,
        **batch.rows,
    }


def _answer(as_json: bool, document: dict[str, object]) -> None:
    if as_json:
        emit_json(document)
    else:
        emit_table([document])


def _tell(progress: Progress) -> None:
    if progress.blocks > 8 and progress.blocks_done % 8 == 0:
        rows = sum(progress.rows.values())
        click.echo(
            f"  {rows:,} rows, {progress.rate:,.0f} a second, {progress.seconds_left:.0f} s left", err=True
        )


def _day(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007
    except ValueError:
        raise click.BadParameter(f"'{text}' is not a date: write it as 2024-03-09.") from None


def _user(session: Session) -> str:
    return session.aws.settings.user


COMMANDS = (batches_group,)
