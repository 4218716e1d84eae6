"""Glue of the laptop cloud: run PySpark job scripts from the code bucket in warm worker processes."""

from __future__ import annotations

import queue
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from moto.core.responses import ActionResult
from moto.glue import models, responses
from moto.glue.exceptions import ConcurrentRunsExceededException, JobRunNotFoundException

from infra.local.context import ACCOUNT, REGION, Context
from infra.local.job_runs import JobRun, LogTail
from infra.local.job_workers import JobWorker
from infra.local.process import JsonProcess, ProcessDied

_ALIVE = {"STARTING", "RUNNING", "STOPPING", "WAITING"}
_KEPT_LOGS = 300
_LONG_POLL_SECONDS = 1.0
"""Seconds that GetJobRun waits at most for a job run to end: the state machine itself does not wait."""


class GlueEngine:
    """Distribute job runs over worker processes; a process that dies is replaced, and its job run fails."""

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

    # API

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
        """Return the runs of a job, newest first."""
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

    # workers

    def _serve(self, number: int) -> None:
        worker = self._workers[number]
        while (run := self._next(worker)) is not None:
            if run.status == "STARTING":
                try:
                    process = worker.process()
                except Exception as error:  # any error fails only this job run
                    self._end(run, "FAILED", f"The job's worker process did not start ({error}).")
                else:
                    self._run(run, process)
        worker.end()

    def _next(self, worker: JobWorker) -> JobRun | None:
        """Return the next job run, or None when the cloud stops.

        After `idle_seconds` without a job run, end the worker's process.
        """
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
        tail = LogTail(log, run)
        with self._lock:
            if run.status != "STARTING":
                return
            self._processes[run.job_run_id] = process
        if s3a_error := _s3a_error(run):
            with self._lock:
                self._processes.pop(run.job_run_id, None)
                self._end(run, "FAILED", s3a_error)
            tail.close()
            return
        clock = threading.Timer(run.timeout * 60, self._time_out, args=(run,))
        clock.daemon = True
        clock.start()
        try:
            process.ask({})  # the run stays STARTING until the worker's engine has started
            with self._lock:
                if run.status == "STARTING":
                    run.status, run.running_since = "RUNNING", time.time()
                    self._save(run)
            answer = process.ask(self._request(run, job, log))
        except ProcessDied as died:
            answer = {"state": "FAILED", "error": f"The job's worker process died ({died})."}
        finally:
            clock.cancel()
            self._processes.pop(run.job_run_id, None)
            tail.close()
        with self._lock:
            if run.status in _ALIVE:
                self._end(run, answer["state"], answer.get("error"))

    def _request(self, run: JobRun, job: Any, log: Path) -> dict[str, Any]:
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

    # persistence

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
                LogTail(log, run).close()


def _s3a_error(run: JobRun) -> str | None:
    """Return the error of S3A, Glue's file system, for a job that does not set S3A's region; else None.

    Without a setting, S3A uses us-east-2.
    """
    if f"spark.hadoop.fs.s3a.endpoint.region={REGION}" in run.arguments.get("--conf", ""):
        return None
    return f"S3Exception: 301 Moved Permanently: the bucket is in {REGION}, S3A asked us-east-2."


def install(context: Context) -> None:
    engine = GlueEngine(context)

    def start_job_run(job: Any, **options: Any) -> str:
        return engine.start(job, options.get("arguments"), options.get("timeout"))

    def get_job_run(job: Any, run_id: str) -> JobRun:
        run = engine.runs.get(run_id)
        if run is None or run.job_name != job.name:
            raise JobRunNotFoundException(run_id)
        if run.status in _ALIVE:
            run.ended.wait(_LONG_POLL_SECONDS)
        return run

    models.FakeJob.start_job_run = start_job_run
    models.FakeJob.get_job_run = get_job_run
    models.FakeJob.get_job_runs = lambda job: engine.of(job.name)
    responses.GlueResponse.batch_stop_job_run = _batch_stop(engine)


def _batch_stop(engine: GlueEngine) -> Callable[[Any], ActionResult]:
    """Return the implementation of BatchStopJobRun, which moto lacks."""

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
