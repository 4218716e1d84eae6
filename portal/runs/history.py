"""Search past runs, estimate duration and cost of a run, and compare two runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any

from pipeline.jobs import jobs
from portal.athena import client as athena_client
from portal.core.context import Context
from portal.core.rights import requires
from portal.quality import results as quality
from portal.runs import executions, job_runs
from portal.runs import service as runs
from portal.runs.job_runs import JobRun
from portal.runs.model import Run

if TYPE_CHECKING:
    import pandas as pd  # takes a second to import, so functions that need it import it

MEDIAN_RUNS = 20
"""Maximum number of runs in a median."""

LEAST_RUNS = 3
"""Minimum number of former runs in a median: fewer do not tell what is usual."""

SEARCH_RUNS, SEARCH_CAUSES = 10_000, 300
"""Maximum numbers of runs, and of causes of failed runs, that a search of depth 1 reads."""

MOST_WITH_COST = job_runs.MOST
"""Maximum number of runs with a known cost; older job runs are not fetched."""


@dataclass(frozen=True)
class Estimate:
    """Duration (seconds) and cost (US $) of a run, estimated from `run_count` successful runs."""

    run_count: int
    seconds: float
    fastest: float
    slowest: float
    dollars: float


@dataclass(frozen=True)
class Found:
    """The runs that a search found, newest first; `is_all` is true if all runs were searched."""

    runs: list[Run]
    searched: int
    is_all: bool


@requires("watch_runs")
def recent(context: Context, limit: int = 50) -> list[Run]:
    """Return the newest runs with their job runs and, if they did not succeed, error and cause."""
    return search(context, limit=limit).runs


Ending = tuple[str | None, str | None]


@requires("watch_runs")
def search(
    context: Context,
    *,
    statuses: Sequence[str] = (),
    text: str = "",
    limit: int = 50,
    depth: int = 1,
    ending: Callable[[str], Ending] | None = None,
) -> Found:
    """Return the newest `limit` runs in one of `statuses` whose id, error or cause contains `text`.

    Without `statuses`, runs in any status are returned; case is ignored in `text`.

    The search stops after `depth` × 10,000 runs or `depth` × 300 causes. `ending` returns error and cause of
    an execution by its ARN; pass a cached function.
    """
    ending = ending or (lambda arn: executions.ending(context, arn))
    hits: list[Run] = []
    searched = read = 0
    for run in runs.newest_first(context, page_size=1000 if statuses or text else min(1000, 2 * limit)):
        if len(hits) == limit or searched == depth * SEARCH_RUNS or read >= depth * SEARCH_CAUSES:
            return Found(_with_job_runs(context, hits), searched, is_all=False)
        searched += 1
        if statuses and run.status not in statuses:
            continue
        explained = _with_cause(run, ending)
        read += explained is not run
        if text.lower() in f"{explained.run_id} {explained.error} {explained.cause}".lower():
            hits.append(explained)
    return Found(_with_job_runs(context, hits), searched, is_all=True)


def _with_cause(run: Run, ending: Callable[[str], Ending]) -> Run:
    if run.status in {"RUNNING", "SUCCEEDED"}:
        return run
    error, cause = ending(run.execution_arn)
    return replace(run, error=error, cause=cause)


def _with_job_runs(context: Context, found: Sequence[Run]) -> list[Run]:
    if not found:
        return []
    since = min(
        (executions.first_start(context, run.run_id) if run.attempt > 1 else None) or run.started_at
        for run in found
    )
    of_run: dict[str, list[JobRun]] = defaultdict(list)
    for job in jobs():
        for run_id, attempt in job_runs.since(context, job, since):
            of_run[run_id].append(attempt)
    return [replace(run, jobs=tuple(of_run[run.run_id])) for run in found]


def medians(past: Sequence[Run], but: str = "") -> dict[str, float]:
    """Return the median duration of each job, in seconds, over its last 20 successful job runs.

    The run `but`, which is compared with the medians, and jobs with fewer than three job runs are left out.
    """
    durations: dict[str, list[float]] = defaultdict(list)
    for run in (run for run in past if run.run_id != but):
        for job in run.jobs:
            if job.state == "SUCCEEDED" and len(durations[job.job]) < MEDIAN_RUNS:
                durations[job.job].append(job.seconds)
    return {job: median(seconds) for job, seconds in durations.items() if len(seconds) >= LEAST_RUNS}


def estimate(past: Sequence[Run]) -> Estimate | None:
    """Return an estimate from the newest runs that succeeded at the first attempt; None if there are none."""
    successful = [run for run in past if run.status == "SUCCEEDED" and run.attempt == 1][:MEDIAN_RUNS]
    if not successful:
        return None
    seconds = [run.seconds for run in successful]
    return Estimate(
        run_count=len(successful),
        seconds=median(seconds),
        fastest=min(seconds),
        slowest=max(seconds),
        dollars=median(run.cost_dollars for run in successful),
    )


@dataclass(frozen=True)
class Comparison:
    """Two runs side by side: seconds per job, rows per table, and rules with different results."""

    times: pd.DataFrame
    rows: pd.DataFrame
    rules: pd.DataFrame


@requires("watch_runs")
def compare(context: Context, first: Run, second: Run) -> Comparison:
    """Return a comparison of two runs, without jobs that neither started and rules with equal results."""
    import pandas as pd  # noqa: PLC0415

    names = (first.run_id, second.run_id)
    times = pd.DataFrame(
        {
            "job": [job.name for job in jobs()],
            names[0]: [_seconds(first, job.name) for job in jobs()],
            names[1]: [_seconds(second, job.name) for job in jobs()],
        }
    )
    times = times[times[list(names)].notna().any(axis=1)]
    reconciliations = {name: quality.reconciliation(context, name) for name in names}
    return Comparison(times, _rows(reconciliations), _rules(context, names))


def _seconds(run: Run, job: str) -> float | None:
    latest = run.latest(job)
    return round(latest.seconds, 1) if latest else None


def _rows(reconciliations: dict[str, list[dict[str, Any]]]) -> pd.DataFrame:
    """Return rows received, loaded and quarantined by table, with a column for each run."""
    import pandas as pd  # noqa: PLC0415

    counts = [
        {"table": line["table_name"], "rows": kind, "run": name, "number": line[kind]}
        for name, lines in reconciliations.items()
        for line in lines
        for kind in ("received", "loaded", "quarantined")
    ]
    if not counts:
        return pd.DataFrame(columns=["table", "rows", *reconciliations])
    wide = pd.DataFrame(counts).pivot_table(
        index=["table", "rows"], columns="run", values="number", aggfunc="sum", fill_value=0
    )
    return wide.reindex(columns=list(reconciliations), fill_value=0).reset_index().rename_axis(columns=None)


def _rules(context: Context, names: tuple[str, str]) -> pd.DataFrame:
    """Return the rules whose outcome or rate differs between two runs, with both values."""
    import pandas as pd  # noqa: PLC0415

    found = quality.history(context, names)
    if found.empty:
        return pd.DataFrame(columns=["table_name", "rule_id"])
    key = ["table_name", "rule_id"]
    of_run = {name: found[found["run_id"] == name].set_index(key)[["status", "rate"]] for name in names}
    sides = [of_run[name].add_suffix(f" · {name}") for name in names]
    both = sides[0].join(sides[1], how="outer")
    (status_a, rate_a), (status_b, rate_b) = (side.columns for side in sides)
    differs = (both[status_a] != both[status_b]) | ((both[rate_a] - both[rate_b]).abs() > 1e-9)
    return both[differs & both[[status_a, status_b]].notna().any(axis=1)].reset_index()


@requires("watch_runs")
def gold_rows(context: Context, run: Run) -> dict[str, int]:
    """Return the number of rows of each gold table that the run has written so far."""
    ended = {attempt.job for attempt in run.jobs if attempt.state == "SUCCEEDED"}
    tables = [job.table for job in jobs() if job.zone == "gold" and job.name in ended]
    if not tables:
        return {}
    sources = {name: athena_client.release_table(context, name, run.run_id) for name in tables}
    counts = [f"SELECT '{name}' AS name, count(*) AS number FROM {sql}" for name, sql in sources.items()]
    counted = athena_client.run_query(context, " UNION ALL ".join(counts)).frame.set_index("name")["number"]
    return {name: int(counted[name]) for name in tables}
