"""Only a token that the sign-in service signed, and that has not expired, makes a person."""

from __future__ import annotations

import json
import time
import traceback
from contextlib import contextmanager
from pathlib import Path

import jwt
import pytest
import streamlit as st
from botocore.exceptions import EndpointConnectionError
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from streamlit.runtime.context import StreamlitHeaders
from streamlit.testing.v1 import AppTest

import portal
from pipeline.lake import split
from pipeline.release import write_json
from portal import sign_in
from portal.auth import User
from portal.components import state
from portal.sign_in import HEADER, SignInError

ISSUER = "https://sign-in.example.org/pool"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def keys():
    """The key set of the sign-in service."""
    key = json.loads(RSAAlgorithm.to_jwk(KEY.public_key())) | {"kid": "one", "use": "sig", "alg": "RS256"}
    return {"keys": [key]}


@contextmanager
def key_set(portal):
    """The key set where the portal looks for it."""
    write_json(portal.client("s3"), portal.lake.sign_in_keys(), keys())
    yield
    bucket, key = split(portal.lake.sign_in_keys())
    portal.client("s3").delete_object(Bucket=bucket, Key=key)


def token(key=KEY, kid="one", algorithm="RS256", **changes):
    """An access token of "lee" that lasts a minute, unless `changes` to its claims say otherwise."""
    claims = {"iss": ISSUER, "sub": "s-1", "username": "lee", "exp": time.time() + 60, **changes}
    return jwt.encode(
        {k: v for k, v in claims.items() if v is not None}, key, algorithm, headers={"kid": kid}
    )


@pytest.mark.parametrize(
    ("claims", "person"),
    [
        ({"cognito:groups": ["clinician"]}, User("lee", "clinician")),
        ({"cognito:groups": ["viewer", "engineer"]}, User("lee", "engineer")),
        ({"cognito:groups": ["administrator"]}, User("lee", "viewer")),
        ({}, User("lee", "viewer")),
        ({"groups": ["analyst"], "email": "lee@example.org"}, User("lee@example.org", "analyst")),
        ({"username": None}, User("s-1", "viewer")),
    ],
)
def test_a_signed_token_makes_a_person_with_the_role_of_the_group(claims, person):
    assert sign_in.person({HEADER: token(**claims)}, keys, ISSUER) == person


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda: None, "Nobody is signed in"),
        (lambda: "", "Nobody is signed in"),
        (lambda: "nonsense", "could not be verified"),
        (lambda: token(exp=time.time() - 1), "session has ended"),
        (lambda: token(exp=None), "could not be verified"),
        (lambda: token(iss="https://elsewhere.example.org"), "could not be verified"),
        (lambda: token(key=OTHER), "could not be verified"),
        (lambda: token(kid="two"), "could not be verified"),
        (lambda: token(key="secret" * 8, algorithm="HS256"), "could not be verified"),
    ],
)
def test_any_other_token_makes_nobody(made, sentence):
    with pytest.raises(SignInError, match=sentence):
        sign_in.person({HEADER: made()}, keys, ISSUER)


def _away():
    raise EndpointConnectionError(endpoint_url="https://s3")


@pytest.mark.parametrize("keys", [_away, lambda: None])
def test_keys_that_cannot_be_read_are_said(keys):
    with pytest.raises(SignInError, match="keys of the sign-in service cannot be read"):
        sign_in.person({HEADER: token()}, keys, ISSUER)


def test_a_download_is_made_at_the_click_for_who_was_there_unless_the_session_has_ended(
    portal, monkeypatch, caplog
):
    monkeypatch.setenv("HDP_SIGN_IN_ISSUER", ISSUER)
    monkeypatch.delenv("HDP_ROLE_CHOICE", raising=False)
    state.clients.clear()
    st.cache_data.clear()
    claims = {"cognito:groups": ["clinician"]}
    with key_set(portal):
        for end in (time.time() + 60, time.time() - 1):
            headers = StreamlitHeaders([("X-Amzn-Oidc-Accesstoken", token(exp=end, **claims))])
            with monkeypatch.context() as there:
                there.setattr(type(st.context), "headers", headers)
                made = state.at_the_click(lambda aws: (aws.settings.user, aws.settings.role))
                broken = state.at_the_click(lambda _: int("Garcia"))
            if end > time.time():
                assert made() == ("lee", "clinician")
            else:
                with pytest.raises(state.DownloadError):
                    made()
                assert "download failed: SignInError" in caplog.text
            with pytest.raises(state.DownloadError) as failed:
                broken()
            assert "Garcia" not in "".join(traceback.format_exception(failed.value)) + caplog.text
    state.clients.clear()
    st.cache_data.clear()


def test_without_a_token_the_portal_shows_a_sentence_and_no_page(cloud, monkeypatch):
    monkeypatch.setenv("HDP_SIGN_IN_ISSUER", ISSUER)
    monkeypatch.delenv("HDP_ROLE_CHOICE", raising=False)
    state.clients.clear()
    try:
        app = AppTest.from_file(str(Path(portal.__file__).parent / "app.py"), default_timeout=60).run()
        assert [error.value for error in app.error] == [
            "Nobody is signed in: open the portal by its own address, which asks you to sign in."
        ]
        assert [title.value for title in app.title] == ["Health data portal"]
        assert not app.metric
        assert not app.exception
    finally:
        state.clients.clear()
