"""What the pages share: the session's clients and user, cached questions, the parts that every page has."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from portal import auth, sign_in
from portal.services import releases, runs, warehouse
from portal.services.aws import Aws, ServiceError, explain, is_aws
from portal.services.facts import rows as listed
from portal.services.runs import Run
from portal.services.warehouse import Answer
from portal.settings import Settings
from portal.sign_in import SignInError

log = logging.getLogger("portal")


@st.cache_resource
def clients() -> Aws:
    return Aws(Settings.from_environment())


def aws() -> Aws:
    """The clients on behalf of the person at this browser: services refuse what the role may not do."""
    return clients().acting(user())


def user() -> auth.User:
    """The person at this browser; on the laptop one person a role stands in for the sign-in."""
    settings = clients().settings
    if settings.sign_in_keys:
        return sign_in.person(st.context.headers, settings.sign_in_keys, settings.sign_in_issuer)
    if auth.may_choose_role():
        role = auth.role_of(st.session_state.get("role") or "engineer")
        return auth.User(f"{role}@{settings.user}", role)
    return auth.User(settings.user, auth.role_of(settings.role))


@st.cache_data(ttl=3600, max_entries=500, show_spinner=False)
def ask(sql: str, release_id: str) -> Answer:
    """An answer from one release never changes, so it may be kept."""
    return warehouse.ask(clients(), sql, release_id=release_id)


@st.cache_data(ttl=2, max_entries=50, show_spinner=False)
def run(run_id: str) -> Run:
    """A run's live state; many viewers cost one look."""
    return runs.get(clients(), run_id)


@st.cache_data(ttl=2, max_entries=5, show_spinner=False)
def recent_runs(limit: int = 50) -> list[Run]:
    return runs.list_runs(clients(), limit)


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


def chart(title: str, answer: Answer, figure: go.Figure, key: str, filters: str = "") -> None:
    """A figure with what it is as of, its SQL and its rows to take away."""
    with st.container(border=True):
        st.markdown(f"#### {title}")
        if answer.frame.empty:
            st.info("Nothing fits these filters. Widen the period or clear a filter.")
        else:
            st.plotly_chart(
                figure, key=key, config={"displaylogo": False, "toImageButtonOptions": {"filename": key}}
            )
        st.caption(as_of(answer))
        left, right = st.columns(2)
        with left.popover("SQL", width="stretch"):
            st.code(answer.sql, language="sql", wrap_lines=True)
        right.download_button(
            "CSV",
            export(answer, filters),
            file_name=f"{key}-{answer.release_id}.csv",
            mime="text/csv",
            key=f"{key}-csv",
            width="stretch",
            on_click="ignore",
        )


def export(answer: Answer, filters: str) -> str:
    """CSV with the release, the filters and the time in its first lines."""
    head = f"# release {answer.release_id}\n# filters: {filters or 'none'}\n# exported {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n"
    return head + answer.frame.to_csv(index=False)


def choice(answer: Answer, column: str) -> Sequence[str]:
    return listed(answer.frame[column].iloc[0]) if len(answer.frame) else ()


def from_url(name: str, allowed: Sequence[str]) -> list[str]:
    """A filter as the URL has it; values that are not there any more are left out."""
    return [value for value in st.query_params.get_all(name) if value in allowed]


def pick(label: str, name: str, options: Sequence[str], format_func: Any = str) -> tuple[str, ...]:
    """A multiple choice whose state is the URL's."""
    chosen = st.multiselect(
        label,
        options,
        default=from_url(name, options),
        format_func=format_func,
        key=f"filter-{name}",
        placeholder="All",
    )
    st.query_params[name] = chosen
    return tuple(chosen)


def period(first: Any, last: Any) -> tuple[date | None, date | None]:
    """The days looked at; None, None is the whole of it."""
    if pd.isna(first) or pd.isna(last):
        return None, None
    low, high = pd.Timestamp(first).date(), pd.Timestamp(last).date()
    given = [_day(st.query_params.get(name)) for name in ("from", "to")]
    start = min(max(given[0] or low, low), high)
    end = max(min(given[1] or high, high), start)
    picked = st.date_input(
        "Period", (start, end), min_value=low, max_value=high, key="filter-period", format="YYYY-MM-DD"
    )
    if not isinstance(picked, tuple) or len(picked) != 2:
        return start, end
    for name, value, edge in (("from", picked[0], low), ("to", picked[1], high)):
        if value == edge:
            st.query_params.pop(name, None)
        else:
            st.query_params[name] = str(value)
    return picked[0], picked[1]


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def release_or_stop() -> str:
    """The published release; where there is none, the page says what to do and ends."""
    try:
        current = published()
    except ServiceError as error:
        show_error(error)
        st.stop()
    if current is None:
        st.info("Nothing has been published yet. Import or generate data, then start a run.")
        st.page_link("app_pages/data.py", label="Go to Data", icon=":material/upload:")
        st.stop()
    return str(current.release_id)
