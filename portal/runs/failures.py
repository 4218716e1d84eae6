"""Why a run failed, in plain words: a table of known causes, what they touched, and what to do next."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pipeline.contracts.model import load
from pipeline.jobs import jobs
from pipeline.releases.model import Published
from portal.core.context import Context
from portal.quality import failing_rows
from portal.quality import results as quality
from portal.runs.service import Run

if TYPE_CHECKING:
    import pandas as pd  # a second to import: functions that need it do so

Next = Literal["go_on", "fix_data", "run_again", "wait"]


@dataclass(frozen=True)
class Cause:
    """A known cause: `sign` is looked for in what the run and its failed job say."""

    name: str
    sign: str
    words: str
    next: Next


CAUSES = (
    Cause("A job was stopped", r"\bSTOPPED\b", "A Glue job of this run was stopped; the run itself was not.", "go_on"),
    Cause("The lake was busy", r"LakeBusy|has been writing since", "Another run was writing, so this one was refused and changed nothing.", "wait"),
    Cause("Nothing to load", r"NoBatches|no batch to process", "There was no batch to run on.", "fix_data"),
    Cause("A batch is retired", r"RetiredBatch|is retired", "The run names a batch that was retired.", "run_again"),
    Cause("A batch is not there", r"UnknownBatch|has no manifest|There is no batch", "A batch that the run names is not in the lake, or its import did not end.", "fix_data"),
    Cause("Bad input", r"BadRunInput|run's input", "The run was started with an input that the pipeline does not accept.", "run_again"),
    Cause("A batch was never loaded", r"has no complete silver", "The release holds a batch whose silver tables are not there.", "run_again"),
    Cause("Row counts do not reconcile", r"do not reconcile", "The rows received are not the rows loaded plus the rows quarantined, so the job stopped.", "go_on"),
    Cause("Out of time", r"TIMEOUT|TIMED_OUT|Timeout(?!Exception)|timed out", "The job took longer than it may.", "go_on"),
    Cause("Worker lost", r"worker (process )?(ended|died|was killed|went away)|died while|signal|SIGKILL|exit(ed with)? code|ExecutorLost|OutOfMemory|Java heap|LaptopCloudEnded|cloud ended while", "The machine that ran the job was lost: killed, out of memory, or switched off.", "go_on"),
    Cause("No room on the disk", r"disk is full|No space left|ENOSPC", "The disk of the worker is full.", "go_on"),
    Cause("Permission is missing", r"AccessDenied|not authorized|AccessDeniedException", "AWS refused the job an action: its role lacks a permission.", "go_on"),
    Cause("AWS was busy", r"Throttl|TooManyRequests|SlowDown|JobBusy|ConcurrentRunsExceeded|Rate exceeded", "AWS answered that there was too much at once.", "go_on"),
    Cause("AWS could not be reached", r"EndpointConnection|ConnectTimeout|ReadTimeout|ConnectionClosed|UnknownHost", "The network between the job and AWS broke.", "go_on"),
    Cause("A column is not as the contract says", r"ContractError|AnalysisException|UNRESOLVED_COLUMN|CAST_INVALID", "A table does not have the columns or types that the contract has.", "fix_data"),
    Cause("A file could not be read", r"FileNotFound|FAILED_READ_FILE|CANNOT_READ|NoSuchKey|ParquetDecoding|cannot be read|not the file that was imported", "A file that belongs to a batch or a table is missing or damaged.", "fix_data"),
    Cause("The script has a fault", r"Error at \w+\.py:\d+|Traceback|Error:|Exception", "The job's script ended with an error of its own.", "go_on"),
)  # fmt: skip

UNKNOWN = Cause("Cause not known", "", "This failure is none of those that the portal knows: its message and log follow.", "go_on")  # fmt: skip

_STOPPED = Cause("Stopped", "", "", "go_on")

_BATCH = re.compile(r"\bbatch(?:_id=| '?)(\d{8}T\d{6}-[0-9a-f]{8})", re.IGNORECASE)

_LINE = re.compile(r"(?:at |File \"?[^\n\"]*?)(\w+\.py)(?::|\", line )(\d+)")


@dataclass(frozen=True)
class Failure:
    """A failed run explained.

    `looks_at` are the tables whose refused rows tell more, `readers` says what those of the lake see by now
    and `batch_id` names the batch that could not be processed, where one is known.
    """

    cause: Cause
    message: str
    job: str | None
    line: str | None
    touched: tuple[str, ...]
    halfway: str | None
    looks_at: tuple[str, ...] = ()
    readers: str = ""
    batch_id: str | None = None

    def advice(self, run_id: str) -> str:
        """The commands that come next."""
        again = f"Fix the cause if needed, then resume: hdp runs resume {run_id}"
        if self.batch_id is None:
            return again
        return (
            f"Batch {self.batch_id} could not be processed. {again}\n"
            f"Show it:                    hdp batches show {self.batch_id}\n"
            f"Publish the others without: hdp batches retire {self.batch_id} --reason … && hdp runs start\n"
            f"Process it again later:     hdp batches reprocess {self.batch_id}"
        )

    @property
    def safety(self) -> str:
        """Whether running again is safe, and why."""
        why = "It is safe to resume or to rerun: each job replaces what it wrote as a whole, jobs that succeeded are not run twice"
        if self.halfway:
            why += f", and {self.halfway}, which may be half written, is written again"
        return f"{why}. {self.readers}".strip()


def explain(run: Run, log: str = "", published: Published | None = None) -> Failure:
    """The failure of a run that has ended; `log` is the failed job's, `published` what readers see by now."""
    if run.status == "ABORTED":
        return _stopped(run, published)
    failed = run.failed_job
    said = [run.error, run.cause, failed.state if failed else None, failed.error if failed else None]
    text = " ".join(part for part in said if part)
    cause = next((each for each in CAUSES if re.search(each.sign, text)), None)
    if cause is None and log:
        cause = next((each for each in CAUSES if re.search(each.sign, log)), None)
    said_last = message(run)
    lines = _LINE.findall(said_last) or _LINE.findall(log)
    tables = _tables()
    return Failure(
        cause=cause or UNKNOWN,
        message=said_last or "no message was left",
        job=failed.job if failed else None,
        line=f"{lines[-1][0]}, line {lines[-1][1]}" if lines else None,
        touched=_touched(run),
        halfway=tables.get(failed.job) if failed else None,
        looks_at=_sources(failed.job) if failed else (),
        readers=_readers(run, published),
        batch_id=_batch(run, said_last),
    )


