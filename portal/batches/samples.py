"""Generate sample data as a batch: a small one in this process, a large one in a Glue job."""

from __future__ import annotations

import io
import tempfile
import threading
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.data_generator import BadOptions, Options, extracts
from pipeline.data_generator.pools import draw_names
from pipeline.data_generator.writer import GROUND_TRUTH, Cancelled, Progress, Written, generate
from pipeline.lake.store import write_json
from pipeline.lake.uris import split
from portal.batches import service as batches
from portal.batches.service import Batch
from portal.core.context import Context
from portal.core.errors import ServiceError, explain, is_aws_error
from portal.core.rights import requires

JOB = "generate_sample"

IN_PROCESS_LIMIT = 100_000
"""Maximum number of patients to generate in this process; this many take three seconds and 180 MB."""


@dataclass(frozen=True)
class Sample:
    """A generated batch; `ground_truth` is the CSV of its seeded defects, empty if there are none."""

    batch: Batch
    written: Written
    ground_truth: str


@dataclass
class Task:
    """A generation of sample data in a thread, which continues when the user leaves the page."""

    options: Options
    format: str = extracts.NATIVE
    cancel: threading.Event = field(default_factory=threading.Event)
    progress: Progress | None = None
    sample: Sample | None = None
    error: str | None = None
    is_over: bool = False


@dataclass(frozen=True)
class JobTask:
    """A run of the Glue job that generates a batch."""

    batch_id: str
    job_run_id: str
    options: Options


_TASKS: dict[tuple[str, str], Task] = {}
"""Generations in this process by lake prefix and user name, kept until they are acknowledged."""

_START_LOCK = threading.Lock()
_ALIVE = frozenset({"STARTING", "WAITING", "RUNNING", "STOPPING"})


