"""Only tokens that the load balancer and Cognito signed for the portal make a person, for eight hours."""

from __future__ import annotations

import time
import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import streamlit as st
from botocore.exceptions import EndpointConnectionError
from streamlit.runtime.context import StreamlitHeaders
from streamlit.testing.v1 import AppTest

import portal
from portal.core import sign_in
from portal.core.auth import User
from portal.core.settings import Settings, SettingsError
from portal.core.sign_in import ACCESS, IDENTITY, Keys, SignInError
from portal.ui import session
from tests.support import tokens
from tests.support.tokens import (
    CLIENT,
    ENVIRONMENT,
    KEYS,
    OTHER,
    OTHER_BALANCER_KEY,
    OTHER_PROVIDER,
    SERVICE,
    access,
    headers,
    identity,
    key_set,
    pem,
)  # fmt: skip

ENTRA = replace(SERVICE, issuer=OTHER_PROVIDER)
HOURS = 3600


def _authenticate(given, service=SERVICE, keys=KEYS):
    return sign_in.authenticate(given, keys, service)


@pytest.mark.parametrize(
    ("claims", "person"),
    [
        ({"cognito:groups": ["clinician"]}, User("lee", "clinician", "s-1")),
        ({"cognito:groups": ["viewer", "engineer"]}, User("lee", "engineer", "s-1")),
        ({"cognito:groups": ["engineer", "analyst"]}, User("lee", "engineer", "s-1", ("analyst",))),
        ({"cognito:groups": ["superuser"]}, User("lee", "viewer", "s-1")),
        ({"cognito:groups": []}, User("lee", "viewer", "s-1")),
        ({"groups": ["engineer"], "roles": ["engineer"]}, User("lee", "viewer", "s-1")),
        ({}, User("lee", "viewer", "s-1")),
        ({"username": None}, User("s-1", "viewer", "s-1")),
    ],
)
def test_two_signed_tokens_make_a_user_with_the_roles_of_the_cognito_groups(claims, person):
    assert _authenticate(headers(**claims)).current_user() == person


@pytest.mark.parametrize("groups", ["engineer", {"engineer": True}, 7, True, [["engineer"]], [1, "engineer"]])
def test_groups_of_another_kind_are_refused_in_a_sentence(groups):
    with pytest.raises(SignInError, match=r"^The groups of your sign-in are not a list of names: .*\.$"):
        _authenticate(headers(**{"cognito:groups": groups}))


def test_a_groups_claim_that_is_null_gives_no_role():
    null = tokens.jwt.encode(
        {**tokens.jwt.decode(access(), options={"verify_signature": False}), "cognito:groups": None},
        tokens.KEY, "RS256", headers={"kid": "one"},
    )  # fmt: skip
    assert _authenticate({IDENTITY: identity(), ACCESS: null}).user.roles == ("viewer",)


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
    user = _authenticate(headers(email="Lee@Example.org", email_verified=verified)).user
    assert (user.name, user.email, user.subject) == (name, email, "s-1")


FOREIGN, UNVERIFIED, ENDED = "issued for another application", "could not be verified", "session has ended"
PAST = int(time.time()) - 60


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda: None, "You are not signed in"),
        (lambda: "", "You are not signed in"),
        (lambda: "nonsense", UNVERIFIED),
        (lambda: "a.b.c", UNVERIFIED),
        (access, FOREIGN),
        (lambda: identity(header={"signer": tokens.SIGNER.replace("hdp", "other")}), FOREIGN),
        (lambda: identity(header={"signer": None}), FOREIGN),
        (lambda: identity(header={"client": "another-client"}), FOREIGN),
        (lambda: identity(header={"client": None}), FOREIGN),
        (lambda: identity(header={"iss": OTHER_PROVIDER}), FOREIGN),
        (lambda: identity(iss=OTHER_PROVIDER), FOREIGN),
        (lambda: identity(aud="another-client"), FOREIGN),
        (lambda: identity(header={"exp": PAST}), ENDED),
        (lambda: identity(exp=PAST), ENDED),
        (lambda: identity(header={"exp": None}), UNVERIFIED),
        (lambda: identity(header={"exp": "soon"}), UNVERIFIED),
        (lambda: identity(key=OTHER_BALANCER_KEY), UNVERIFIED),
        (lambda: identity(sub=None), UNVERIFIED),
        (lambda: identity(sub=7), UNVERIFIED),
        (lambda: identity(sub="s-2"), UNVERIFIED),
        (lambda: identity(key=b"secret" * 8, algorithm="HS256"), UNVERIFIED),
        (lambda: identity(key=pem().encode() + b" " * 99, algorithm="HS256"), UNVERIFIED),
        (lambda: identity()[:-8] + "AAAAAAA=", UNVERIFIED),
    ],
)
def test_any_other_token_of_a_load_balancer_is_refused(made, sentence):
    with pytest.raises(SignInError, match=sentence):
        _authenticate({IDENTITY: made(), ACCESS: access()})


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda: None, UNVERIFIED),
        (lambda: "nonsense", UNVERIFIED),
        (identity, UNVERIFIED),
        (lambda: access(client_id="another-client"), FOREIGN),
        (lambda: access(client_id=None), FOREIGN),
        (lambda: access(aud="another-client"), FOREIGN),
        (lambda: access(token_use="id", aud=CLIENT), FOREIGN),
        (lambda: access(token_use=None), FOREIGN),
        (lambda: access(iss=OTHER_PROVIDER), FOREIGN),
        (lambda: access(exp=PAST), ENDED),
        (lambda: access(exp=None), UNVERIFIED),
        (lambda: access(auth_time=None), UNVERIFIED),
        (lambda: access(auth_time="yesterday"), UNVERIFIED),
        (lambda: access(auth_time=1e300), UNVERIFIED),
        (lambda: access(sub="s-2"), UNVERIFIED),
        (lambda: access(key=OTHER), UNVERIFIED),
        (lambda: access(kid="two"), UNVERIFIED),
        (lambda: access(key="secret" * 8, algorithm="HS256"), UNVERIFIED),
    ],
)
def test_any_other_access_token_is_refused(made, sentence):
    with pytest.raises(SignInError, match=sentence):
        _authenticate({IDENTITY: identity(), ACCESS: made()})


