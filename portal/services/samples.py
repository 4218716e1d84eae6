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

from pipeline.generator import Options
from pipeline.generator.write import ANSWER_KEY, Cancelled, Progress, Written, generate
from pipeline.lake import split
from portal.services import batches
from portal.services.aws import Aws, ServiceError
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


def create(
    aws: Aws,
    options: Options,
    *,
    uploader: str,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Sample:
    """Generate into a temporary folder and import that; a cancel leaves nothing behind."""
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


def begin(aws: Aws, options: Options, *, uploader: str) -> Task:
    """Start `create` in a thread of this process; refused beyond `MOST_HERE` patients."""
    aws.require("import_data")
    options.checked()
    if options.patients > MOST_HERE:
        raise ServiceError(
            f"{options.patients:,} patients are for the Glue job: up to {MOST_HERE:,} are made here."
        )
    task = Task()

    def work() -> None:
        try:
            task.sample = create(
                aws,
                options,
                uploader=uploader,
                progress=lambda made: _note(task, made),
                cancelled=task.cancel.is_set,
            )
        except Cancelled:
            task.error = "Cancelled: nothing was kept."
        except Exception as error:
            task.error = str(error)
        task.is_over = True

    threading.Thread(target=work, daemon=True).start()
    return task


def _note(task: Task, made: Progress) -> None:
    task.progress = made


def begin_job(aws: Aws, options: Options, *, uploader: str) -> JobTask:
    """Start the Glue job that makes a batch of any size."""
    aws.require("import_data")
    options.checked()
    batch_id = f"{datetime.now(UTC):%Y%m%d}-{uuid.uuid4().hex[:8]}"
    arguments = {"--batch_id": batch_id, "--options": options.as_json(), "--uploader": uploader}
    answer = aws.client("glue").start_job_run(JobName=aws.lake.job(JOB), Arguments=arguments)
    return JobTask(batch_id, answer["JobRunId"])


def job_state(aws: Aws, task: JobTask) -> tuple[str, str | None]:
    """The job's state, and of a failed one its message."""
    run = aws.client("glue").get_job_run(JobName=aws.lake.job(JOB), RunId=task.job_run_id)["JobRun"]
    return run["JobRunState"], run.get("ErrorMessage")


def cancel_job(aws: Aws, task: JobTask) -> None:
    """Stop the job; without its manifest what it has written is no batch."""
    aws.client("glue").batch_stop_job_run(JobName=aws.lake.job(JOB), JobRunIds=[task.job_run_id])


def answer_key(aws: Aws, batch_id: str) -> str:
    """The answer key that the Glue job left beside the manifest; empty where there is none."""
    s3 = aws.client("s3")
    bucket, key = split(aws.lake.manifests() + f"{batch_id}{ANSWER_KEY}")
    try:
        return str(s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode())
    except s3.exceptions.NoSuchKey:
        return ""


def as_zip(options: Options) -> bytes:
    """The files themselves, packed."""
    with tempfile.TemporaryDirectory(prefix="hdp-sample-") as temporary:
        folder = generate(options, Path(temporary) / "sample").folder
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
            for file in sorted(folder.iterdir()):
                archive.write(file, file.name)
        return buffer.getvalue()
