"""Sample data: made here up to a size, by a Glue job beyond it, and always imported as one batch."""

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

from pipeline.generator import BadOptions, Options
from pipeline.generator.write import ANSWER_KEY, Cancelled, Progress, Written, generate
from pipeline.lake import split
from portal.services import batches
from portal.services.aws import Aws, ServiceError, explain, is_aws
from portal.services.batches import Batch

JOB = "generate_sample"

MOST_HERE = 100_000
"""Patients that one process makes while somebody waits: about three seconds, 180 MB a year and a half."""


@dataclass(frozen=True)
class Sample:
    """A generated batch; `answer_key` is the CSV of its seeded defects, empty where there are none."""

    batch: Batch
    written: Written
    answer_key: str


@dataclass
class Task:
    """Sample data in the making, beside the page that watches it."""

    options: Options
    cancel: threading.Event = field(default_factory=threading.Event)
    progress: Progress | None = None
    sample: Sample | None = None
    error: str | None = None
    is_over: bool = False


@dataclass(frozen=True)
class JobTask:
    """A Glue job that makes a batch."""

    batch_id: str
    job_run_id: str
    options: Options


_MAKING: dict[tuple[str, str], Task] = {}
"""What this process makes, or has made and not yet told, by lake and person: a page that is reloaded finds it here."""

_BEGINNING = threading.Lock()
_ALIVE = frozenset({"STARTING", "WAITING", "RUNNING", "STOPPING"})


def create(
    aws: Aws,
    options: Options,
    *,
    uploader: str,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Sample:
    """Generate into a temporary folder and import that; a cancel leaves nothing behind."""
    aws.require("import_data")
    with tempfile.TemporaryDirectory(prefix="hdp-sample-") as temporary:
        folder = Path(temporary) / "sample"
        written = generate(options, folder, progress=progress, cancelled=cancelled)
        if cancelled():
            raise Cancelled
        key = folder / ANSWER_KEY
        text = key.read_text(encoding="utf-8") if key.is_file() else ""
        key.unlink(missing_ok=True)
        batch = batches.import_folder(aws, folder, format="native", uploader=uploader, seed=options.seed)
        return Sample(batch, written, text)


def making(aws: Aws) -> Task | JobTask | None:
    """What is made for this person now, or was and has not been told yet."""
    aws.require("import_data")
    return _MAKING.get(_whose(aws)) or _running_job(aws)


def told(aws: Aws) -> None:
    """The person has been told how it ended."""
    _MAKING.pop(_whose(aws), None)


def _whose(aws: Aws) -> tuple[str, str]:
    return aws.lake.prefix, aws.person.name


def _same(present: Task | JobTask, options: Options) -> None:
    """A double click starts one; other data have to wait."""
    if present.options != options:
        raise ServiceError(
            "Other sample data are being made for you: wait until they are there, or cancel them."
        )


def begin(aws: Aws, options: Options) -> Task | JobTask:
    """Start `create` in a thread of this process, one a person; refused beyond `MOST_HERE` patients."""
    aws.require("import_data")
    options.checked()
    if options.patients > MOST_HERE:
        raise ServiceError(
            f"{options.patients:,} patients are for the Glue job: up to {MOST_HERE:,} are made here."
        )
    with _BEGINNING:
        if present := making(aws):
            _same(present, options)
            return present
        task = _MAKING[_whose(aws)] = Task(options)
    threading.Thread(target=_make, args=(aws, task), daemon=True).start()
    return task


def _make(aws: Aws, task: Task) -> None:
    try:
        task.sample = create(
            aws,
            task.options,
            uploader=aws.person.name,
            progress=lambda made: _note(task, made),
            cancelled=task.cancel.is_set,
        )
    except Cancelled:
        task.error = "Cancelled: nothing was kept."
    except Exception as error:
        task.error = _sentence(error)
    task.is_over = True


def _sentence(error: Exception) -> str:
    if isinstance(error, ServiceError | BadOptions) or is_aws(error):
        return explain(error)
    return f"The sample data could not be made ({type(error).__name__}): try again, or tell the engineers."


def _note(task: Task, made: Progress) -> None:
    task.progress = made


def begin_job(aws: Aws, options: Options) -> JobTask | Task:
    """Start the Glue job that makes a batch of any size, one a person."""
    aws.require("import_data")
    options.checked()
    with _BEGINNING:
        if present := making(aws):
            _same(present, options)
            return present
        batch_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
        arguments = {
            "--batch_id": batch_id,
            "--options": options.as_json(),
            "--uploader": aws.person.name,
        }
        started = aws.client("glue").start_job_run(JobName=aws.lake.job(JOB), Arguments=arguments)
    return JobTask(batch_id, started["JobRunId"], options)


def _running_job(aws: Aws) -> JobTask | None:
    glue = aws.client("glue")
    try:
        newest = glue.get_job_runs(JobName=aws.lake.job(JOB), MaxResults=20)["JobRuns"]
    except glue.exceptions.EntityNotFoundException:
        return None  # an installation whose jobs have not been deployed yet
    mine = (
        run
        for run in newest
        if run["JobRunState"] in _ALIVE and run.get("Arguments", {}).get("--uploader") == aws.person.name
    )
    return next(map(_job_task, mine), None)


def _job_task(run: dict[str, Any]) -> JobTask:
    arguments = run["Arguments"]
    return JobTask(arguments["--batch_id"], run["Id"], Options.from_json(arguments["--options"]))


def job(aws: Aws, job_run_id: str) -> JobTask:
    """A job by its run's id, over or not."""
    return _job_task(_job_run(aws, job_run_id))


def _job_run(aws: Aws, job_run_id: str) -> dict[str, Any]:
    aws.require("import_data")
    glue = aws.client("glue")
    try:
        return dict(glue.get_job_run(JobName=aws.lake.job(JOB), RunId=job_run_id)["JobRun"])
    except glue.exceptions.EntityNotFoundException:
        raise ServiceError(f"There is no job run '{job_run_id}' that makes sample data.") from None


def job_state(aws: Aws, task: JobTask) -> tuple[str, str | None]:
    """The job's state, and of a failed one its message."""
    run = _job_run(aws, task.job_run_id)
    return run["JobRunState"], run.get("ErrorMessage")


def cancel_job(aws: Aws, task: JobTask) -> None:
    """Stop the job; without its manifest what it has written is no batch."""
    aws.require("import_data")
    aws.client("glue").batch_stop_job_run(JobName=aws.lake.job(JOB), JobRunIds=[task.job_run_id])


def answer_key(aws: Aws, batch_id: str) -> str:
    """The answer key that the Glue job left beside the manifest; empty where there is none."""
    aws.require("import_data")
    s3 = aws.client("s3")
    bucket, key = split(aws.lake.manifests() + f"{batch_id}{ANSWER_KEY}")
    try:
        return str(s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode())
    except s3.exceptions.NoSuchKey:
        return ""


def as_zip(aws: Aws, options: Options) -> bytes:
    """The files themselves, packed."""
    aws.require("import_data")
    with tempfile.TemporaryDirectory(prefix="hdp-sample-") as temporary:
        folder = generate(options, Path(temporary) / "sample").folder
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
            for file in sorted(folder.iterdir()):
                archive.write(file, file.name)
        return buffer.getvalue()
