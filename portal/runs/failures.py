"""Explain a failed run: its cause, the tables it wrote, and what to do next."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from pipeline.jobs import jobs
from pipeline.releases.model import Published
from portal.runs.failure_causes import CAUSES, UNKNOWN, Cause
from portal.runs.model import Run

_STOPPED = Cause("Stopped", "", "", "resume")

_BATCH = re.compile(r"\bbatch(?:_id=| '?)(\d{8}T\d{6}-[0-9a-f]{8})", re.IGNORECASE)

_LINE = re.compile(r"(?:at |File \"?[^\n\"]*?)(\w+\.py)(?::|\", line )(\d+)")


@dataclass(frozen=True)
class Failure:
    """The explanation of a failed run.

    `source_tables` are the silver tables whose quarantined rows may explain the failure, `published` is a
    sentence about the release that analysts see, and `batch_id` is the batch that could not be processed
    (None if that is unknown).
    """

    cause: Cause
    message: str
    job: str | None
    line: str | None
    tables_written: tuple[str, ...]
    partial_table: str | None
    source_tables: tuple[str, ...] = ()
    published: str = ""
    batch_id: str | None = None

    def advice(self, run_id: str) -> str:
        """Return the commands to resume the run and, if a batch is at fault, to continue without it."""
        resume = f"Fix the cause if needed, then resume: hdp runs resume {run_id}"
        if self.batch_id is None:
            return resume
        return (
            f"Batch {self.batch_id} could not be processed. {resume}\n"
            f"Show it:                    hdp batches show {self.batch_id}\n"
            f"Publish the others without: hdp batches retire {self.batch_id} --reason … && hdp runs start\n"
            f"Reprocess it later:         hdp batches reprocess {self.batch_id}"
        )

    @property
    def safety(self) -> str:
        """Return why it is safe to resume or rerun."""
        text = (
            "It is safe to resume or to rerun. Each job replaces its table as a whole, and jobs that "
            "succeeded are not run again"
        )
        if self.partial_table:
            text += f"; {self.partial_table}, which may be partially written, is written again"
        return f"{text}. {self.published}".strip()


def explain(run: Run, log: str = "", published: Published | None = None) -> Failure:
    """Return the explanation of a run that did not succeed.

    `log` is the log of the failed job, `published` the published release.
    """
    if run.status == "ABORTED":
        return _stopped(run, published)
    failed = run.failed_job
    parts = [run.error, run.cause, failed.state if failed else None, failed.error if failed else None]
    text = " ".join(part for part in parts if part)
    cause = next((each for each in CAUSES if re.search(each.pattern, text)), None)
    if cause is None and log:
        cause = next((each for each in CAUSES if re.search(each.pattern, log)), None)
    message = error_message(run)
    lines = _LINE.findall(message) or _LINE.findall(log)
    tables = _tables()
    return Failure(
        cause=cause or UNKNOWN,
        message=message or "no error message",
        job=failed.job if failed else None,
        line=f"{lines[-1][0]}, line {lines[-1][1]}" if lines else None,
        tables_written=_tables_written(run),
        partial_table=tables.get(failed.job) if failed else None,
        source_tables=_sources(failed.job) if failed else (),
        published=_published(run, published),
        batch_id=_batch(run, message),
    )


def error_message(run: Run) -> str:
    """Return the error message of a run that did not succeed, or an empty string."""
    if not run.is_over or run.status == "SUCCEEDED":
        return ""
    failed = run.failed_job if run.status != "ABORTED" else None
    return _plain(failed.error if failed and failed.error else run.cause or run.error or "")


def _stopped(run: Run, published: Published | None) -> Failure:
    """Return the explanation of a stopped run; its message says who stopped the run and when."""
    return Failure(
        cause=_STOPPED,
        message=run.cause or "Stopped.",
        job=None,
        line=None,
        tables_written=_tables_written(run),
        partial_table=None,
        published=_published(run, published),
    )


def _batch(run: Run, message: str) -> str | None:
    """Return the batch in the error message, else the only batch of a run whose silver job failed.

    Return None if neither exists.
    """
    if found := _BATCH.search(message):
        return found[1]
    failed = run.failed_job
    is_of_batches = failed is not None and any(j.name == failed.job and j.zone == "silver" for j in jobs())
    return run.batch_ids[0] if is_of_batches and len(run.batch_ids) == 1 else None


def _tables() -> dict[str, str]:
    return {job.name: f"{job.zone}.{job.table}" for job in jobs()}


def _tables_written(run: Run) -> tuple[str, ...]:
    """Return the tables that succeeded jobs of this run have written, each as "zone.table"."""
    tables = _tables()
    done = [job.job for job in run.jobs if job.state == "SUCCEEDED"]
    return tuple(dict.fromkeys(tables[name] for name in done if name in tables))


def _sources(name: str) -> tuple[str, ...]:
    """Return the silver tables that a job writes or reads, directly or through other jobs."""
    found: list[str] = []
    by_table = {f"{job.zone}.{job.table}": job for job in jobs()}
    waiting = [job for job in jobs() if job.name == name]
    while waiting:
        job = waiting.pop(0)
        if job.zone == "silver" and job.table not in found:
            found.append(job.table)
        waiting += [by_table[table] for table in job.reads if table in by_table]
    return tuple(found)


def _published(run: Run, published: Published | None) -> str:
    """Return a sentence about the release that analysts see after this failure."""
    if published is None:
        return "Nothing has been published yet."
    if published.release_id == run.run_id:
        return (
            "The release of this run is already published, and the dashboards show it. The views for other "
            "SQL tools may still show the previous release. Resume the run to update them."
        )
    return f"The published release did not change: it is still {published.release_id}."


def _plain(text: str) -> str:
    """Return the message of a Lambda error without its stack trace; return other text unchanged."""
    try:
        document = json.loads(text)
    except ValueError:
        return text
    return str(document.get("errorMessage", text)) if isinstance(document, dict) else text