@requires("import_data")
def create(
    context: Context,
    options: Options,
    *,
    uploader: str,
    format: str = extracts.NATIVE,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Sample:
    """Generate sample data as an extract in `format` and import it.

    Raise `Cancelled` and keep nothing once `cancelled` returns True. The import itself cannot be stopped.
    """
    with tempfile.TemporaryDirectory(prefix="hdp-sample-") as temporary:
        folder = Path(temporary) / "sample"
        written = generate(options, folder, progress=progress, cancelled=cancelled)
        if cancelled():
            raise Cancelled
        path = folder / GROUND_TRUTH
        truth = path.read_text(encoding="utf-8") if path.is_file() else ""
        path.unlink(missing_ok=True)
        extracts.convert(folder, format, options.time_zone)
        batch = batches.import_folder(context, folder, format=format, uploader=uploader, seed=options.seed)
        return Sample(batch, written, truth)


@requires("import_data")
def current(context: Context) -> Task | JobTask | None:
    """Return the user's generation: the one of this process, else a running Glue job, else None."""
    return _TASKS.get(_owner(context)) or _running_job(context)


@requires("import_data")
def acknowledge(context: Context) -> None:
    """Remove the user's generation in this process after its result was shown to the user."""
    _TASKS.pop(_owner(context), None)


def _owner(context: Context) -> tuple[str, str]:
    return context.lake.prefix, context.user.name


def _check_same(present: Task | JobTask, options: Options, format: str = extracts.NATIVE) -> None:
    """Raise `ServiceError` if the user's present generation has other options."""
    is_same = isinstance(present, JobTask) or present.format == format
    if present.options != options or not is_same:
        raise ServiceError(
            "You are already generating sample data with other options. Wait until it ends, or cancel it."
        )


@requires("import_data")
def start(context: Context, options: Options, format: str = extracts.NATIVE) -> Task | JobTask:
    """Start to generate up to `IN_PROCESS_LIMIT` patients in a thread, and return the generation.

    If the user already has one with these options, return that instead. Raise `ServiceError` if its options
    differ, or for more patients.
    """
    options.checked()
    extracts.check(format, options.patients, options.defect_rate)
    if options.patients > IN_PROCESS_LIMIT:
        raise ServiceError(
            f"{options.patients:,} patients need the Glue job; this process generates up to "
            f"{IN_PROCESS_LIMIT:,}."
        )
    with _START_LOCK:
        if present := current(context):
            _check_same(present, options, format)
            return present
        task = _TASKS[_owner(context)] = Task(options, format)
    threading.Thread(target=_generate, args=(context, task), daemon=True).start()
    return task


def _generate(context: Context, task: Task) -> None:
    try:
        task.sample = create(
            context,
            task.options,
            uploader=context.user.name,
            format=task.format,
            progress=lambda progress: _note(task, progress),
            cancelled=task.cancel.is_set,
        )
    except Cancelled:
        task.error = "Cancelled. No data was kept."
    except Exception as error:
        task.error = _message(error)
    task.is_over = True


def _message(error: Exception) -> str:
    if isinstance(error, ServiceError | BadOptions) or is_aws_error(error):
        return explain(error)
    return f"The sample data could not be generated ({type(error).__name__}). Try again, or ask an engineer."


def _note(task: Task, progress: Progress) -> None:
    task.progress = progress


@requires("import_data")
def start_job(context: Context, options: Options) -> JobTask | Task:
    """Start the Glue job, which generates a batch of any size, and return its run.

    If the user already has a generation with these options, return that instead. Raise `ServiceError` if its
    options differ.
    """
    options.checked()
    with _START_LOCK:
        if present := current(context):
            _check_same(present, options)
            return present
        batch_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
        arguments = {
            "--batch_id": batch_id,
            "--options": options.as_json(),
            "--uploader": context.user.name,
        }
        write_json(
            context.client("s3"), context.lake.sample_names(options.locale), draw_names(options.locale)
        )
        started = context.client("glue").start_job_run(JobName=context.lake.job(JOB), Arguments=arguments)
    return JobTask(batch_id, started["JobRunId"], options)


def _running_job(context: Context) -> JobTask | None:
    glue = context.client("glue")
    try:
        newest = glue.get_job_runs(JobName=context.lake.job(JOB), MaxResults=20)["JobRuns"]
    except glue.exceptions.EntityNotFoundException:
        return None  # the jobs are not deployed yet
    own = (
        run
        for run in newest
        if run["JobRunState"] in _ALIVE and run.get("Arguments", {}).get("--uploader") == context.user.name
    )
    return next(map(_job_task, own), None)


def _job_task(run: dict[str, Any]) -> JobTask:
    arguments = run["Arguments"]
    return JobTask(arguments["--batch_id"], run["Id"], Options.from_json(arguments["--options"]))


@requires("import_data")
def job(context: Context, job_run_id: str) -> JobTask:
    """Return the generation by this job run, running or ended; raise `ServiceError` if there is none."""
    return _job_task(_job_run(context, job_run_id))


def _job_run(context: Context, job_run_id: str) -> dict[str, Any]:
    glue = context.client("glue")
    try:
        return dict(glue.get_job_run(JobName=context.lake.job(JOB), RunId=job_run_id)["JobRun"])
    except glue.exceptions.EntityNotFoundException:
        raise ServiceError(f"There is no job run '{job_run_id}' of {JOB}.") from None


@requires("import_data")
def job_state(context: Context, task: JobTask) -> tuple[str, str | None]:
    """Return the state of the job run, and its error message, or None if it has none."""
    run = _job_run(context, task.job_run_id)
    return run["JobRunState"], run.get("ErrorMessage")


@requires("import_data")
def cancel_job(context: Context, task: JobTask) -> None:
    """Stop the job run. The files it wrote have no manifest and so are not a batch."""
    context.client("glue").batch_stop_job_run(JobName=context.lake.job(JOB), JobRunIds=[task.job_run_id])


@requires("import_data")
def ground_truth(context: Context, batch_id: str) -> str:
    """Return the ground truth that the Glue job wrote beside the manifest; empty if there is none."""
    s3 = context.client("s3")
    bucket, key = split(context.lake.manifests() + f"{batch_id}{GROUND_TRUTH}")
    try:
        return str(s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode())
    except s3.exceptions.NoSuchKey:
        return ""


@requires("import_data")
def as_zip(_context: Context, options: Options, format: str = extracts.NATIVE) -> bytes:
    """Generate sample data as an extract in `format` and return files and truth as a zip archive."""
    with tempfile.TemporaryDirectory(prefix="hdp-sample-") as temporary:
        folder = generate(options, Path(temporary) / "sample").folder
        extracts.convert(folder, format, options.time_zone)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
            for file in sorted(each for each in folder.rglob("*") if each.is_file()):
                archive.write(file, file.relative_to(folder))
        return buffer.getvalue()
