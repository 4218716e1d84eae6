"""hdp batches generate, in a separate module because the generator takes a second to import."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import click

from pipeline.data_generator import Options, extracts
from pipeline.data_generator.defects.kinds import KINDS
from pipeline.data_generator.writer import FORMATS, Progress, generate
from portal.batches import samples
from portal.cli.batches import emit_document, summary, user
from portal.cli.output import json_option
from portal.cli.session import Session

_DEFAULT = Options()


@click.command("generate")
@click.option("--patients", default=_DEFAULT.patients, show_default=True, help="Number of patients.")
@click.option("--seed", default=_DEFAULT.seed, show_default=True, help="The same seed gives the same rows.")
@click.option(
    "--from", "start", default=str(_DEFAULT.start), show_default=True, help="First date of the period."
)
@click.option("--to", "end", default=str(_DEFAULT.end), show_default=True, help="Last date of the period.")
@click.option("--locale", default=_DEFAULT.locale, show_default=True, help="Faker locale of the names.")
@click.option(
    "--time-zone",
    default=_DEFAULT.time_zone,
    show_default=True,
    help="Time zone of the hospital; timestamps in the files are UTC.",
)
@click.option(
    "--defect-rate", default=0.0, show_default=True, help="Share of rows with a seeded defect, 0 to 0.5."
)
@click.option(
    "--defects",
    default="",
    help=f"Kinds of defects, separated by commas: {', '.join(k.name for k in KINDS)}.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Write files to this directory instead of importing a batch.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(extracts.NAMES),
    default=extracts.NATIVE,
    show_default=True,
    help="System whose extract is generated; its native rows, the ground truth, are in _truth with --out.",
)
@click.option(
    "--file-type",
    type=click.Choice(FORMATS),
    default="csv",
    show_default=True,
    help="With --out and the native format: type of the files.",
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
    time_zone: str,
    defect_rate: float,
    defects: str,
    out: Path | None,
    format_: str,
    file_type: str,
    parts: int,
    processes: int,
    as_json: bool,
) -> None:
    """Generate sample data as a new batch or, with --out, as files."""
    kinds = tuple(name.strip() for name in defects.split(",") if name.strip())
    options = Options(
        patients, seed, _parse_date(start), _parse_date(end), locale, defect_rate, kinds, time_zone
    ).checked()
    extracts.check(format_, patients, defect_rate)
    if out:
        if format_ != extracts.NATIVE and (file_type, parts) != ("csv", 1):
            raise click.BadParameter("--file-type and --parts apply to --format native only.")
        written = generate(
            options, out, format=file_type, parts=parts, processes=processes, progress=_show_progress
        )
        extracts.convert(out, format_, time_zone)
        emit_document(
            as_json,
            {
                "folder": str(written.folder),
                "rows": written.rows,
                "bytes": written.bytes,
                "defects": written.defects,
            },
        )
        return
    sample = samples.create(
        session.context, options, uploader=user(session), format=format_, progress=_show_progress
    )
    emit_document(as_json, {**summary(sample.batch), "defects": sample.written.defects})


def _show_progress(progress: Progress) -> None:
    """Print the progress of a sample of more than eight blocks, every eight blocks, to standard error."""
    if progress.blocks > 8 and progress.blocks_done % 8 == 0:
        rows = sum(progress.rows.values())
        click.echo(
            f"  {rows:,} rows, {progress.rate:,.0f} rows/s, {progress.seconds_left:.0f} s left", err=True
        )


def _parse_date(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007
    except ValueError:
        raise click.BadParameter(
            f"'{text}' is not a date. Write it as YYYY-MM-DD, for example 2024-03-09."
        ) from None


COMMANDS = (generate_command,)
