"""hdp generate, import, batches, validate-parquet."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import click

from pipeline.generator import Options
from pipeline.generator.defects import KINDS
from pipeline.generator.write import FORMATS, Progress, generate
from pipeline.sources.csv_reader import ENCODINGS
from portal.commands.output import emit_json, emit_table, json_option
from portal.commands.session import Session
from portal.services import batches, extracts, samples
from portal.services.batches import Batch

_DEFAULT = Options()


@click.command("generate")
@click.option("--patients", default=_DEFAULT.patients, show_default=True, help="How many patients.")
@click.option("--seed", default=_DEFAULT.seed, show_default=True, help="The same seed gives the same rows.")
@click.option(
    "--from", "start", default=str(_DEFAULT.start), show_default=True, help="First day of the period."
)
@click.option("--to", "end", default=str(_DEFAULT.end), show_default=True, help="Last day of the period.")
@click.option("--locale", default=_DEFAULT.locale, show_default=True, help="Faker locale of the names.")
@click.option("--defect-rate", default=0.0, show_default=True, help="Share of rows to damage, 0 to 0.5.")
@click.option(
    "--defects", default="", help=f"Kinds of damage, by commas: {', '.join(k.name for k in KINDS)}."
)
@click.option("--out", type=click.Path(path_type=Path), help="Write files here instead of importing a batch.")
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), default="csv", show_default=True, help="With --out."
)
@click.option("--parts", default=1, show_default=True, help="With --out: files a table.")
@click.option("--processes", default=1, show_default=True, help="With --out: how many processes.")
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
    """Make sample data: a new batch in the lake, or files with --out."""
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


@click.command("import")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--format", "format_", default="auto", show_default=True, help="auto, native or synthea.")
@click.option(
    "--encoding",
    type=click.Choice(tuple(ENCODINGS)),
    default="utf-8",
    show_default=True,
    help="How to read files that are not UTF-8.",
)
@json_option
@click.pass_obj
def import_command(session: Session, folder: Path, format_: str, encoding: str, as_json: bool) -> None:
    """Import an extract (a directory of CSV files) as a batch; list what each file is."""
    batch = batches.import_folder(
        session.aws, folder, format=format_, encoding=encoding, uploader=_user(session)
    )
    for line in extracts.in_words(batch.files):
        click.echo(line, err=True)
    if not batch.is_new:
        click.echo(
            f"This very extract is in the lake already, as batch {batch.batch_id}: nothing was changed.",
            err=True,
        )
    for table, entry in batch.tables.items():
        if entry["ignored_columns"]:
            click.echo(f"{table}: ignored {', '.join(entry['ignored_columns'])}", err=True)
    files = {"files": batch.files} if as_json else {}
    _answer(as_json, {**_summary(batch), **files})


@click.command("batches")
@json_option
@click.pass_obj
def batches_command(session: Session, as_json: bool) -> None:
    """The batches in the lake, newest first."""
    found = [_summary(batch) for batch in batches.list_batches(session.aws)]
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
        raise click.BadParameter(f"'{text}' is no day: write it as 2024-03-09.") from None


def _user(session: Session) -> str:
    return session.aws.settings.user


COMMANDS = (generate_command, import_command, batches_command, validate_command)
