"""hdp contracts check, hdp contracts render."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import click

from pipeline import compiled
from pipeline.contracts import lint
from pipeline.contracts.athena_ddl import render as render_sql
from pipeline.contracts.model import all_contracts
from pipeline.stepfunctions.render import template


@click.group("contracts")
def contracts_group() -> None:
    """Check the contracts and render the files that are derived from them."""


@contracts_group.command("check")
def check_command() -> None:
    """Check the contract files; exit code 1 if one is invalid."""
    problems = lint.check()
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        raise click.exceptions.Exit(1)
    contracts = all_contracts()
    rules = sum(len(contract.rules) for contract in contracts)
    click.echo(f"{len(contracts)} contracts with {rules} rules are valid.")


@contracts_group.command("render")
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit with 1 if a file is outdated.")
def render_command(only_check: bool) -> None:
    """Write the Athena reference SQL, the state machine template and compiled.json."""
    stale = [path for path, text in derived().items() if not path.is_file() or path.read_text() != text]
    if only_check:
        for path in stale:
            click.echo(f"{path} is outdated. Run 'hdp contracts render'.", err=True)
        if stale:
            raise click.exceptions.Exit(1)
        return
    for path in stale:
        path.write_text(derived()[path])
        click.echo(f"wrote {path}")


def derived() -> dict[Path, str]:
    """Return the content of every generated file, by path."""
    package = Path(str(files("pipeline")))
    sql = {package / "athena" / "reference" / name: text for name, text in render_sql().items()}
    machine = package / "stepfunctions" / "state_machine_def.template.json"
    return {**sql, machine: template(), package / "compiled.json": compiled.render()}


COMMANDS = (contracts_group,)
