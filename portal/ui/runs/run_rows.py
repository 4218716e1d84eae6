"""What pages say about a run beside its jobs: state with the decision, batches, rows in and out of a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.jobs import Job, jobs
from pipeline.releases.model import Release
from portal.core.context import Context
from portal.core.vocabulary import state_label
from portal.releases import service as releases
from portal.runs import service as runs
from portal.runs.job_runs import JobRun
from portal.runs.model import Run
from portal.ui import cache


@cache.shared("watch_runs", ttl=3600, most=2000)
def plan(_context: Context, run: Run) -> Mapping[str, Any]:
    """Return the plan of a run, empty if it has none; it is read again when the run's status changes."""
    return runs.plan(_context, run.run_id) or {}


@cache.shared("watch_runs", ttl=3600, most=2000)
def release(_context: Context, run: Run) -> Release | None:
    """Return the release that a run has built, or None."""
    return releases.find(_context, run.run_id) if run.status == "SUCCEEDED" else None


def state(run: Run) -> str:
    """Return the state of a run with the decision on its release: "✓ Succeeded, held for review"."""
    label = state_label(run.status)
    built = release(run)
    published = cache.published()
    if built and built.decision == "hold":
        is_seen = published and run.run_id in {published.release_id, *published.history}
        return f"{label}, {'approved' if is_seen else 'held for review'}"
    return label


def received(batch_ids: Sequence[str], rows: Mapping[str, int]) -> int | None:
    """Return the rows of batches, given the rows of all batches by id; None if one of them is not known."""
    known = [rows.get(batch_id) for batch_id in batch_ids]
    return sum(n for n in known if n is not None) if known and None not in known else None


def of_job(run: Run, job: JobRun) -> str:
    """Return the rows that a job read and wrote as text; empty if it has not succeeded."""
    found = next((each for each in jobs() if each.name == job.job), None)
    if found is None or job.state != "SUCCEEDED":
        return ""
    return _silver(run, found) if found.zone == "silver" else _gold(run, found)


def _silver(run: Run, job: Job) -> str:
    lines = [line for line in cache.rows_so_far(run) if line["table_name"] == job.table]
    total = {name: sum(line[name] for line in lines) for name in ("received", "loaded", "quarantined")}
    if not lines:
        return "Rows: none received."
    return (
        f"Rows: {total['received']:,} in, {total['loaded']:,} loaded to silver, "
        f"{total['quarantined']:,} quarantined."
    )


def _gold(run: Run, job: Job) -> str:
    built = release(run)
    count = built.tables.get(job.table) if built else None
    return "" if count is None else f"Rows: {count:,} written to {job.table}."
