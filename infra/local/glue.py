"""Glue jobs: the job's script from the code bucket, run as real PySpark in a warm worker process."""

from __future__ import annotations

import queue
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.core.responses import ActionResult
from moto.glue import models, responses
from moto.glue.exceptions import ConcurrentRunsExceededException, JobRunNotFoundException
from moto.logs.models import logs_backends

from infra.local.context import ACCOUNT, REGION, Context
from infra.local.job_workers import JobWorker
from infra.local.process import JsonProcess, ProcessDied

_ALIVE = {"STARTING", "RUNNING", "STOPPING", "WAITING"}
_KEPT_LOGS = 300
_PATIENCE = 1.0
"""Seconds that GetJobRun waits for a run's end, so that a state machine need not."""


@dataclass
class JobRun:
    """One run of a job; times are seconds since 1970."""

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
            "StartedOn": _moment(self.started_on),
            "LastModifiedOn": _moment(self.completed_on or self.running_since or self.started_on),
            "JobRunState": self.status,
            "Arguments": self.arguments,
            "ExecutionTime": seconds,
            "Timeout": self.timeout,
            "WorkerType": self.worker_type,
            "NumberOfWorkers": self.number_of_workers,
            "MaxCapacity": capacity,
            "DPUSeconds": seconds * capacity,
            "GlueVersion": "5.1",
            "LogGroupName": "/aws-glue/jobs",  # the log encryption of its security configuration is off
            "PredecessorRuns": [],
        }
        if self.completed_on:
            document["CompletedOn"] = _moment(self.completed_on)
        if self.error:
            document["ErrorMessage"] = self.error
        return document


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class GlueEngine:
    """Hands job runs to a few worker processes; a worker that dies fails its run alone and is replaced."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.runs: dict[str, JobRun] = {}
        self._work: queue.Queue[JobRun | None] = queue.Queue()
        self._processes: dict[str, JsonProcess] = {}
        self._lock = threading.RLock()
        self._workers = [JobWorker(context, number) for number in range(context.workers)]
        self._restore()
        for number in range(context.workers):
            threading.Thread(target=self._serve, args=(number,), daemon=True, name=f"glue-{number}").start()
        context.on_stop.append(self.stop)

    # what the API asks

    def start(self, job: Any, arguments: dict[str, str] | None, timeout: int | None) -> str:
        with self._lock:
            alive = [run for run in self.of(job.name) if run.status in _ALIVE]
            if len(alive) >= job.execution_property.get("MaxConcurrentRuns", 1):
                raise ConcurrentRunsExceededException(f"Concurrent runs exceeded for {job.name}")
            run = JobRun(
                job_run_id=f"jr_{uuid.uuid4().hex}{uuid.uuid4().hex}",
                job_name=job.name,
                arguments={**job.default_arguments, **(arguments or {})},
                worker_type=job.worker_type,
                number_of_workers=job.number_of_workers,
                timeout=timeout or job.timeout or 2880,
            )
            self.runs[run.job_run_id] = run
            self._save(run)
        self._work.put(run)
        return run.job_run_id

    def of(self, job_name: str) -> list[JobRun]:
        """The runs of a job, newest first."""
        found = [run for run in list(self.runs.values()) if run.job_name == job_name]
        return sorted(found, key=lambda run: run.started_on, reverse=True)

    def stop_run(self, run: JobRun, state: str = "STOPPED", error: str | None = None) -> None:
        with self._lock:
            if run.status not in _ALIVE:
                return
            process = self._processes.get(run.job_run_id)
            self._end(run, state, error)
        if process:
            process.kill()

    def stop(self) -> None:
        for run in list(self.runs.values()):
            self.stop_run(run, "STOPPED", "The laptop cloud was stopped.")
        for _ in range(self.context.workers):
            self._work.put(None)
        for worker in self._workers:
            worker.end()

    # the workers

    def _serve(self, number: int) -> None:
        worker = self._workers[number]
        while (run := self._next(worker)) is not None:
            if run.status == "STARTING":
                try:
                    process = worker.process()
                except Exception as error:  # whatever it is, it fails this run alone
                    self._end(run, "FAILED", f"The job's worker process did not start ({error}).")
                else:
                    self._run(run, process)
        worker.end()

    def _next(self, worker: JobWorker) -> JobRun | None:
        """Wait for work; end an idle worker's process meanwhile."""
        while True:
            try:
                return self._work.get(timeout=worker.idle_seconds)
            except queue.Empty:
                worker.end()

    def _run(self, run: JobRun, process: JsonProcess) -> None:
        job = models.glue_backends[ACCOUNT][REGION].jobs[run.job_name]
        log = self._log_path(run)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()
        tail = _Tail(log, run)
        with self._lock:
            if run.status != "STARTING":
                return
            self._processes[run.job_run_id] = process
        if refused := _s3a_refuses(run):
            with self._lock:
                self._processes.pop(run.job_run_id, None)
                self._end(run, "FAILED", refused)
            tail.close()
            return
        clock = threading.Timer(run.timeout * 60, self._time_out, args=(run,))
        clock.daemon = True
        clock.start()
        try:
            process.ask({})  # a fresh worker is STARTING until its engine answers
            with self._lock:
                if run.status == "STARTING":
                    run.status, run.running_since = "RUNNING", time.time()
                    self._save(run)
            answer = process.ask(self._question(run, job, log))
        except ProcessDied as died:
            answer = {"state": "FAILED", "error": f"The job's worker process died ({died})."}
        finally:
            clock.cancel()
            self._processes.pop(run.job_run_id, None)
            tail.close()
        with self._lock:
            if run.status in _ALIVE:
                self._end(run, answer["state"], answer.get("error"))

    def _question(self, run: JobRun, job: Any, log: Path) -> dict[str, Any]:
        arguments = {"--JOB_NAME": run.job_name, "--JOB_RUN_ID": run.job_run_id, **run.arguments}
        modules = run.arguments.get("--additional-python-modules", "").split(",")
        wheel = next((module for module in modules if module.endswith(".whl")), None)
        return {
            "script": str(self.context.path(job.command["ScriptLocation"])),
            "wheel": str(self.context.path(wheel)) if wheel else None,
            "arguments": [part for pair in arguments.items() for part in pair],
            "log": str(log),
        }

    def _time_out(self, run: JobRun) -> None:
        self.stop_run(run, "TIMEOUT", f"Stopped after {run.timeout} minutes, the job's timeout.")

    def _end(self, run: JobRun, state: str, error: str | None) -> None:
        run.status, run.error, run.completed_on = state, error, time.time()
        self._save(run)
        run.ended.set()

    # memory

    def _log_path(self, run: JobRun) -> Path:
        return self.context.work / "logs" / "jobs" / f"{run.job_run_id}.log"

    def _save(self, run: JobRun) -> None:
        self.context.store.put("job_run", run.key, asdict(run))

    def _restore(self) -> None:
        for _, document in self.context.store.all("job_run"):
            run = JobRun(**document)
            self.runs[run.job_run_id] = run
            if run.status in _ALIVE:
                self._end(run, "FAILED", "The laptop cloud ended while the job was running.")
        for run in list(self.runs.values())[-_KEPT_LOGS:]:
            if (log := self._log_path(run)).is_file():
                _Tail(log, run).close()


