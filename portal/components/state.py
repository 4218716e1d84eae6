"""What the pages share: the session's clients and user, cached questions, the parts that every page has."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st
from streamlit.runtime.scriptrunner import add_script_run_ctx, get_script_run_ctx

from pipeline.release import read_json
from portal import auth, sign_in
from portal.services import alerts as alerting
from portal.services import job_runs, releases, run_history, runs, warehouse
from portal.services.alerts import Alert
from portal.services.aws import Aws, ServiceError, explain, is_aws
from portal.services.runs import Run
from portal.services.warehouse import Answer
from portal.settings import Settings
from portal.sign_in import SignInError

log = logging.getLogger("portal")

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
    """The keys of the sign-in service as the refresh_sign_in_keys Lambda has last seen them."""
    found = read_json(clients().client("s3"), clients().lake.sign_in_keys())
    return found[0] if found else None


def user() -> auth.User:
    """The person at this browser; on the laptop one person a role stands in for the sign-in."""
    settings = clients().settings
    if settings.sign_in_issuer:
        return sign_in.person(st.context.headers, _sign_in_keys, settings.sign_in_issuer)
    if auth.may_choose_role():
        role = auth.role_of(st.session_state.get("role") or "engineer")
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


@st.cache_data(ttl=2, max_entries=50, show_spinner=False)
def run(run_id: str) -> Run:
    """A run's live state; many viewers cost one look."""
    return runs.get(clients(), run_id)


@st.cache_data(ttl=2, max_entries=50, show_spinner=False)
def log_lines(job_run_id: str, log_group: str) -> list[tuple[datetime, str]]:
    """The log of an attempt; many viewers cost one look."""
    return job_runs.log_lines(clients(), job_run_id, log_group)


@st.cache_data(ttl=2, max_entries=5, show_spinner=False)
def recent_runs(limit: int = 50) -> list[Run]:
    return runs.list_runs(clients(), limit)


@st.cache_data(ttl=10, max_entries=5, show_spinner=False)
def history(limit: int = 50) -> list[Run]:
    """The newest runs with their job runs."""
    return run_history.recent(clients(), limit)


def medians() -> dict[str, float]:
    """Seconds by job, as a rule."""
    return run_history.medians(history())


@st.cache_data(ttl=30, max_entries=2, show_spinner=False)
def alerts() -> list[Alert]:
    """What needs somebody now; the same for all."""
    return alerting.now(clients(), history())


def forget_schedule() -> None:
    alerts.clear()


def banner() -> None:
    """On top of every page: what needs somebody now, for those who can do something about it."""
    if not user().may("query"):
        return
    for alert in alerts():
        st.warning(f"{alert.words}")


def forget_runs() -> None:
    """Somebody has started, stopped or gone on with a run: look anew."""
    for kept in (run, recent_runs, history, alerts):
        kept.clear()


@st.cache_data(ttl=2, max_entries=2, show_spinner=False)
def published() -> Any:
    return releases.current(clients())


def ago(moment: datetime) -> str:
    """How long ago, in words."""
    seconds = max(0, (datetime.now(UTC) - moment).total_seconds())
    for size, word in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {word}{'s' if number > 1 else ''} ago"
    return "just now"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def zone() -> str:
    """The viewer's time zone, as the browser tells it."""
    return st.context.timezone or "UTC"


def when(moment: datetime) -> str:
    """A moment in the viewer's zone, in UTC where that is another."""
    local = moment.astimezone(ZoneInfo(zone()))
    utc = "" if zone() == "UTC" else f" ({moment.astimezone(UTC):%H:%M} UTC)"
    return f"{local:%Y-%m-%d %H:%M}{utc or ' UTC'}"


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 120:
        return f"{seconds:,.0f} s"
    minutes = seconds / 60
    return f"{minutes:,.0f} min" if minutes < 120 else f"{minutes / 60:,.1f} h"


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
        def drawn(*args: Any) -> None:
            guarded(lambda: part(*args))

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
    return (
        f"As of release {answer.release_id}: {len(answer.frame):,} rows, "
        f"{_size(answer.scanned)} scanned, {answer.seconds:.1f} s"
    )


def _size(number: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:,.0f} {unit}"
        number /= 1000
    return f"{number:,.1f} TB"


size = _size


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
