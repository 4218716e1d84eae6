"""The command `hdp`: the portal's services from a terminal.

Exit codes: 0 success; 1 a failed run, rule or check, or an internal error; 2 bad input or an AWS error; 130
interrupted. Errors are printed as a message on standard error, without a traceback.
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from pathlib import Path

import click
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.cloud import Cloud, CloudError
from pipeline.data_generator import BadOptions
from pipeline.releases.model import ReleaseError
from portal.cli.lazy import LazyGroup
from portal.cli.session import Session
from portal.core.errors import ServiceError, explain, explain_disk
from portal.core.settings import SettingsError

NOUNS = (
    "audit", "batches", "cloud", "contracts", "lake", "mappings", "parquet", "quality", "releases", "reviews",
    "roles", "runs", "sql",
)  # fmt: skip
MODULES = {"up": "portal.cli.cloud", **{noun: f"portal.cli.{noun}" for noun in NOUNS}}
"""Module of each command, by the command's name."""


@click.group(cls=LazyGroup, modules=MODULES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="health-data-portal", prog_name="hdp")
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=lambda: Path(os.environ.get("HDP_STATE", ".hdp")),
    help="Directory of the laptop's lake (HDP_STATE, default .hdp).",
)
@click.pass_context
def hdp(context: click.Context, state: Path) -> None:
    """Load hospital extracts into a reviewed star schema, and query it."""
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
    except OSError as error:
        sentence = explain_disk(error)
        fail(sentence or unexpected(error), 2 if sentence else 1)
    except Exception as error:
        fail(unexpected(error), 1)


def unexpected(error: Exception) -> str:
    """Write an error's type and stack, without data, to a file; return a message with the file's path."""
    frames = traceback.extract_tb(error.__traceback__)
    locations = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
    name = type(error).__name__
    try:
        with tempfile.NamedTemporaryFile("w", prefix="hdp-fault-", suffix=".txt", delete=False) as log:
            log.write("\n".join([name, *locations]) + "\n")
    except OSError:  # no room for the file
        return f"Internal error ({name}) at {locations[-1] if locations else 'an unknown place'}."
    return f"Internal error ({name}). Its location in the code is in {log.name}; the file contains no data."


def fail(message: str, code: int) -> None:
    """Write a message to standard error and exit with `code`."""
    click.echo(message, err=True)
    sys.exit(code)
