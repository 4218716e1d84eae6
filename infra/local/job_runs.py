"""Record of a Glue job run in the laptop cloud, and the copy of its log in CloudWatch Logs."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.logs.models import logs_backends

from infra.local.context import ACCOUNT, REGION


@dataclass
class JobRun:
    """One run of a job; times are seconds since 1970, `timeout` is in minutes."""

    job_run_id: str
    job_name: str
    arguments: dict[str, str]
    worker_type: str | None
    number_of_workers: int | None
    timeout: int
    started_on: float = field(default_factory=time.time)
    status: str = "STARTING"
    running_since: float | None = None
    completed_on: float | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        self.ended = threading.Event()

    @property
    def key(self) -> str:
        return self.job_run_id

    @property
    def log_group(self) -> str:
        return self.arguments.get("--custom-logGroup-prefix", "/aws-glue/jobs")

    def as_dict(self) -> dict[str, Any]:
        end = self.completed_on or time.time()
        seconds = int(end - self.running_since) if self.running_since else 0
        capacity = float(self.number_of_workers or 1)
        document: dict[str, Any] = {
            "Id": self.job_run_id,
            "Attempt": 0,
            "JobName": self.job_name,
            "StartedOn": _timestamp(self.started_on),
            "LastModifiedOn": _timestamp(self.completed_on or self.running_since or self.started_on),
            "JobRunState": self.status,
            "Arguments": self.arguments,
            "ExecutionTime": seconds,
            "Timeout": self.timeout,
            "WorkerType": self.worker_type,
            "NumberOfWorkers": self.number_of_workers,
            "MaxCapacity": capacity,
            "DPUSeconds": seconds * capacity,
            "GlueVersion": "5.1",
            "LogGroupName": "/aws-glue/jobs",  # as on AWS if logs are not encrypted
            "PredecessorRuns": [],
        }
        if self.completed_on:
            document["CompletedOn"] = _timestamp(self.completed_on)
        if self.error:
            document["ErrorMessage"] = self.error
        return document


def _timestamp(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class LogTail:
    """Copy a growing log file to the job run's stream in CloudWatch Logs until `close` is called."""

    def __init__(self, path: Path, run: JobRun) -> None:
        self._file = path.open(encoding="utf-8", errors="replace")
        self._group, self._stream = f"{run.log_group}/output", f"{run.job_run_id}-driver"
        self._logs = logs_backends[ACCOUNT][REGION]
        if self._group not in self._logs.groups:
            self._logs.create_log_group(self._group, {})
        if self._stream not in self._logs.groups[self._group].streams:
            self._logs.create_log_stream(self._group, self._stream)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._closing.wait(0.3):
            self._copy()
        self._copy()
        self._file.close()

    def _copy(self) -> None:
        now = int(time.time() * 1000)
        lines = [line.rstrip("\n") for line in self._file.readlines()]
        events = [{"timestamp": now, "message": line} for line in lines if line]
        if events:
            self._logs.put_log_events(self._group, self._stream, events)