def message(run: Run) -> str:
    """What a run that did not succeed said at its end; empty for any other run."""
    if not run.is_over or run.status == "SUCCEEDED":
        return ""
    failed = run.failed_job if run.status != "ABORTED" else None
    return _plain(failed.error if failed and failed.error else run.cause or run.error or "")


def _stopped(run: Run, published: Published | None) -> Failure:
    """A stopped run has not failed: it says who stopped it and when."""
    return Failure(
        cause=_STOPPED,
        message=run.cause or "Stopped.",
        job=None,
        line=None,
        touched=_touched(run),
        halfway=None,
        readers=_readers(run, published),
    )


def _batch(run: Run, said: str) -> str | None:
    """The batch that a message names, or the only one of a run that failed on its way to silver."""
    if found := _BATCH.search(said):
        return found[1]
    failed = run.failed_job
    is_of_batches = failed is not None and any(j.name == failed.job and j.zone == "silver" for j in jobs())
    return run.batch_ids[0] if is_of_batches and len(run.batch_ids) == 1 else None


def _tables() -> dict[str, str]:
    return {job.name: f"{job.zone}.{job.table}" for job in jobs()}


def _touched(run: Run) -> tuple[str, ...]:
    """The tables that jobs of this run have written."""
    tables = _tables()
    done = [job.job for job in run.jobs if job.state == "SUCCEEDED"]
    return tuple(dict.fromkeys(tables[name] for name in done if name in tables))


def _sources(name: str) -> tuple[str, ...]:
    """The received tables that a job builds on, by way of other jobs too."""
    found: list[str] = []
    by_table = {f"{job.zone}.{job.table}": job for job in jobs()}
    waiting = [job for job in jobs() if job.name == name]
    while waiting:
        job = waiting.pop(0)
        if job.zone == "silver" and job.table not in found:
            found.append(job.table)
        waiting += [by_table[table] for table in job.reads if table in by_table]
    return tuple(found)


def _readers(run: Run, published: Published | None) -> str:
    """What readers of the lake see after this failure."""
    if published is None:
        return "Nothing has been published yet, by this run either."
    if published.release_id == run.run_id:
        return (
            "This run's release is the published one already, and the dashboards show it: what came after is not done, "
            "so the plain views for other SQL tools may still show the former one. Going on from here puts that right."
        )
    return f"The published release was not touched: it is still {published.release_id}."


def refused_rows(context: Context, run_id: str, table: str) -> pd.DataFrame:
    """Up to 200 rows of a table that the run refused, with the rules that did so; masked like all rows of the portal."""
    import pandas as pd  # noqa: PLC0415

    context.require("query")
    found = quality.quarantined(context, run_id, table)
    if found.empty:
        return pd.DataFrame()
    rows = pd.DataFrame([quality.received(raw) for raw in found["raw"]])
    rows.insert(0, "row", found["record_key"].fillna("(none)").to_list())
    masked = failing_rows.masked(rows, load("silver", table), run_id)
    masked.insert(1, "refused by", [str(ids).strip("[]") for ids in found["rule_ids"]])
    return masked


def _plain(text: str) -> str:
    """What a Lambda's error says, without its stack; any other text as it is."""
    try:
        document = json.loads(text)
    except ValueError:
        return text
    return str(document.get("errorMessage", text)) if isinstance(document, dict) else text
