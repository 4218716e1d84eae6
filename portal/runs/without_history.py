"""Runs whose history Step Functions does not have any more: their plan and release are still in the lake."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from pipeline.lake.store import read_json
from pipeline.releases import model as release_model
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires
from portal.runs import executions, job_runs
from portal.runs.model import Run

_LOST = (
    "Step Functions has no history of this run: it was lost, or is older than 90 days. "
    "Plan and release are shown."
)


@requires("watch_runs")
def plan(context: Context, run_id: str) -> dict[str, Any] | None:
    """Return the plan of a run, or None if it is not written yet."""
    found = read_json(context.client("s3"), context.lake.run_plan(run_id))
    return found[0] if found else None


@requires("watch_runs")
def of_plan(context: Context, run_id: str) -> Run:
    """Return a run from its plan, release and job runs; raise `ServiceError` if it has no plan."""
    known = plan(context, run_id) if re.fullmatch(r"[\w.-]{1,100}", run_id) else None
    if known is None:
        raise ServiceError(f"There is no run '{run_id}'. 'hdp runs list' lists the runs.")
    s3, lake = context.client("s3"), context.lake
    release, published = release_model.find(s3, lake, run_id), release_model.current(s3, lake)
    started = _time(known["started_at"])
    return Run(
        run_id=run_id,
        status="SUCCEEDED" if release else "ABORTED",
        started_at=started,
        stopped_at=_time(release.created_at) if release else started,
        execution_arn=executions.arn(context, run_id),
        cause=_LOST,
        batch_ids=tuple(known["batch_ids"]),
        started_by=known["started_by"],
        decision=release.decision if release else None,
        is_published=published is not None and published.release_id == run_id,
        jobs=job_runs.of_run(context, run_id, started),
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
