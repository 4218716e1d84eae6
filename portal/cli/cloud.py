"""hdp up, hdp cloud."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import webbrowser
from importlib.resources import files

import click
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.engine import ENGINES
from pipeline.data_generator import Options
from portal.batches import incoming
from portal.batches import service as batches
from portal.cli.progress import watch_run
from portal.cli.session import Session
from portal.core.auth import User
from portal.core.context import Context
from portal.core.errors import ServiceError, explain
from portal.releases import service as releases
from portal.runs import service as runs

_KEPT_OPEN: dict[int, int] = {}
"""Write end of the pipe to each portal, by port; kept open so that the portal ends with this process."""

_SAMPLE = Options(patients=5000, seed=7)

_RECEIVE_SECONDS = 30

_engine = click.option(
    "--engine",
    type=click.Choice(ENGINES),
    help="Engine for Glue jobs (default: HDP_ENGINE, else sail). sail needs no Java; AWS Glue uses spark.",
)


@click.command()
@click.option(
    "--port", default=8501, show_default=True, type=click.IntRange(1, 65535), help="Port of the web page."
)
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
@click.option("--no-sample", is_flag=True, help="Do not generate sample data or start a first run.")
@_engine
@click.pass_obj
def up(session: Session, port: int, no_browser: bool, no_sample: bool, engine: str | None) -> None:
    """Start the laptop cloud and the portal. An empty lake first gets sample data and a run."""
    if not _is_free(port):
        raise ServiceError(
            f"Port {port} is in use. Stop the process that listens on it, or choose another with --port."
        )
    click.echo("Starting the laptop cloud (S3, Glue, Step Functions, Lambda, Athena on 127.0.0.1) …")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    cloud = session.start(engine=engine, wait=False)
    click.echo(f"  endpoint {cloud.endpoint}, files in {cloud.state}")
    portal = _start_portal(port)
    try:
        _wait_for(portal, port)
        click.echo(f"The portal is at http://127.0.0.1:{port} (Ctrl+C stops everything)")
        if not no_browser:
            webbrowser.open(f"http://127.0.0.1:{port}")
        if not no_sample:
            _first_run(session)
        threading.Thread(target=_receive, args=(session.context,), daemon=True).start()
        portal.wait()
    except KeyboardInterrupt:
        click.echo("\nStopping.")
    finally:
        portal.terminate()
        portal.wait()


@click.command("cloud")
@click.option(
    "--port",
    default=0,
    type=click.IntRange(0, 65535),
    help="Port of the AWS endpoint (default: any free port).",
)
@_engine
@click.pass_obj
def cloud_alone(session: Session, port: int, engine: str | None) -> None:
    """Run the laptop cloud without the portal, until Ctrl+C."""
    cloud = session.start(port, engine=engine)
    click.echo(
        f"The laptop cloud is at {cloud.endpoint}, its files are in {cloud.state}. To use it from a shell:"
    )
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        click.echo(f"  export {name}={cloud.environment()[name]}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        click.echo("\nStopping.")


def _start_portal(port: int) -> subprocess.Popen[bytes]:
    """Start the portal as a child process, which ends when this process ends or is killed."""
    command = [sys.executable, "-m", "streamlit", "run", str(files("portal") / "ui" / "asgi.py")]
    options = {
        "server.port": str(port),
        "server.address": "127.0.0.1",
        "server.headless": "true",
        "browser.gatherUsageStats": "false",
    }
    for name, value in options.items():
        command += [f"--{name}", value]
    parent, _KEPT_OPEN[port] = os.pipe()
    environment = {"HDP_ROLE_CHOICE": "true", "HDP_REGION_NAME": "laptop", "HDP_STOP_WITH": str(parent)}
    portal = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        cwd=str(files("portal")),
        stdout=subprocess.DEVNULL,
        pass_fds=(parent,),
    )
    os.close(parent)
    return portal


def _wait_for(portal: subprocess.Popen[bytes], port: int) -> None:
    """Wait until the portal answers its health check.

    Raise `ServiceError` if the portal exits first or is not ready after about a minute.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(1200):
        if portal.poll() is not None:
            raise ServiceError(f"The portal exited with code {portal.returncode} before it was ready.")
        try:
            with opener.open(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
                return
        except OSError:
            time.sleep(0.05)
    raise ServiceError("The portal was not ready after a minute.")


def _first_run(session: Session) -> None:
    """Run the pipeline, on generated sample data if there are no batches, and wait until the run ends.

    Do nothing if a release is published or a run is running.
    """
    from portal.batches import samples  # noqa: PLC0415  (the portal starts before the generator is imported)

    context = session.context
    if releases.current(context) or runs.running(context):
        return
    if not batches.synthetic(context):
        click.echo(f"The lake is empty. Generating sample data for {_SAMPLE.patients:,} patients …")
        batch = samples.create(context, _SAMPLE, uploader="first run").batch
        click.echo(f"  batch {batch.batch_id}: {', '.join(f'{n:,} {t}' for t, n in batch.rows.items())}")
    run = runs.start(context)
    click.echo(f"Starting the first run, {run.run_id}: bronze → silver → gold, audit, publish")
    ended = watch_run(context, run.run_id)
    click.echo(f"  {ended.status.lower()} after {ended.seconds:.0f} s")


def _receive(context: Context) -> None:
    """Import the complete deliveries of incoming/ every `_RECEIVE_SECONDS`; print errors and continue."""
    receiver = context.on_behalf_of(User("incoming", "engineer"))
    while True:
        try:
            incoming.receive(receiver)
        except (ServiceError, BotoCoreError, ClientError) as error:
            click.echo(f"Could not import from incoming/: {explain(error)}", err=True)
        time.sleep(_RECEIVE_SECONDS)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


COMMANDS = (up, cloud_alone)
