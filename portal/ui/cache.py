"""Caches that all sessions share. A `Shared` function checks the user's right before it returns a value."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

import pandas as pd
import streamlit as st
from streamlit.runtime.scriptrunner import add_script_run_ctx, get_script_run_ctx

from pipeline.releases.model import Release
from portal.athena import client as athena_client
from portal.athena.client import QueryResult
from portal.batches import lifecycle
from portal.batches import service as batches
from portal.batches.lifecycle import BatchState
from portal.core.auth import Right
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.dashboards import in_memory, shared_notes
from portal.dashboards.in_memory import DatasetInMemory, Statement
from portal.dashboards.query_builder import Dataset, QueryBuilder
from portal.dashboards.shared_notes import Annotation, SavedView
from portal.quality import results as quality
from portal.quality.results import Audit
from portal.releases import service as releases
from portal.reviews import open_findings as findings
from portal.reviews.decisions import Finding
from portal.runs import alerts as alerting
from portal.runs import executions, job_runs
from portal.runs import history as run_history
from portal.runs import service as runs
from portal.runs.alerts import Alert
from portal.runs.history import Found
from portal.runs.job_runs import Line
from portal.runs.model import Run
from portal.ui import session

P = ParamSpec("P")
R = TypeVar("R")

_CONCURRENT_QUERIES = 6
"""Concurrent Athena queries of one page; the default quota of an account is 20."""


def aggregate(dataset: Dataset, statement: Statement, release_id: str) -> QueryResult:
    """Return the result of a statement over a dataset of a release, cached because releases are immutable.

    Small releases are kept in memory, for all sessions; larger ones are queried on Athena.
    """
    sql = statement(QueryBuilder(session.process_context(), release_id), dataset)
    return _answer(sql, release_id, dataset, statement)


@st.cache_data(ttl=3600, max_entries=500, show_spinner=False)
def _answer(sql: str, release_id: str, _dataset: Dataset, _statement: Statement) -> QueryResult:
    found = _in_memory(release_id, _dataset.source, _dataset)
    if found is None:
        return athena_client.run_query(session.process_context(), sql, release_id=release_id)
    return found.answer(_dataset, _statement, sql)


@st.cache_resource(max_entries=10, show_spinner=False)
def _in_memory(release_id: str, source: str, _dataset: Dataset) -> DatasetInMemory | None:  # noqa: ARG001
    context = session.process_context()
    if not in_memory.fits(_dataset, releases.get(context, release_id)):
        return None
    return in_memory.read_dataset(context, _dataset, release_id)


def prefetch(wanted: Sequence[tuple[Dataset, Statement, str]]) -> None:
    """Compute statements in parallel and cache the results; `wanted` has (dataset, statement, release id)."""

    def compute(each: tuple[Dataset, Statement, str]) -> None:
        add_script_run_ctx(threading.current_thread(), script_run)
        aggregate(*each)

    script_run = get_script_run_ctx()
    with ThreadPoolExecutor(_CONCURRENT_QUERIES) as threads:
        list(threads.map(compute, wanted))


def cache_key(run: Run) -> tuple[str, ...]:
    """Return the cache key of a run; it changes with the run's status and when a job succeeds."""
    return (run.run_id, run.status, *(job.job_run_id for job in run.jobs if job.state == "SUCCEEDED"))


class Shared(Generic[P, R]):
    """A function cached for all users with a right. The right is checked on every call.

    `ttl` is in seconds; `most` is the maximum number of cached values.
    """

    def __init__(
        self, right: Right, function: Callable[Concatenate[Context, P], R], ttl: float, most: int
    ) -> None:
        self._right = right
        cached = st.cache_data(ttl=ttl, max_entries=most, show_spinner=False, hash_funcs={Run: cache_key})
        self._cached: Any = cached(function)
        self.clear: Callable[[], None] = self._cached.clear

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        context = session.context()
        context.require(self._right)
        value: R = self._cached(context, *args, **kwargs)
        return value


def shared(
    right: Right, *, ttl: float, most: int = 50
) -> Callable[[Callable[Concatenate[Context, P], R]], Shared[P, R]]:
    """Return a decorator that makes a function `Shared`; its cache key leaves out the first argument."""
    return lambda function: Shared(right, function, ttl, most)


@shared("watch_runs", ttl=2)
def run(_context: Context, run_id: str) -> Run:
    """Return a run with its current state."""
    return runs.get(_context, run_id)


@shared("watch_runs", ttl=2)
def log_tail(_context: Context, job_run_id: str, log_group: str) -> list[Line]:
    """Return the last 1,000 lines of a job run's log, oldest first."""
    return job_runs.log_lines(_context, job_run_id, log_group)


@shared("watch_runs", ttl=30, most=20)
def whole_log(_context: Context, job_run_id: str, log_group: str) -> list[Line]:
    """Return all lines of a job run's log, oldest first."""
    return job_runs.log_lines(_context, job_run_id, log_group, limit=None)


@shared("see_charts", ttl=2, most=5)
def recent_runs(_context: Context, limit: int = 50) -> list[Run]:
    return runs.list_runs(_context, limit)


