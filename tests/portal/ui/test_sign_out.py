"""Sign-out ends the sessions, expires the load balancer's cookies and leads through the sign-in service."""

from __future__ import annotations

from http.cookies import SimpleCookie

import pytest
import streamlit as st
from starlette.requests import Request
from streamlit import config

from portal.core import sign_in
from portal.core.sign_in import SignInError
from portal.ui import session, sign_out
from tests.support import tokens
from tests.support.tokens import ENVIRONMENT, SIGN_OUT, key_set


@pytest.fixture
def signed_in(portal, monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sign_in, "_signed_out", {})
    session.process_context.clear()
    st.cache_data.clear()
    with key_set(portal):
        yield
    session.process_context.clear()
    st.cache_data.clear()


def _respond(**headers):
    sent = [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": "/sign-out", "headers": sent, "query_string": b""}
    return sign_out.respond(Request(scope))


def _cookies(response):
    return [SimpleCookie(value.decode()) for name, value in response.raw_headers if name == b"set-cookie"]


def test_sign_out_expires_each_cookie_of_the_load_balancer_and_leads_to_cognito(signed_in):
    response = _respond(**tokens.headers())
    assert (response.status_code, response.headers["location"]) == (303, SIGN_OUT)
    expired = {name: cookie for each in _cookies(response) for name, cookie in each.items()}
    assert set(expired) == {f"AWSELBAuthSessionCookie-{number}" for number in range(4)}
    for cookie in expired.values():
        assert (cookie["max-age"], cookie["path"], cookie.value) == ("0", "/", "")
        assert cookie["secure"]
        assert cookie["httponly"]


def test_sign_out_ends_the_open_sessions_of_the_person_alone(signed_in):
    mine, other = (session.authenticate(tokens.headers(sub=sub)) for sub in ("s-1", "s-2"))
    _respond(**tokens.headers(sub="s-1"))
    with pytest.raises(SignInError, match="session has ended"):
        mine.current_user()
    assert other.current_user().subject == "s-2"


def test_the_cookies_expire_even_without_a_valid_token(signed_in, caplog):
    response = _respond(**{sign_in.IDENTITY: "nonsense"})
    assert response.status_code == 303
    assert len(_cookies(response)) == 4


def test_another_sites_page_signs_nobody_out(signed_in):
    mine = session.authenticate(tokens.headers())
    response = _respond(**tokens.headers(), sec_fetch_site="cross-site")
    assert response.status_code == 403
    assert _cookies(response) == []
    assert mine.current_user().name == "lee"


def test_without_a_page_of_the_provider_sign_out_says_what_is_left_to_do(signed_in, monkeypatch):
    monkeypatch.delenv("HDP_SIGN_OUT_URL")
    session.process_context.clear()
    response = _respond(**tokens.headers())
    assert response.status_code == 200
    assert b"Close the browser" in response.body
    assert len(_cookies(response)) == 4


@pytest.mark.parametrize(
    ("base", "path"), [("", "/sign-out"), ("hdp", "/hdp/sign-out"), ("a/b/", "/a/b/sign-out")]
)
def test_the_path_is_below_the_base_path(monkeypatch, base, path):
    monkeypatch.setattr(config, "get_option", {"server.baseUrlPath": base}.get)
    assert sign_out.path() == path
