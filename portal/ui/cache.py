"""Answers that are kept at hand for all who may have them: many viewers cost one look."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

import pandas as pd
import streamlit as st
from streamlit.runtime.scriptrunner import add_script_run_ctx, get_script_run_ctx

from portal.athena import client as athena_client
from portal.athena.client import QueryResult
from portal.batches import lifecycle
from portal.batches import service as batches
from portal.batches.lifecycle import Life
from portal.batches.service import Batch
from portal.core.auth import Right
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.quality import results as quality
from portal.quality.results import Audit
from portal.releases import service as releases
from portal.runs import alerts as alerting
from portal.runs import executions, failures, job_runs
from portal.runs import history as run_history
from portal.runs import service as runs
from portal.runs.alerts import Alert
from portal.runs.history import Found
from portal.runs.job_runs import Line
from portal.runs.service import Run
from portal.ui import session

P = ParamSpec("P")
R = TypeVar("R")

_AT_ONCE = 6
"""Queries of one page that Athena works on at the same time; an account may have 20 (its default quota)."""


@st.cache_data(ttl=3600, max_entries=500, show_spinner=False)
def ask(sql: str, release_id: str) -> QueryResult:
    """An answer from one release never changes, so it may be kept."""
    return athena_client.run_query(session.process_context(), sql, release_id=release_id)


def ask_together(questions: Sequence[tuple[str, str]]) -> None:
    """Have the answers to several (SQL, release) at hand: asked side by side, they take as long as the slowest."""

    def one(question: tuple[str, str]) -> None:
        add_script_run_ctx(threading.current_thread(), script_run)
        ask(*question)

    script_run = get_script_run_ctx()
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        list(threads.map(one, questions))


def stamp(run: Run) -> tuple[str, ...]:
    """What a run's rows and findings change with: its own end, and each job's."""
    return (run.run_id, run.status, *(job.job_run_id for job in run.jobs if job.state == "SUCCEEDED"))


class Shared(Generic[P, R]):
    """A question whose answer everybody who has the right shares for some seconds: many viewers cost one look.

    The right is asked for at every look, for a kept answer would not ask.
    """

    def __init__(
        self, right: Right, question: Callable[Concatenate[Context, P], R], ttl: float, most: int
    ) -> None:
        self._right = right
        keep = st.cache_data(ttl=ttl, max_entries=most, show_spinner=False, hash_funcs={Run: stamp})
        self._kept: Any = keep(question)
        self.clear: Callable[[], None] = self._kept.clear

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        asker = session.context()
        asker.require(self._right)
        answer: R = self._kept(asker, *args, **kwargs)
        return answer


def shared(
    right: Right, *, ttl: float, most: int = 50
) -> Callable[[Callable[Concatenate[Context, P], R]], Shared[P, R]]:
    """Make a `Shared` question of a function whose first argument is the asker's `_aws`, which is no part of the key."""
    return lambda question: Shared(right, question, ttl, most)


@shared("watch_runs", ttl=2)
def run(_aws: Context, run_id: str) -> Run:
    """A run's live state."""
    return runs.get(_aws, run_id)


@shared("watch_runs", ttl=2)
def log_tail(_aws: Context, job_run_id: str, log_group: str) -> list[Line]:
    """The last lines of an attempt's log."""
    return job_runs.log_lines(_aws, job_run_id, log_group)


@shared("watch_runs", ttl=30, most=20)
def whole_log(_aws: Context, job_run_id: str, log_group: str) -> list[Line]:
    return job_runs.log_lines(_aws, job_run_id, log_group, limit=None)


@shared("see_charts", ttl=2, most=5)
def recent_runs(_aws: Context, limit: int = 50) -> list[Run]:
    return runs.list_runs(_aws, limit)


@shared("watch_runs", ttl=10, most=5)
def history(_aws: Context, limit: int = 50) -> list[Run]:
    """The newest runs with their job runs."""
    return run_history.search(_aws, limit=limit, ending=_ending).runs


