"""What the pages share: the session's clients and user, the parts that every page has."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import pandas as pd
import streamlit as st

from portal.athena.client import Answer
from portal.core import auth, sign_in
from portal.core.context import Aws, ServiceError, explain, is_aws
from portal.core.settings import Settings
from portal.core.sign_in import SignInError
from portal.dashboards.suppressed_views import count_in_words
from portal.reviews.wording import unlinked

log = logging.getLogger("portal")

R = TypeVar("R")


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
            unlinked(known)
            if known
            else "This page could not be drawn. Reload it; if that does not help, tell the engineers."
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
    st.error(unlinked(str(error)))


def as_of(answer: Answer) -> str:
    """The line under every figure: which release, how many rows and bytes, how long."""
    rows = len(answer.frame) if answer.rows is None else answer.rows
    is_exact = answer.rows is None or user().may("query")
    return (
        f"As of release {answer.release_id}: {f'{rows:,}' if is_exact else count_in_words(rows)} rows, "
        f"{size(answer.scanned)} scanned, {answer.seconds:.1f} s"
    )


def size(number: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:,.0f} {unit}"
        number /= 1000
    return f"{number:,.1f} TB"


def nothing_yet(what: str) -> None:
    """Say what is missing and, as the role allows, where to make it."""
    if user().may("import_data"):
        st.info(f"{what} Import or generate data, then start a run.")
        st.page_link("pages/data.py", label="Go to Data", icon=":material/upload:")
    else:
        st.info(f"{what} An engineer brings data in and starts a run; then it shows here by itself.")
