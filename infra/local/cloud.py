"""A laptop cloud on a state folder: find the one that runs, or start one.

Everybody who uses a cloud holds a lease (a shared lock on a file, which the kernel takes back from a process
that dies); the cloud ends by itself when the last lease has gone.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from infra.local.engine import ENGINES
from infra.local.environment import clean, environment

START_SECONDS = 90


class CloudError(Exception):
    """The laptop cloud cannot be had; the text says why and where its log is."""


class Cloud:
    """A lease on the laptop cloud of `state`; as a context manager, for the block's duration."""

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
        self._engine = engine or os.environ.get("HDP_ENGINE") or ENGINES[0]
        if self._engine not in ENGINES:
            raise CloudError(
                f"'{self._engine}' is not an engine: set HDP_ENGINE or --engine to {' or '.join(ENGINES)}."
            )
        self._lease: IO[str] | None = None

    def start(self) -> Cloud:
        (self.state / "cloud").mkdir(parents=True, exist_ok=True)
        self._lease = (self.state / "cloud" / "lease").open("a")
        fcntl.flock(self._lease, fcntl.LOCK_SH)
        found = self._running()
        if found is None:
            found = self._launch()
        elif self._port and found["port"] != self._port:
            self.stop()
            raise CloudError(
                f"The laptop cloud of {self.state} runs on port {found['port']}, not {self._port}: stop it first."
            )
        self.endpoint, self.pid, self.prefix = found["endpoint"], found["pid"], found["prefix"]
        return self

    def stop(self) -> None:
        """Give the lease back; the cloud ends where it was the last one."""
        if self._lease:
            self._lease.close()
            self._lease = None

    def environment(self) -> dict[str, str]:
        return environment(self.endpoint, self.prefix)

    def __enter__(self) -> Cloud:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _running(self) -> dict[str, Any] | None:
        try:
            document = dict(json.loads((self.state / "cloud.json").read_text()))
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(f"{document['endpoint']}/moto-api/", timeout=10):
                return document
        except (OSError, ValueError):
            return None

    def _launch(self) -> dict[str, Any]:
        log = self.state / "cloud" / "logs" / "cloud.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "infra.local.server", "--state", str(self.state)]
        command += ["--port", str(self._port), "--prefix", self.prefix, "--engine", self._engine]
        if self._workers:
            command += ["--workers", str(self._workers)]
        with contextlib.suppress(FileNotFoundError):
            (self.state / "cloud.json").unlink()
        repository = str(Path(__file__).parents[2])
        surroundings = {
            **clean(),
            "PYTHONPATH": os.pathsep.join([repository, os.environ.get("PYTHONPATH", "")]),
        }
        with log.open("w") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=surroundings,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if found := self._running():
                return found
            if process.poll() is not None:
                raise CloudError(f"The laptop cloud did not start: {_last_line(log)} Its log is {log}.")
            time.sleep(0.05)
        process.kill()
        raise CloudError(f"The laptop cloud was not ready after {START_SECONDS} s. Its log is {log}.")


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    if any("Address already in use" in line for line in lines):
        return "its port is taken; name another with --port."
    return lines[-1] if lines else "it gave no reason."
