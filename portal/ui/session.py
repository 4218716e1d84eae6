"""The user and context of a browser session, and elements that every page has."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import uuid4

import pandas as pd
import streamlit as st

from portal.audit import service as audit_log
from portal.core import auth, sign_in
from portal.core.context import Context
from portal.core.errors import ServiceError, explain, is_aws_error
from portal.core.settings import Settings
from portal.core.sign_in import Keys, SignIn, SignInError
from portal.people import service as people
from portal.reviews.wording import without_links

log = logging.getLogger("portal")

R = TypeVar("R")


@st.cache_resource
def process_context() -> Context:
    """Return the context of this process; the contexts of all users share its clients."""
    return Context(Settings.from_environment()).sealed()


def context() -> Context:
    """Return the context of the signed-in user, whose rights the services check."""
    return process_context().on_behalf_of(user(), _origin(st.context.headers))


@st.cache_data(ttl=300, max_entries=1, show_spinner=False)
def _sign_in_keys() -> Any:
    return sign_in.read_keys(process_context())


@st.cache_data(ttl=86_400, max_entries=16, show_spinner=False)
def _balancer_key(key_id: str) -> str:
    return sign_in.read_balancer_key(process_context(), key_id)


def user() -> auth.User:
    """Return the signed-in user; on a laptop, a user with the chosen role.

    Raise `SignInError` if the user is not signed in or the session has ended.
    """
    return _with_roles(_signed_in())


def _with_roles(found: SignIn) -> auth.User:
    """Return the user of a sign-in with the rights that the roles file adds."""
    return people.with_roles(process_context(), found.current_user())


def _signed_in() -> SignIn:
    """Return the sign-in of the browser session.

    The load balancer's token is verified once per connection, because it expires within minutes.
    """
    if not process_context().settings.sign_in:
        return _on_laptop(st.session_state.get("role"))
    headers = st.context.headers
    token = headers.get(sign_in.IDENTITY)
    verified: tuple[str | None, SignIn] | None = st.session_state.get("_sign_in")
    if verified is None or verified[0] != token:
        verified = token, authenticate(headers)
        st.session_state["_sign_in"] = verified
    return verified[1]


def authenticate(headers: Mapping[str, str]) -> SignIn:
    """Return the sign-in of a request that came through the load balancer; else raise `SignInError`."""
    service = process_context().settings.sign_in
    if service is None:
        raise SignInError("This portal has no sign-in service.")
    return sign_in.authenticate(headers, Keys(_sign_in_keys, _balancer_key), service)


def _on_laptop(role: str | None) -> SignIn:
    settings = process_context().settings
    if auth.role_choice_enabled():
        chosen = auth.parse_role(role or "engineer")
        person = auth.User(f"{chosen}@{settings.user}", chosen)
    else:
        person = auth.User(settings.user, auth.parse_role(settings.role))
    return SignIn(person, datetime.now(UTC), datetime.max.replace(tzinfo=UTC))


def _origin(headers: Mapping[str, str]) -> str:
    """Return the client's address, or "unknown"; on a laptop, where there is no load balancer, "laptop".

    The load balancer appends the address that it sees to X-Forwarded-For; the client can forge what precedes
    it.
    """
    if not process_context().settings.sign_in:
        return "laptop"
    return headers.get("X-Forwarded-For", "").rpartition(",")[2].strip() or "unknown"


@st.cache_resource
def _recorded_sign_ins() -> set[tuple[str, str]]:
    """Return the sign-ins that this process has recorded, by subject and time."""
    return set()


def record_sign_in() -> None:
    """Record the user's sign-in in the audit log; without a token, record the first page of each UTC day.

    Each process of the portal records the same sign-in only once.
    """
    person = user()
    sign_in = (person.subject, str(person.signed_in_at or datetime.now(UTC).date()))
    if sign_in not in _recorded_sign_ins():
        audit_log.record_sign_in(context())
        _recorded_sign_ins().add(sign_in)


def deferred_download(make: Callable[[Context], R]) -> Callable[[], R]:
    """Return a callback for a download button that creates the file on click, on behalf of the current user.

    Streamlit runs the callback outside of a page, so the sign-in is captured here.
    If the session has ended or `make` fails, the button shows "Failed to generate file", and only the type of
    the error is logged.
    """
    found, origin = _signed_in(), _origin(st.context.headers)

    def download() -> R:
        try:
            return make(process_context().on_behalf_of(_with_roles(found), origin))
        except Exception as error:
            log.error("download failed: %s", type(error).__name__)  # noqa: TRY400  (a traceback may quote values)
            raise DownloadError from None

    return download


class DownloadError(Exception):
    """A download failed; the log has the type of the error."""


def guarded(page: Callable[[], None]) -> bool:
    """Draw a page and return whether it succeeded.

    An exception is shown as a message; its type is logged, without data, unless it is a `SignInError`.
    """
    try:
        page()
    except SignInError as error:
        st.error(str(error))
    except Exception as error:
        reference = uuid4().hex[:8]
        kind = type(error).__name__
        log.error("page failed: %s, reference %s", kind, reference)  # noqa: TRY400  (a traceback may quote values)
        known = (
            str(error) if isinstance(error, ServiceError) else explain(error) if is_aws_error(error) else None
        )
        st.error(
            without_links(without_commands(known))
            if known
            else "This page could not be drawn. Reload it. If that does not help, give an engineer the "
            f"reference {reference}."
        )
    else:
        return True
    return False


def live(seconds: float) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that makes a function a fragment: redrawn every `seconds`, with its errors shown."""

    def decorate(part: Callable[..., None]) -> Callable[..., None]:
        def signed_in(*args: Any) -> None:
            user()  # checks the token again: a cached value is not shown after the session has ended
            part(*args)

        def drawn(*args: Any) -> None:
            guarded(lambda: signed_in(*args))

        return st.fragment(drawn, run_every=seconds)

    return decorate


def numbers(frame: pd.DataFrame) -> dict[str, Any]:
    """Return the column configuration that shows numbers with separators."""
    columns = frame.select_dtypes("number").columns
    return {name: st.column_config.NumberColumn(format="localized") for name in columns}


def show_error(error: Exception) -> None:
    """Show the message of an error, without links and without commands of the terminal."""
    st.error(without_links(without_commands(str(error))))


_COMMAND = re.compile(r"(?: ?\('hdp [^')]*'\)|[:.]? 'hdp [^']*' (?:lists|shows|writes)[^.]*)(?=\.|$)")
"""Advice to use the command line: people at a page use its links."""


def without_commands(text: str) -> str:
    """Return a message without its advice to use the command line."""
    return _COMMAND.sub("", text)


def size(number: float) -> str:
    """Return a number of bytes with a unit: "3.0 MB"."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:,.0f} {unit}"
        number /= 1000
    return f"{number:,.1f} TB"


def nothing_yet(what: str) -> None:
    """Show a message that data is missing, with a link to the Data page for roles that may import data."""
    if user().may("import_data"):
        st.info(f"{what} Import or generate data, then start a run.")
        st.page_link("app_pages/data.py", label="Go to Data", icon=":material/upload:")
    else:
        st.info(f"{what} Data appears here after an engineer imports data and starts a run.")
