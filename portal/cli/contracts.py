"""hdp contracts check, hdp contracts render."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from types import ModuleType

import click

from pipeline import compiled
from pipeline.contracts.athena_ddl import render as render_sql
from pipeline.stepfunctions.render import template

PACKAGE = Path(str(files("pipeline")))
COMPILED = PACKAGE / "compiled.json"


@click.group("contracts")
def contracts_group() -> None:
    """Check the contracts and render the files that are derived from them."""


@contracts_group.command("check")
def check_command() -> None:
    """Check the contract files."""
    _source()
    from pipeline.contracts import lint  # noqa: PLC0415

    problems = lint.check()
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        raise click.exceptions.Exit(1)
    contracts = [contract for _, contract in lint.declared()]
    rules = sum(len(contract.rules) for contract in contracts)
    click.echo(f"{len(contracts)} contracts with {rules} rules are valid.")


@contracts_group.command("render")
@click.option("--check", "only_check", is_flag=True, help="Write nothing; fail if a file is out of date.")
def render_command(only_check: bool) -> None:
    """Write compiled.json, the Athena reference SQL and the template of the state machine."""
    # compiled.json first, because the other files are derived from it
    stale = _stale({COMPILED: compiled.render(_source().documents())}, only_check)
    stale += _stale(derived(), only_check)
    if only_check:
        for path in stale:
            click.echo(f"{path} is out of date. Run 'hdp contracts render'.", err=True)
        if stale:
            raise click.exceptions.Exit(1)


def _stale(wanted: dict[Path, str], only_check: bool) -> list[Path]:
    """Return the paths in `wanted` that have no file or another text; write the files unless `only_check`."""
    stale = [path for path, text in wanted.items() if not path.is_file() or path.read_text() != text]
    for path in [] if only_check else stale:
        path.write_text(wanted[path])
        click.echo(f"wrote {path}")
    return stale


def derived() -> dict[Path, str]:
    """Return the content of every file that is generated from compiled.json, by path."""
    from portal.dashboards.catalog import reference_sql  # noqa: PLC0415  # charts read compiled.json on import

    sql = {PACKAGE / "athena" / "reference" / name: text for name, text in render_sql().items()}
    measures = {PACKAGE / "athena" / "reference" / "measures.sql": reference_sql()}
    return {**sql, **measures, PACKAGE / "stepfunctions" / "state_machine_def.template.json": template()}


def _source() -> ModuleType:
    """Return the module that reads the YAML files; raise `ClickException` if this installation has none."""
    if not (PACKAGE / "jobs.yaml").is_file():
        raise click.ClickException(
            "This installation has no contract files. Run 'hdp contracts' in a checkout of the project."
        )
    from pipeline.contracts import source  # noqa: PLC0415  # an installed portal has no PyYAML

    return source


COMMANDS = (contracts_group,)
