"""hdp parquet validate."""

from __future__ import annotations

from pathlib import Path

import click

from portal.cli.output import emit_json, emit_table, json_option
from portal.core.errors import ServiceError


@click.group("parquet")
def parquet_group() -> None:
    """Check Parquet files."""


@parquet_group.command("validate")
@click.argument("path", type=click.Path(path_type=Path))
@json_option
def validate_command(path: Path, as_json: bool) -> None:
    """Check Parquet files against the contract of the table that their path names."""
    from pipeline.validate_parquet import validate  # noqa: PLC0415

    if not path.exists():
        raise ServiceError(
            f"'{path}' does not exist. Pass a Parquet file, or a directory that contains some."
        )
    findings = validate(path)
    if not findings:
        raise ServiceError(
            f"'{path}' contains no Parquet file. Pass a Parquet file, or a directory that contains some."
        )
    if as_json:
        emit_json(findings)
    else:
        emit_table(findings)
    if any(finding["problems"] for finding in findings):
        raise click.exceptions.Exit(1)


COMMANDS = (parquet_group,)
