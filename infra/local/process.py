"""A child process that answers each JSON line with one JSON line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class ProcessDied(Exception):
    """The process ended before it answered."""

    def __init__(self, returncode: int | None) -> None:
        super().__init__(f"the process ended with code {returncode}")
        self.returncode = returncode


class JsonProcess:
    """Run `script` with this interpreter, but only with the packages on the PYTHONPATH of `environment`."""

    def __init__(self, script: Path, arguments: list[str], environment: Mapping[str, str], log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        to_child, self._writer = os.pipe()
        self._reader, from_child = os.pipe()
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-P", str(script), str(to_child), str(from_child), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(environment),
                pass_fds=(to_child, from_child),
                start_new_session=True,
            )
        os.close(to_child)
        os.close(from_child)
        self._answers = os.fdopen(self._reader, "r", encoding="utf-8")
        self._requests = os.fdopen(self._writer, "w", encoding="utf-8")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send one request and return the answer; raise `ProcessDied` if the process ends without one."""
        try:
            self._requests.write(json.dumps(request) + "\n")
            self._requests.flush()
            line = self._answers.readline()
        except (BrokenPipeError, ValueError):
            line = ""
        if not line:
            raise ProcessDied(self._process.wait())
        return dict(json.loads(line))

    def kill(self) -> None:
        """Kill the process and its children (a Spark worker has a JVM)."""
        try:
            os.killpg(self._process.pid, 9)
        except ProcessLookupError:
            pass
        self._process.wait()
