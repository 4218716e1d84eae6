"""What the pages share: the session's clients and user, cached questions, the parts that every page has."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

import pandas as pd
import streamlit as st
from streamlit.runtime.scriptrunner import add_script_run_ctx, get_script_run_ctx

from portal import auth, sign_in
from portal.auth import Right
from portal.services import alerts as alerting
from portal.services import batches, failures, job_runs, quality, releases, run_history, runs, warehouse
from portal.services.alerts import Alert
from portal.services.aws import Aws, ServiceError, explain, is_aws
from portal.services.batches import Batch
from portal.services.facts import FEWEST
from portal.services.job_runs import Line
from portal.services.quality import Audit
from portal.services.run_history import Found
from portal.services.runs import Run
from portal.services.warehouse import Answer
from portal.settings import Settings
from portal.sign_in import SignInError

log = logging.getLogger("portal")

P = ParamSpec("P")
R = TypeVar("R")

_AT_ONCE = 6
"""Queries of one page that Athena works on at the same time; an account may have 20 (its default quota)."""


@st.cache_resource
def clients() -> Aws:
    return Aws(Settings.from_environment())


def aws() -> Aws:
    """The clients on behalf of the person at this browser: services refuse what the role may not do."""
    return clients().acting(user())


@st.cache_data(ttl=300, max_entries=1, show_spinner=False)
def _sign_in_keys() -> Any:
    return sign_in.keys(clients())


def user() -> auth.User:
    """The person at this browser; on the laptop one person a role stands in for the sign-in."""
    return _person(st.context.headers, st.session_state.get("role"))


def at_the_click(make: Callable[[Aws], R]) -> Callable[[], R]:
    """What a download button makes once it is clicked, for the person who is here now.

    A click runs no page and knows of no browser. Whoever's session has ended by then, or what can't be made, gets
    the button's own "Failed to generate file"; the log names no data.
    """
    headers, role = st.context.headers, st.session_state.get("role")

    def made() -> R:
        try:
            return make(clients().acting(_person(headers, role)))
        except Exception as error:
            log.error("download failed: %s", type(error).__name__)  # noqa: TRY400  (a traceback may quote values)
            raise DownloadError from None

    return made


class DownloadError(Exception):
    """A download that was not made; why is in the log, one line above."""


def _person(headers: Mapping[str, str], role: str | None) -> auth.User:
    settings = clients().settings
    if settings.sign_in_issuer:
        return sign_in.person(headers, _sign_in_keys, settings.sign_in_issuer)
    if auth.may_choose_role():
        role = auth.role_of(role or "engineer")
        return auth.User(f"{role}@{settings.user}", role)
    return auth.User(settings.user, auth.role_of(settings.role))


@st.cache_data(ttl=3600, max_entries=500, show_spinner=False)
def ask(sql: str, release_id: str) -> Answer:
    """An answer from one release never changes, so it may be kept."""
    return warehouse.ask(clients(), sql, release_id=release_id)


def ask_together(questions: Sequence[tuple[str, str]]) -> None:
    """Have the answers to several (SQL, release) at hand: asked side by side, they take as long as the slowest."""

    def one(question: tuple[str, str]) -> None:
        add_script_run_ctx(threading.current_thread(), context)
        ask(*question)

    context = get_script_run_ctx()
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
        self, right: Right, question: Callable[Concatenate[Aws, P], R], ttl: float, most: int
    ) -> None:
        self._right = right
        keep = st.cache_data(ttl=ttl, max_entries=most, show_spinner=False, hash_funcs={Run: stamp})
        self._kept: Any = keep(question)
        self.clear: Callable[[], None] = self._kept.clear

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        asker = aws()
        asker.require(self._right)
        answer: R = self._kept(asker, *args, **kwargs)
        return answer


def shared(
    right: Right, *, ttl: float, most: int = 50
) -> Callable[[Callable[Concatenate[Aws, P], R]], Shared[P, R]]:
    """Make a `Shared` question of a function whose first argument is the asker's `_aws`, which is no part of the key."""
    return lambda question: Shared(right, question, ttl, most)


@shared("watch_runs", ttl=2)
def run(_aws: Aws, run_id: str) -> Run:
    """A run's live state."""
    return runs.get(_aws, run_id)


@shared("watch_runs", ttl=2)
def log_tail(_aws: Aws, job_run_id: str, log_group: str) -> list[Line]:
    """The last lines of an attempt's log."""
    return job_runs.log_lines(_aws, job_run_id, log_group)


@shared("watch_runs", ttl=30, most=20)
def whole_log(_aws: Aws, job_run_id: str, log_group: str) -> list[Line]:
    return job_runs.log_lines(_aws, job_run_id, log_group, limit=None)


@shared("see_charts", ttl=2, most=5)
def recent_runs(_aws: Aws, limit: int = 50) -> list[Run]:
    return runs.list_runs(_aws, limit)


@shared("watch_runs", ttl=10, most=5)
def history(_aws: Aws, limit: int = 50) -> list[Run]:
    """The newest runs with their job runs."""
    return run_history.search(_aws, limit=limit, ending=_ending).runs


@shared("watch_runs", ttl=10, most=20)
def search(_aws: Aws, statuses: tuple[str, ...], text: str, limit: int, depth: int) -> Found:
    return run_history.search(_aws, statuses=statuses, text=text, limit=limit, depth=depth, ending=_ending)


@shared("watch_runs", ttl=3600, most=10_000)
def _ending(_aws: Aws, execution_arn: str) -> tuple[str | None, str | None]:
    """Error and cause of an execution that has ended: they change no more."""
    return runs.ending(_aws, execution_arn)


