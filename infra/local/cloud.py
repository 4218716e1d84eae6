"""Start a laptop cloud on a state directory, or connect to the running one.

Every process that uses a cloud holds a lease: a shared lock on a file, which the kernel releases when the
process ends. The cloud stops when the last lease ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from infra.local import credentials, engine, state_folder
from infra.local.context import REGION
from infra.local.credentials import private
from infra.local.engine import ENGINES
from infra.local.environment import clean, environment
from infra.local.state_folder import StateError
from pipeline.lake.room import FULL, no_space

START_SECONDS = 90

_EXTRAS = {"sail": "local", "spark": "spark"}
"""The extra (`pip install .[extra]`) that installs each engine."""


class CloudError(Exception):
    """The laptop cloud cannot be used; the message gives the reason, and the log file of a failed start."""


class Cloud:
    """A lease on the laptop cloud of the directory `state`, taken by `start` or as a context manager."""

    def __init__(
        self,
        state: Path,
        port: int = 0,
        prefix: str = "hdp",
        workers: int | None = None,
        engine: str | None = None,
    ) -> None:
        self.state = state.resolve()
        self.prefix = prefix
        self.endpoint = ""
        self.pid = 0
        self._port = port
        self._workers = workers
        self._engine = engine or os.environ.get("HDP_ENGINE")
        if self._engine and self._engine not in ENGINES:
            raise CloudError(
                f"'{self._engine}' is not an engine. Set HDP_ENGINE or --engine to {' or '.join(ENGINES)}."
            )
        self._lease: IO[str] | None = None

    def start(self, *, wait: bool = True) -> Cloud:
        """Take a lease, and start the cloud if it is not running.

        Without `wait`, return when the cloud has announced its endpoint; requests block until it is ready.
        Raise `CloudError` if the start fails, or if a cloud runs with another port or engine than requested.
        """
        try:
            state_folder.make(self.state)
            self._lease = self._open("lease")
            fcntl.flock(self._lease, fcntl.LOCK_SH)
            with self._starting():
                found = self._running() or self._launch(wait)
            self._check_options(found)
        except (OSError, StateError) as error:
            self.stop()
            raise CloudError(self._unusable(error)) from None
        except BaseException:
            self.stop()
            raise
        self.endpoint, self.pid, self.prefix = found["endpoint"], found["pid"], found["prefix"]
        return self

    def _unusable(self, error: OSError | StateError) -> str:
        """Return why the state directory cannot be used, as one sentence."""
        if isinstance(error, StateError):
            return str(error)
        if error.errno in FULL:
            return no_space(shutil.disk_usage(_existing(self.state)).free, None, str(self.state))
        return (
            f"The state directory {self.state} cannot be used ({error.strerror}). "
            "Check its permissions, or choose another one with --state."
        )

    def _check_options(self, found: dict[str, Any]) -> None:
        """Raise `CloudError` if the running cloud has another port or engine than requested."""
        if self._port and found["port"] != self._port:
            raise CloudError(
                f"The laptop cloud of {self.state} runs on port {found['port']}, not {self._port}: "
                "stop it first."
            )
        if self._engine and found["engine"] != self._engine:
            raise CloudError(
                f"The laptop cloud of {self.state} runs jobs on {found['engine']}, not {self._engine}: "
                "stop it first, with Ctrl+C where 'hdp up' or 'hdp cloud' runs, "
                f"or with 'kill {found['pid']}'."
            )

    def stop(self) -> None:
        """Release the lease; the cloud stops if no other lease is left."""
        if self._lease:
            self._lease.close()
            self._lease = None

    def environment(self) -> dict[str, str]:
        return environment(self.endpoint, self.prefix, self.state)

    def __enter__(self) -> Cloud:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _open(self, name: str) -> IO[str]:
        return open(self.state / "cloud" / name, "a", encoding="utf-8", opener=private)

    @contextlib.contextmanager
    def _starting(self) -> Iterator[None]:
        """Lock the start, so that concurrent commands start only one cloud."""
        with self._open("start.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _running(self) -> dict[str, Any] | None:
        """Return the announcement of the cloud whose health check names this directory, else None."""
        try:
            found = self._announcement()
            health = found and _health(found["endpoint"], credentials.credentials_file(self.state))
        except (OSError, ValueError, KeyError):
            return None
        return found if health == {"state": state_folder.identity(self.state)} else None

    def _announcement(self) -> dict[str, Any] | None:
        """Return the content of cloud.json if the process that it names is alive, else None."""
        try:
            found = dict(json.loads((self.state / "cloud.json").read_text()))
            os.kill(found["pid"], 0)
        except (OSError, ValueError, KeyError):
            return None
        return found

    def _launch(self, wait: bool) -> dict[str, Any]:
        name = self._engine or ENGINES[0]
        if missing := engine.missing(name):
            raise CloudError(
                f"The engine {name} requires {', '.join(missing)}, which is not installed. Install it with: "
                f"pip install '.[{_EXTRAS[name]}]'"
            )
        log = self.state / "cloud" / "logs" / "cloud.log"
        log.parent.mkdir(mode=0o700, exist_ok=True)
        (self.state / "cloud.json").unlink(missing_ok=True)
        with open(log, "w", encoding="utf-8", opener=private) as output:
            process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=_server_environment(),
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if found := self._announcement() if not wait else self._running():
                if found["pid"] != process.pid:  # a server that was not announced for a moment
                    process.kill()
                    process.wait()
                return found
            if process.poll() is not None:
                raise CloudError(f"The laptop cloud did not start: {_last_line(log)} Its log is {log}.")
            time.sleep(0.02)
        process.kill()
        raise CloudError(f"The laptop cloud was not ready after {START_SECONDS} s. Its log is {log}.")

    def _command(self) -> list[str]:
        command = [sys.executable, "-m", "infra.local.server", "--state", str(self.state)]
        command += [
            "--port",
            str(self._port),
            "--prefix",
            self.prefix,
            "--engine",
            self._engine or ENGINES[0],
        ]
        return [*command, "--workers", str(self._workers)] if self._workers else command


def _server_environment() -> dict[str, str]:
    repository = str(Path(__file__).parents[2])
    return {**clean(), "PYTHONPATH": os.pathsep.join([repository, os.environ.get("PYTHONPATH", "")])}


def _existing(path: Path) -> Path:
    """Return the path, or the nearest directory above it that exists."""
    return path if path.exists() else _existing(path.parent)


def _health(endpoint: str, keys: Path) -> Any:
    """Return the cloud's answer to a health check, signed with the laptop's key from the file `keys`."""
    from botocore.auth import SigV4Auth  # noqa: PLC0415
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.credentials import Credentials  # noqa: PLC0415

    key = credentials.read(keys)[credentials.LAPTOP]
    request = AWSRequest("GET", f"{endpoint}/_hdp/health")
    SigV4Auth(Credentials(key.access_key, key.secret), "hdp", REGION).add_auth(request)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    signed = urllib.request.Request(str(request.url), headers=dict(request.headers))  # noqa: S310
    with opener.open(signed, timeout=START_SECONDS) as response:
        return json.load(response)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    if any("Address already in use" in line for line in lines):
        return "its port is in use; choose another with --port."
    return lines[-1] if lines else "it gave no reason."
