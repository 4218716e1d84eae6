"""Worker processes of job scripts: started on demand, stopped when idle for a while."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from infra.local.calls import caller
from infra.local.context import Context
from infra.local.engine import PACKAGES
from infra.local.process import JsonProcess
from infra.local.runtimes import GLUE, site

_SCRIPT = Path(__file__).with_name("job_worker.py")

IDLE_SECONDS = {"sail": 30.0, "spark": 600.0}
"""Seconds after which an idle process ends, by engine; a new start takes 2 s (Sail) or 15 s (Spark)."""


class JobWorker:
    """A slot for one job run at a time; its process is started on demand and ended when it is idle."""

    def __init__(self, context: Context, number: int) -> None:
        self._context = context
        self._number = number
        self._scratch = context.work / context.engine / f"worker-{number}"
        self._process: JsonProcess | None = None

    @property
    def idle_seconds(self) -> float | None:
        """Seconds after which the idle process should end; None if no process is running."""
        alive = self._process is not None and self._process.is_alive
        return IDLE_SECONDS[self._context.engine] if alive else None

    def process(self) -> JsonProcess:
        """Return the running process; start one if there is none or it has died."""
        if self._process is None or not self._process.is_alive:
            self._process = self._start()
        return self._process

    def end(self) -> None:
        """End the process, if there is one, and delete its temporary files."""
        if self._process is not None:
            self._process.kill()
            self._process = None
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _start(self) -> JsonProcess:
        context, engine = self._context, self._context.engine
        installed = site(context.work / "runtimes" / f"glue-{self._number}-{engine}", GLUE + PACKAGES[engine])
        wheel = context.path(context.lake.wheel())  # Spark's Python workers import the deployed package too
        environment = {
            **caller(context.environment, f"{context.lake.prefix}-glue"),
            "PYTHONPATH": os.pathsep.join([str(wheel), str(installed)]),
        }
        log = context.work / "logs" / f"{engine}-worker-{self._number}.log"
        return JsonProcess(_SCRIPT, [engine, str(context.root), str(self._scratch)], environment, log)