def medians() -> dict[str, float]:
    """Seconds by job, as a rule."""
    return run_history.medians(history())


@shared("watch_runs", ttl=30, most=2)
def alerts(_aws: Aws) -> list[Alert]:
    """What needs somebody now; the same for all."""
    return alerting.now(_aws, history())


@shared("see_charts", ttl=5, most=2)
def received(_aws: Aws) -> list[Batch]:
    """The batches that are in the lake."""
    return batches.list_batches(_aws)


@shared("see_charts", ttl=600, most=200)
def reconciliation(_aws: Aws, run_id: str) -> list[dict[str, Any]]:
    """Rows received, loaded and refused by a run that has ended."""
    return quality.reconciliation(_aws, run_id)


# of a run that may be going on: asked for anew when one of its jobs has ended (`stamp`)


@shared("watch_runs", ttl=600, most=200)
def rows_so_far(_aws: Aws, run: Run) -> list[dict[str, Any]]:
    return quality.reconciliation(_aws, run.run_id)


@shared("watch_runs", ttl=600, most=200)
def gold_rows(_aws: Aws, run: Run) -> dict[str, int]:
    return run_history.gold_rows(_aws, run)


@shared("watch_runs", ttl=600, most=200)
def audit(_aws: Aws, run: Run) -> Audit | None:
    return quality.audit(_aws, run.run_id)


@shared("watch_runs", ttl=600, most=50)
def rule_results(_aws: Aws, run: Run) -> pd.DataFrame:
    return quality.results(_aws, run.run_id)


# of a run that has ended, by the version of its release: a run that was gone on with has other results


@shared("see_charts", ttl=600)
def results(_aws: Aws, run_id: str, version: str) -> pd.DataFrame:  # noqa: ARG001  (a part of the key)
    return quality.results(_aws, run_id)


@shared("see_charts", ttl=600, most=20)
def past_results(_aws: Aws, run_ids: tuple[str, ...], version: str) -> pd.DataFrame:  # noqa: ARG001
    return quality.history(_aws, run_ids)


@shared("see_charts", ttl=600)
def decision(_aws: Aws, run_id: str, version: str) -> Audit | None:  # noqa: ARG001
    return quality.audit(_aws, run_id)


@shared("query", ttl=600)
def failing_rows(_aws: Aws, run_id: str, table: str, rule_id: str, version: str) -> pd.DataFrame:  # noqa: ARG001
    return quality.failing_rows(_aws, run_id, table, rule_id)


@shared("query", ttl=600, most=50)
def refused_rows(_aws: Aws, run: Run, table: str) -> pd.DataFrame:
    return failures.refused_rows(_aws, run.run_id, table)


def forget_schedule() -> None:
    alerts.clear()


def forget_runs() -> None:
    """Somebody has started, stopped or gone on with a run: look anew."""
    for kept in (run, recent_runs, history, search, alerts):
        kept.clear()


@st.cache_data(ttl=2, max_entries=2, show_spinner=False)
def published() -> Any:
    return releases.current(clients())


def guarded(page: Callable[[], None]) -> None:
    """Draw a page; what it did not expect becomes one sentence, and a log line that names no data."""
    try:
        page()
    except SignInError as error:
        st.error(str(error))
    except Exception as error:
        log.error("page failed: %s", type(error).__name__)  # noqa: TRY400  (a traceback may quote values)
        known = str(error) if isinstance(error, ServiceError) else explain(error) if is_aws(error) else None
        st.error(
            known or "This page could not be drawn. Reload it; if that does not help, tell the engineers."
        )


def live(seconds: float) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A part of a page that draws itself again every so many seconds, guarded like a page."""

    def decorate(part: Callable[..., None]) -> Callable[..., None]:
        def signed_in(*args: Any) -> None:
            user()  # what is kept is shown to nobody whose session has ended
            part(*args)

        def drawn(*args: Any) -> None:
            guarded(lambda: signed_in(*args))

        return st.fragment(drawn, run_every=seconds)

    return decorate


def numbers(frame: pd.DataFrame) -> dict[str, Any]:
    """Numbers with separators, for a table of a page."""
    columns = frame.select_dtypes("number").columns
    return {name: st.column_config.NumberColumn(format="localized") for name in columns}


def show_error(error: Exception) -> None:
    st.error(str(error))


def as_of(answer: Answer) -> str:
    """The line under every figure: which release, how many rows and bytes, how long."""
    rows = len(answer.frame) if answer.rows is None else answer.rows
    is_told = answer.rows is None or not 0 < rows < FEWEST or user().may("see_phi")
    return (
        f"As of release {answer.release_id}: {f'{rows:,}' if is_told else f'fewer than {FEWEST}'} rows, "
        f"{size(answer.scanned)} scanned, {answer.seconds:.1f} s"
    )


def size(number: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:,.0f} {unit}"
        number /= 1000
    return f"{number:,.1f} TB"


def release_or_stop() -> str:
    """The published release; where there is none, the page says what to do and ends."""
    try:
        current = published()
    except ServiceError as error:
        show_error(error)
        st.stop()
    if current is None:
        nothing_yet("Nothing has been published yet.")
        st.stop()
    return str(current.release_id)


def nothing_yet(what: str) -> None:
    """Say what is missing and, as the role allows, where to make it."""
    if user().may("import_data"):
        st.info(f"{what} Import or generate data, then start a run.")
        st.page_link("app_pages/data.py", label="Go to Data", icon=":material/upload:")
    else:
        st.info(f"{what} An engineer brings data in and starts a run; then it shows here by itself.")