@shared("watch_runs", ttl=10, most=5)
def history(_context: Context, limit: int = 50) -> list[Run]:
    """Return the newest runs with their job runs."""
    return run_history.search(_context, limit=limit, ending=_ending).runs


@shared("watch_runs", ttl=10, most=20)
def search(_context: Context, statuses: tuple[str, ...], text: str, limit: int, depth: int) -> Found:
    return run_history.search(
        _context, statuses=statuses, text=text, limit=limit, depth=depth, ending=_ending
    )


@shared("watch_runs", ttl=3600, most=10_000)
def _ending(_context: Context, execution_arn: str) -> tuple[str | None, str | None]:
    """Return error and cause of an execution that ended without success; they never change."""
    return executions.ending(_context, execution_arn)


def medians(but: str = "") -> dict[str, float]:
    """Return the median duration of each job in seconds in recent runs, without the run `but`."""
    return run_history.medians(history(), but)


@shared("watch_runs", ttl=30, most=2)
def alerts(_context: Context) -> list[Alert]:
    """Return the current alerts."""
    return alerting.now(_context, history())


@shared("see_charts", ttl=5, most=2)
def received(_context: Context) -> list[str]:
    """Return the ids of all batches."""
    return list(batches.synthetic(_context))


@shared("watch_runs", ttl=5, most=2)
def batch_states(_context: Context) -> list[BatchState]:
    """Return all batches with their status."""
    return lifecycle.list_states(_context)


@shared("see_charts", ttl=600, most=200)
def reconciliation(_context: Context, run_id: str) -> list[dict[str, Any]]:
    """Return the numbers of rows that an ended run received, loaded and quarantined, by table and batch."""
    return quality.reconciliation(_context, run_id)


# results of a run that may still be running, read again when a job succeeds or the run ends (`cache_key`)


@shared("watch_runs", ttl=600, most=200)
def rows_so_far(_context: Context, run: Run) -> list[dict[str, Any]]:
    return quality.reconciliation(_context, run.run_id)


@shared("watch_runs", ttl=600, most=200)
def gold_rows(_context: Context, run: Run) -> dict[str, int]:
    return run_history.gold_rows(_context, run)


@shared("watch_runs", ttl=600, most=200)
def audit(_context: Context, run: Run) -> Audit | None:
    return quality.audit(_context, run.run_id)


@shared("watch_runs", ttl=600, most=50)
def rule_results(_context: Context, run: Run) -> pd.DataFrame:
    return quality.results(_context, run.run_id)


# results of an ended run, cached by the version of its release, because resuming the run changes them


@shared("see_charts", ttl=600)
def results(_context: Context, run_id: str, version: str) -> pd.DataFrame:  # noqa: ARG001  (part of the cache key)
    return quality.results(_context, run_id)


@shared("see_charts", ttl=600, most=20)
def past_results(_context: Context, run_ids: tuple[str, ...], version: str) -> pd.DataFrame:  # noqa: ARG001
    return quality.history(_context, run_ids)


@shared("see_charts", ttl=600)
def decision(_context: Context, run_id: str, version: str) -> Audit | None:  # noqa: ARG001
    return quality.audit(_context, run_id)


@shared("query", ttl=600)
def failing_rows(_context: Context, run_id: str, table: str, rule_id: str, version: str) -> pd.DataFrame:  # noqa: ARG001
    return quality.failing_rows(_context, run_id, table, rule_id)


@shared("query", ttl=600, most=50)
def quarantined_rows(_context: Context, run: Run, table: str) -> pd.DataFrame:
    return quality.quarantined_rows(_context, run.run_id, table)


def forget_schedule() -> None:
    alerts.clear()


def forget_runs() -> None:
    """Clear the cached runs, alerts and batch states; call it after an action that changes them."""
    for cached in (run, recent_runs, history, search, alerts, batch_states):
        cached.clear()


@shared("query", ttl=120, most=20)
def open_findings(_context: Context, release_id: str) -> tuple[Finding, ...]:
    """Return the open findings of a release, the worst first."""
    return findings.of_release(_context, release_id)


@shared("see_charts", ttl=10, most=10)
def saved_views(_context: Context, page: str) -> list[SavedView]:
    """Return the saved views of a dashboard page."""
    return shared_notes.views(_context, page)


@shared("see_charts", ttl=10, most=2)
def chart_annotations(_context: Context) -> list[Annotation]:
    """Return the annotations of charts by month."""
    return shared_notes.all_annotations(_context)


@st.cache_data(ttl=2, max_entries=2, show_spinner=False)
def published() -> Any:
    return releases.current(session.process_context())


@st.cache_data(max_entries=50, show_spinner=False)
def release(release_id: str) -> Release:
    """Return a release; it never changes once it is written."""
    return releases.get(session.context(), release_id)


def release_or_stop() -> str:
    """Return the id of the published release; stop the page with a message if there is none."""
    try:
        current = published()
    except ServiceError as error:
        session.show_error(error)
        st.stop()
    if current is None:
        from portal.ui.home import first_start  # noqa: PLC0415  (it uses this module)

        first_start.draw("Nothing has been published yet.")
        st.stop()
    return str(current.release_id)