def test_the_access_token_of_another_provider_is_not_read():
    given = {IDENTITY: identity(iss=OTHER_PROVIDER, header={"iss": OTHER_PROVIDER}), ACCESS: "opaque"}
    found = _authenticate(given, ENTRA)
    assert found.current_user() == User("lee", "viewer", "s-1")
    assert found.user.signed_in_at is None
    assert found.ends - found.began == timedelta(hours=8)


# the limit of a session


def test_a_session_lasts_eight_hours_from_the_sign_in_and_outlives_its_tokens():
    at = int(time.time()) - 7 * HOURS
    found = _authenticate(headers(signed_in_at=at))
    assert found.user.signed_in_at == datetime.fromtimestamp(at, UTC)
    assert found.ends == datetime.fromtimestamp(at + 8 * HOURS, UTC)
    with pytest.raises(SignInError, match=ENDED):
        replace(found, ends=datetime.now(UTC)).current_user()


def test_a_sign_in_of_eight_hours_ago_begins_no_session():
    with pytest.raises(SignInError, match=ENDED):
        _authenticate(headers(signed_in_at=time.time() - 8 * HOURS - 1))


def test_who_signs_out_ends_all_sessions_that_began_before(monkeypatch):
    monkeypatch.setattr(sign_in, "_signed_out", {})
    before, other = _authenticate(headers()), _authenticate(headers(sub="s-2"))
    sign_in.end_sessions("s-1")
    with pytest.raises(SignInError, match=ENDED):
        before.current_user()
    assert other.current_user().subject == "s-2"
    assert _authenticate(headers()).current_user().subject == "s-1"


# keys


def _away(*_):
    raise EndpointConnectionError(endpoint_url="https://s3")


@pytest.mark.parametrize("keys", [Keys(_away, KEYS.balancer), Keys(lambda: None, KEYS.balancer),
                                  Keys(KEYS.provider, _away)])  # fmt: skip
def test_unreadable_keys_give_a_message(keys):
    with pytest.raises(SignInError, match="keys of the sign-in service cannot be read"):
        _authenticate(headers(), keys=keys)


@pytest.mark.parametrize("key_id", ["", "None", "../keys", "8d4a52e3-5a0b-4d0e-9d4a-2f1c6b7a8e90/../x"])
def test_a_key_id_of_another_form_is_never_asked_for(key_id, lake_context):
    with pytest.raises(SignInError, match=UNVERIFIED):
        sign_in.read_balancer_key(lake_context, key_id)


@pytest.fixture
def lake_context():
    class NoClients:
        lake = None

        def unsealed(self):
            return self

    return NoClients()


def test_the_load_balancer_of_the_sign_in_must_be_named():
    with pytest.raises(SettingsError, match="HDP_SIGN_IN_CLIENT, HDP_SIGN_IN_SIGNER"):
        Settings.from_environment({"HDP_PREFIX": "h", "HDP_BUCKETS": "h", "HDP_STATE_MACHINE_ARN": "a",
                                   "HDP_SIGN_IN_ISSUER": OTHER_PROVIDER})  # fmt: skip


# pages


@pytest.fixture
def portal_with_sign_in(monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("HDP_ROLE_CHOICE", raising=False)
    session.process_context.clear()
    st.cache_data.clear()
    yield
    session.process_context.clear()
    st.cache_data.clear()


def test_a_deferred_download_is_created_for_the_user_unless_the_session_has_ended(
    portal, portal_with_sign_in, monkeypatch, caplog
):
    given = headers(**{"cognito:groups": ["clinician"]})
    with key_set(portal):
        with monkeypatch.context() as there:
            there.setattr(type(st.context), "headers", StreamlitHeaders(list(given.items())))
            made = session.deferred_download(lambda aws: (aws.settings.user, aws.settings.role))
            broken = session.deferred_download(lambda _: int("Garcia"))
        assert made() == ("lee", "clinician")
        with pytest.raises(session.DownloadError) as failed:
            broken()
        assert "Garcia" not in "".join(traceback.format_exception(failed.value)) + caplog.text
        monkeypatch.setattr(sign_in, "_signed_out", {"s-1": datetime.now(UTC)})
        with pytest.raises(session.DownloadError):
            made()
        assert "download failed: SignInError" in caplog.text


def test_without_a_token_the_portal_shows_a_message_and_no_page(cloud, portal_with_sign_in):
    app = AppTest.from_file(str(Path(portal.__file__).parent / "ui" / "app.py"), default_timeout=60).run()
    assert [error.value for error in app.error] == [
        "You are not signed in. Open the portal at the address that your administrator gave you."
    ]
    assert [title.value for title in app.title] == ["Health Data Portal"]
    assert not app.metric
    assert not app.exception
