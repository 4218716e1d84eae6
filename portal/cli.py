"""`hdp`: the portal's services from a terminal.

Exit codes: 0 done, 1 the run or a rule failed, 2 bad input (a sentence on standard error, never a traceback).
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from importlib import import_module
from pathlib import Path

import click
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.cloud import Cloud, CloudError
from pipeline.generator import BadOptions
from pipeline.release import ReleaseError
from portal.commands.session import Session
from portal.services.aws import ServiceError, explain
from portal.settings import SettingsError

MODULES = {
    "cloud": ("up", "cloud"),
    "data": ("import", "batches", "validate-parquet"),
    "generate": ("generate",),
    "runs": ("run", "redrive", "runs", "show", "stop"),
    "queries": ("query", "quality"),
    "releases": ("releases", "publish", "rollback"),
    "reviews": ("review",),
    "contracts": ("contracts",),
}
"""By module of `portal.commands` the commands in it; a module is imported when one of its commands is used."""


class Commands(click.Group):
    """The commands of `MODULES`, each imported when it is used: pandas and its like take a second to import."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return sorted(name for names in MODULES.values() for name in names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        module = next((module for module, names in MODULES.items() if cmd_name in names), None)
        if module is None:
            return None
        commands: tuple[click.Command, ...] = import_module(f"portal.commands.{module}").COMMANDS
        return next(command for command in commands if command.name == cmd_name)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=lambda: Path(os.environ.get("HDP_STATE", ".hdp")),
    help="Folder that holds the laptop's lake (HDP_STATE, default .hdp).",
)
@click.pass_context
def hdp(context: click.Context, state: Path) -> None:
    """From raw hospital extracts to a star schema that can be trusted."""
    context.obj = Session(state, os.environ.get("HDP_TARGET", "laptop"), Cloud)
    context.call_on_close(context.obj.close)


def main() -> None:
    try:
        code = hdp.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Abort:
        fail("Stopped.", 130)
    except click.ClickException as error:
        fail(error.format_message(), 2)
    except (ServiceError, CloudError, BadOptions, SettingsError, ReleaseError) as error:
        fail(str(error), 2)
    except (ClientError, BotoCoreError) as error:
        fail(explain(error), 2)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:
        fail(unexpected(error), 1)


def unexpected(error: Exception) -> str:
    """A fault of the program itself as one sentence; where in the code it was is in a file.

    The file names code and nothing else: an error's message, or a line's values, could tell of a patient.
    """
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
    with tempfile.NamedTemporaryFile("w", prefix="hdp-fault-", suffix=".txt", delete=False) as log:
        log.write("\n".join([type(error).__name__, *places]) + "\n")
    return f"hdp met a fault of its own ({type(error).__name__}). Where in its code is in {log.name}; no data is in that file."


def fail(sentence: str, code: int) -> None:
    click.echo(sentence, err=True)
    sys.exit(code)
