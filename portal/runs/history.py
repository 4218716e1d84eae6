"""What former runs tell: how long each job usually takes, what a run will take and cost, and how two runs differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any

from pipeline.jobs import jobs
from portal.athena import client as athena_client
from portal.core.context import Context
from portal.quality import results as quality
from portal.runs import executions, job_runs
from portal.runs import service as runs
from portal.runs.job_runs import DPU_HOUR_DOLLARS, JobRun
from portal.runs.service import Run

if TYPE_CHECKING:
    import pandas as pd  # a second to import: functions that need it do so

LOOK_BACK = 20
"""Runs that a median is of."""

LOOK, CAUSES = 10_000, 300
"""Runs, and causes of failed ones, that a search looks at before it asks whether to look further back."""

JOB_RUNS = job_runs.MOST
"""Runs whose cost is known: of older ones no job run is asked for."""


@dataclass(frozen=True)
class Estimate:
    """What a run will take, by the last `of` that succeeded: seconds, and US dollars in AWS."""

    of: int
    seconds: float
    fastest: float
    slowest: float
    dollars: float


@dataclass(frozen=True)
class Found:
    """Runs that fit a question, the newest first; `is_all` says that no older run is left to look at."""

    runs: list[Run]
    looked_at: int
    is_all: bool


def recent(context: Context, limit: int = 50) -> list[Run]:
    """The newest runs with their job runs, and with the cause of those that failed."""
    return search(context, limit=limit).runs


Ending = tuple[str | None, str | None]


def search(
    context: Context,
    *,
    statuses: Sequence[str] = (),
    text: str = "",
    limit: int = 50,
    depth: int = 1,
    ending: Callable[[str], Ending] | None = None,
) -> Found:
    """The newest `limit` runs in one of `statuses` whose name, error or cause holds `text`.

    `depth` is how far back it looks for them: that many times 10,000 runs, or 300 causes. `ending` tells an
    execution's error and cause, for a caller who keeps them.
    """
    context.require("watch_runs")
    ending = ending or (lambda arn: executions.ending(context, arn))
    hits: list[Run] = []
    looked = read = 0
    for run in runs.newest_first(context, page_size=1000 if statuses or text else min(1000, 2 * limit)):
        if len(hits) == limit or looked == depth * LOOK or read >= depth * CAUSES:
            return Found(_with_job_runs(context, hits), looked, is_all=False)
        looked += 1
        if statuses and run.status not in statuses:
            continue
        told = _with_cause(run, ending)
        read += told is not run
        if text.lower() in f"{told.run_id} {told.error} {told.cause}".lower():
            hits.append(told)
    return Found(_with_job_runs(context, hits), looked, is_all=True)


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


def medians(past: Sequence[Run]) -> dict[str, float]:
    """Seconds by job, waiting for a worker among them: the median of its last 20 that succeeded."""
    taken: dict[str, list[float]] = defaultdict(list)
    for run in past:
        for job in run.jobs:
            if job.state == "SUCCEEDED" and len(taken[job.job]) < LOOK_BACK:
                taken[job.job].append(job.seconds)
    return {job: median(seconds) for job, seconds in taken.items()}


def estimate(past: Sequence[Run]) -> Estimate | None:
    """By runs that succeeded at their first attempt; None before the first one."""
    whole = [run for run in past if run.status == "SUCCEEDED" and run.attempt == 1][:LOOK_BACK]
    if not whole:
        return None
    seconds = [run.seconds for run in whole]
    return Estimate(
        of=len(whole),
        seconds=median(seconds),
        fastest=min(seconds),
        slowest=max(seconds),
        dollars=median(run.cost_dollars for run in whole),
    )


@dataclass(frozen=True)
class Comparison:
    """Two runs side by side: seconds by job, rows by table, and the rules that found something in one of them."""

    times: pd.DataFrame
    rows: pd.DataFrame
    rules: pd.DataFrame


def compare(context: Context, first: Run, second: Run) -> Comparison:
    import pandas as pd  # noqa: PLC0415

    names = (first.run_id, second.run_id)
    times = pd.DataFrame(
        [{"job": job.name, names[0]: _seconds(first, job.name), names[1]: _seconds(second, job.name)} for job in jobs()]
    )  # fmt: skip
    times = times[times[list(names)].notna().any(axis=1)]
    accounts = {name: quality.reconciliation(context, name) for name in names}
    return Comparison(times, _rows(accounts), _rules(context, names))


def _seconds(run: Run, job: str) -> float | None:
    latest = run.latest(job)
    return round(latest.seconds, 1) if latest else None


def _rows(accounts: dict[str, list[dict[str, Any]]]) -> pd.DataFrame:
    """One row a table and count; a run that received nothing has 0."""
    import pandas as pd  # noqa: PLC0415

    said = [
        {"table": line["table_name"], "rows": kind, "run": name, "number": line[kind]}
        for name, lines in accounts.items()
        for line in lines
        for kind in ("received", "loaded", "quarantined")
    ]
    if not said:
        return pd.DataFrame(columns=["table", "rows", *accounts])
    wide = pd.DataFrame(said).pivot_table(
        index=["table", "rows"], columns="run", values="number", aggfunc="sum", fill_value=0
    )
    return wide.reindex(columns=list(accounts), fill_value=0).reset_index().rename_axis(columns=None)


def _rules(context: Context, names: tuple[str, str]) -> pd.DataFrame:
    """Rules whose outcome or rate differs."""
    import pandas as pd  # noqa: PLC0415

    found = quality.history(context, names)
    if found.empty:
        return pd.DataFrame(columns=["table_name", "rule_id"])
    sides = [
        found[found["run_id"] == name].set_index(["table_name", "rule_id"])[["status", "rate"]].add_suffix(f" · {name}")
        for name in names
    ]  # fmt: skip
    both = sides[0].join(sides[1], how="outer")
    (status_a, rate_a), (status_b, rate_b) = (side.columns for side in sides)
    differs = (both[status_a] != both[status_b]) | ((both[rate_a] - both[rate_b]).abs() > 1e-9)
    return both[differs & both[[status_a, status_b]].notna().any(axis=1)].reset_index()


def gold_rows(context: Context, run: Run) -> dict[str, int]:
    """Rows of each gold table that the run has written so far."""
    ended = {attempt.job for attempt in run.jobs if attempt.state == "SUCCEEDED"}
    tables = [job.table for job in jobs() if job.zone == "gold" and job.name in ended]
    if not tables:
        return {}
    sql = " UNION ALL ".join(
        f"SELECT '{name}' AS name, count(*) AS number FROM {athena_client.release_table(context, name, run.run_id)}" for name in tables
    )  # fmt: skip
    counted = athena_client.run_query(context, sql).frame.set_index("name")["number"]
    return {name: int(counted[name]) for name in tables}


def cost(run: Run) -> tuple[float, float]:
    """DPU hours and US dollars."""
    hours = sum(job.dpu_seconds for job in run.jobs) / 3600
    return hours, hours * DPU_HOUR_DOLLARS
