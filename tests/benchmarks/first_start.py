"""`hdp up` on an empty lake: time until the portal is open and a release published, and memory."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.figures import Figure, Size, megabytes, scratch_folder, seconds

LIBRARIES = "import streamlit.web.cli, boto3, duckdb, pyspark.sql, moto.server"
HDP = Path(sys.executable).with_name("hdp")
MINUTES = 10


def start(size: Size) -> Iterator[Figure]:
    peer = seconds(lambda: subprocess.run([sys.executable, "-c", LIBRARIES], check=True), size.times)
    name = "Python importing Streamlit, boto3, DuckDB, PySpark and moto"
    with scratch_folder() as folder, _bare() as bare, _up(folder, size) as (port, process):
        began = time.perf_counter()
        _until(lambda: _answers(port), process)
        yield Figure("hdp up → portal open", time.perf_counter() - began, "s", name, peer)
        published = folder / "state" / "s3" / "hdp-quality" / "releases" / "current.json"
        if size.first_sample:
            _until(published.exists, process)
            yield Figure("hdp up → first release published", time.perf_counter() - began, "s", name, peer)
        time.sleep(size.rest)
        yield Figure(
            f"memory of all processes {size.rest:.0f} s later (PSS)", megabytes(process.pid), "MB",
            "one Python with the same libraries", megabytes(bare),
        )  # fmt: skip


@contextmanager
def _up(folder: Path, size: Size) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    with _command(folder / "state", [] if size.first_sample else ["--no-sample"]) as started:
        yield started


@contextmanager
def opened(state: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Yield the port and the process of a portal on a state folder, once it answers."""
    with _command(state, ["--no-sample"]) as (port, process):
        _until(lambda: _answers(port), process)
        yield port, process


@contextmanager
def _command(state: Path, options: list[str]) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(HDP), "--state", str(state), "up", "--no-browser", "--port", str(port), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield port, process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


@contextmanager
def _bare() -> Iterator[int]:
    """A Python process that has imported the libraries and waits."""
    program = f"{LIBRARIES}\nprint('ready', flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        yield process.pid
        process.communicate(b"\n")


def _answers(port: int) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
            return True
    except OSError:
        return False


def _until(reached: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60 * MINUTES
    while not reached():
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"hdp up did not get there: exit code {process.poll()}")
        time.sleep(0.02)