@shared("watch_runs", ttl=10, most=20)
def search(_aws: Context, statuses: tuple[str, ...], text: str, limit: int, depth: int) -> Found:
    return run_history.search(_aws, statuses=statuses, text=text, limit=limit, depth=depth, ending=_ending)


@shared("watch_runs", ttl=3600, most=10_000)
def _ending(_aws: Context, execution_arn: str) -> tuple[str | None, str | None]:
    """Error and cause of an execution that has ended: they change no more."""
    return executions.ending(_aws, execution_arn)


def medians() -> dict[str, float]:
    """Seconds by job, as a rule."""
    return run_history.medians(history())


@shared("watch_runs", ttl=30, most=2)
def alerts(_aws: Context) -> list[Alert]:
    """What needs somebody now; the same for all."""
    return alerting.now(_aws, history())


@shared("see_charts", ttl=5, most=2)
def received(_aws: Context) -> list[Batch]:
    """The batches that are in the lake."""
    return batches.list_batches(_aws)


@shared("see_charts", ttl=5, most=2)
def lives(_aws: Context) -> list[Life]:
    """The batches with their status."""
    return lifecycle.lives(_aws)


@shared("see_charts", ttl=600, most=200)
def reconciliation(_aws: Context, run_id: str) -> list[dict[str, Any]]:
    """Rows received, loaded and refused by a run that has ended."""
    return quality.reconciliation(_aws, run_id)


# of a run that may still be running: read again when one of its jobs has ended (`stamp`)


@shared("watch_runs", ttl=600, most=200)
def rows_so_far(_aws: Context, run: Run) -> list[dict[str, Any]]:
    return quality.reconciliation(_aws, run.run_id)


@shared("watch_runs", ttl=600, most=200)
def gold_rows(_aws: Context, run: Run) -> dict[str, int]:
    return run_history.gold_rows(_aws, run)


@shared("watch_runs", ttl=600, most=200)
def audit(_aws: Context, run: Run) -> Audit | None:
    return quality.audit(_aws, run.run_id)


@shared("watch_runs", ttl=600, most=50)
def rule_results(_aws: Context, run: Run) -> pd.DataFrame:
    return quality.results(_aws, run.run_id)


# of a run that has ended, by the version of its release: a run that was gone on with has other results


@shared("see_charts", ttl=600)
def results(_aws: Context, run_id: str, version: str) -> pd.DataFrame:  # noqa: ARG001  (a part of the key)
    return quality.results(_aws, run_id)


@shared("see_charts", ttl=600, most=20)
def past_results(_aws: Context, run_ids: tuple[str, ...], version: str) -> pd.DataFrame:  # noqa: ARG001
    return quality.history(_aws, run_ids)


@shared("see_charts", ttl=600)
def decision(_aws: Context, run_id: str, version: str) -> Audit | None:  # noqa: ARG001
    return quality.audit(_aws, run_id)


@shared("query", ttl=600)
def failing_rows(_aws: Context, run_id: str, table: str, rule_id: str, version: str) -> pd.DataFrame:  # noqa: ARG001
    return quality.failing_rows(_aws, run_id, table, rule_id)


@shared("query", ttl=600, most=50)
def refused_rows(_aws: Context, run: Run, table: str) -> pd.DataFrame:
    return failures.refused_rows(_aws, run.run_id, table)


def forget_schedule() -> None:
    alerts.clear()


def forget_runs() -> None:
    """Forget the runs known: somebody has started, stopped or resumed one."""
    for kept in (run, recent_runs, history, search, alerts, lives):
        kept.clear()


@st.cache_data(ttl=2, max_entries=2, show_spinner=False)
def published() -> Any:
    return releases.current(session.process_context())


def release_or_stop() -> str:
    """The published release; where there is none, the page says what to do and ends."""
    try:
        current = published()
    except ServiceError as error:
        session.show_error(error)
        st.stop()
    if current is None:
        session.nothing_yet("Nothing has been published yet.")
        st.stop()
    return str(current.release_id)