def _s3a_refuses(run: JobRun) -> str | None:
    """Return why S3A, Glue's file system, could not read our buckets: told no region, it asks us-east-2."""
    if f"spark.hadoop.fs.s3a.endpoint.region={REGION}" in run.arguments.get("--conf", ""):
        return None
    return f"S3Exception: 301 Moved Permanently: the bucket is in {REGION}, S3A asked us-east-2."


class _Tail:
    """Copies a growing log file into the job run's stream of CloudWatch Logs."""

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


def install(context: Context) -> None:
    engine = GlueEngine(context)

    def start_job_run(job: Any, **options: Any) -> str:
        return engine.start(job, options.get("arguments"), options.get("timeout"))

    def get_job_run(job: Any, run_id: str) -> JobRun:
        run = engine.runs.get(run_id)
        if run is None or run.job_name != job.name:
            raise JobRunNotFoundException(run_id)
        if run.status in _ALIVE:
            run.ended.wait(_PATIENCE)
        return run

    models.FakeJob.start_job_run = start_job_run
    models.FakeJob.get_job_run = get_job_run
    models.FakeJob.get_job_runs = lambda job: engine.of(job.name)
    responses.GlueResponse.batch_stop_job_run = _batch_stop(engine)


def _batch_stop(engine: GlueEngine) -> Callable[[Any], ActionResult]:
    """BatchStopJobRun, which moto lacks."""

    def batch_stop_job_run(response: Any) -> ActionResult:
        name = response._get_param("JobName")
        done, errors = [], []
        for run_id in response._get_param("JobRunIds"):
            run = engine.runs.get(run_id)
            if run and run.job_name == name and run.status in _ALIVE:
                engine.stop_run(run)
                done.append({"JobName": name, "JobRunId": run_id})
            else:
                detail = {"ErrorCode": "InvalidInputException", "ErrorMessage": "The job run is not running."}
                errors.append({"JobName": name, "JobRunId": run_id, "ErrorDetail": detail})
        return ActionResult({"SuccessfulSubmissions": done, "Errors": errors})

    return batch_stop_job_run
