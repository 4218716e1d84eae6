"""Only a token that the sign-in service signed, and that has not expired, makes a person."""

from __future__ import annotations

import time
import traceback
from pathlib import Path

import pytest
import streamlit as st
from botocore.exceptions import EndpointConnectionError
from streamlit.runtime.context import StreamlitHeaders
from streamlit.testing.v1 import AppTest

import portal
from portal.core import sign_in
from portal.core.auth import User
from portal.core.sign_in import HEADER, SignInError
from portal.ui import session
from tests.support.tokens import ISSUER, OTHER, key_set, keys, token


@pytest.mark.parametrize(
    ("claims", "person"),
    [
        ({"cognito:groups": ["clinician"]}, User("lee", "clinician", "s-1")),
        ({"cognito:groups": ["viewer", "engineer"]}, User("lee", "engineer", "s-1")),
        ({"groups": ["engineer", "analyst"]}, User("lee", "engineer", "s-1", ("analyst",))),
        ({"cognito:groups": ["privacy_officer"]}, User("lee", "privacy_officer", "s-1")),
        ({"cognito:groups": ["superuser"], "groups": None}, User("lee", "viewer", "s-1")),
        ({}, User("lee", "viewer", "s-1")),
        ({"username": None}, User("s-1", "viewer", "s-1")),
    ],
)
def test_a_signed_token_authenticates_a_user_with_the_roles_of_the_groups(claims, person):
    assert sign_in.authenticate({HEADER: token(**claims)}, keys, ISSUER) == person


@pytest.mark.parametrize(
    ("verified", "name", "email"),
    [
        (True, "lee@example.org", "lee@example.org"),
        ("true", "lee@example.org", "lee@example.org"),
        (False, "lee", ""),
        ("false", "lee", ""),
        (1, "lee", ""),
        (None, "lee", ""),
    ],
)
def test_only_a_verified_email_names_a_person(verified, name, email):
    claims = {"email": "Lee@Example.org", "email_verified": verified}
    user = sign_in.authenticate({HEADER: token(**claims)}, keys, ISSUER)
    assert (user.name, user.email, user.subject) == (name, email, "s-1")


@pytest.mark.parametrize(
    ("claims", "at"),
    [
        ({"auth_time": 1_767_225_600, "iat": 1_767_229_200}, "2026-01-01T00:00:00+00:00"),
        ({"iat": 1_767_229_200}, "2026-01-01T01:00:00+00:00"),
        ({}, "None"),
    ],
)
def test_the_time_of_sign_in_is_that_of_the_token(claims, at):
    user = sign_in.authenticate({HEADER: token(**claims)}, keys, ISSUER)
    found = user.signed_in_at.isoformat() if user.signed_in_at else "None"
    assert found == at


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda: None, "You are not signed in"),
        (lambda: "", "You are not signed in"),
        (lambda: "nonsense", "could not be verified"),
        (lambda: token(exp=time.time() - 1), "session has ended"),
        (lambda: token(exp=None), "could not be verified"),
        (lambda: token(iss="https://elsewhere.example.org"), "could not be verified"),
        (lambda: token(key=OTHER), "could not be verified"),
        (lambda: token(kid="two"), "could not be verified"),
        (lambda: token(key="secret" * 8, algorithm="HS256"), "could not be verified"),
    ],
)
def test_any_other_token_is_refused(made, sentence):
    with pytest.raises(SignInError, match=sentence):
        sign_in.authenticate({HEADER: made()}, keys, ISSUER)


def _away():
    raise EndpointConnectionError(endpoint_url="https://s3")


@pytest.mark.parametrize("keys", [_away, lambda: None])
def test_unreadable_keys_give_a_message(keys):
    with pytest.raises(SignInError, match="keys of the sign-in service cannot be read"):
        sign_in.authenticate({HEADER: token()}, keys, ISSUER)


def test_a_deferred_download_is_created_for_the_user_unless_the_session_has_ended(
    portal, monkeypatch, caplog
):
    monkeypatch.setenv("HDP_SIGN_IN_ISSUER", ISSUER)
    monkeypatch.delenv("HDP_ROLE_CHOICE", raising=False)
    session.process_context.clear()
    st.cache_data.clear()
    claims = {"cognito:groups": ["clinician"]}
    with key_set(portal):
        for end in (time.time() + 60, time.time() - 1):
            headers = StreamlitHeaders([("X-Amzn-Oidc-Accesstoken", token(exp=end, **claims))])
            with monkeypatch.context() as there:
                there.setattr(type(st.context), "headers", headers)
                made = session.deferred_download(lambda aws: (aws.settings.user, aws.settings.role))
                broken = session.deferred_download(lambda _: int("Garcia"))
            if end > time.time():
                assert made() == ("lee", "clinician")
            else:
                with pytest.raises(session.DownloadError):
                    made()
                assert "download failed: SignInError" in caplog.text
            with pytest.raises(session.DownloadError) as failed:
                broken()
            assert "Garcia" not in "".join(traceback.format_exception(failed.value)) + caplog.text
    session.process_context.clear()
    st.cache_data.clear()


def test_without_a_token_the_portal_shows_a_message_and_no_page(cloud, monkeypatch):
    monkeypatch.setenv("HDP_SIGN_IN_ISSUER", ISSUER)
    monkeypatch.delenv("HDP_ROLE_CHOICE", raising=False)
    session.process_context.clear()
    try:
        app = AppTest.from_file(str(Path(portal.__file__).parent / "ui" / "app.py"), default_timeout=60).run()
        assert [error.value for error in app.error] == [
            "You are not signed in. Open the portal at the address that your administrator gave you."
        ]
        assert [title.value for title in app.title] == ["Health data portal"]
        assert not app.metric
        assert not app.exception
    finally:
        session.process_context.clear()
