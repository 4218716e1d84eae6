"""Sign-out: end the user's sessions, expire the load balancer's cookies, and leave the sign-in service.

The cookies are hidden from scripts of the page, so only a response of the portal can expire them.
"""

from __future__ import annotations

import html
import logging

import streamlit as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from streamlit import config

from portal.core.sign_in import SignInError, end_sessions
from portal.ui import session

log = logging.getLogger("portal")

_COOKIES = [f"AWSELBAuthSessionCookie-{number}" for number in range(4)]
"""The load balancer divides its session into up to four cookies."""

_DONE = "You are signed out of the portal. Close the browser to end the session of your sign-in service, too."


def path() -> str:
    """Return the URL path of sign-out, below the portal's base path."""
    return "/".join(["", *filter(None, str(config.get_option("server.baseUrlPath")).split("/")), "sign-out"])


def link(text: str) -> None:
    """Draw the link to sign out, if there is a sign-in service; it opens in the same tab."""
    if session.process_context().settings.sign_in:
        st.html(f'<a href="{html.escape(path())}" target="_self">{html.escape(text)}</a>')


def respond(request: Request) -> Response:
    """Sign the user of a request out, unless another site's page sent it."""
    if request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        return PlainTextResponse("Sign out on the portal's own pages.", 403)
    try:
        end_sessions(session.authenticate(request.headers).user.subject)
    except SignInError as error:  # the cookies are expired all the same
        log.info("sign-out without a valid sign-in: %s", error)
    service = session.process_context().settings.sign_in
    leaves = service.sign_out_url if service else ""
    response = RedirectResponse(leaves, 303) if leaves else PlainTextResponse(_DONE)
    for name in _COOKIES:
        response.delete_cookie(name, secure=True, httponly=True)
    response.headers["Cache-Control"] = "no-store"
    return response
