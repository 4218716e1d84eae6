"""The user of a browser session: roles of the roles file, client address, and the record of the sign-in."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import streamlit as st
from botocore.exceptions import EndpointConnectionError
from streamlit.runtime.context import StreamlitHeaders
from streamlit.testing.v1 import AppTest

import portal
from portal.audit import service as audit_log
from portal.audit.service import Search
from portal.core.auth import User
from portal.people import service as people
from portal.ui import session
from tests.support import tokens
from tests.support.page_drivers import forget_caches
from tests.support.tokens import ENVIRONMENT, key_set

APP = str(Path(portal.__file__).parent / "ui" / "app.py")


@pytest.fixture
def signed_in(empty_lake, aws, lake_prefix, monkeypatch):
    """Open the app with a token and the headers of the load balancer."""
    aws.client("s3").create_bucket(Bucket=f"{lake_prefix}-code")
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("HDP_ROLE_CHOICE")
    session._recorded_sign_ins.clear()
    forget_caches()

    def opened(addresses="198.51.100.7, 203.0.113.9", **claims):
        given = tokens.headers(claims.pop("auth_time", None), **claims)
        headers = StreamlitHeaders([*given.items(), ("X-Forwarded-For", addresses)])
        monkeypatch.setattr(type(st.context), "headers", headers)
        return AppTest.from_file(APP, default_timeout=60).run()

    with key_set(empty_lake):
        yield opened


@pytest.fixture
def events(empty_lake):
    officer = empty_lake.on_behalf_of(User("pat", "privacy_officer"))
    return lambda: [
        (e.name, e.subject, e.roles, e.origin) for e in audit_log.search(officer, Search.last_days(2))
    ]


def test_a_sign_in_is_recorded_once_with_the_address_that_the_load_balancer_saw(signed_in, events):
    claims = {"auth_time": int(time.time()) - 5, "cognito:groups": ["analyst"]}
    for _ in range(2):
        app = signed_in(**claims)
        assert not app.exception
    assert events() == [("lee", "s-1", ("analyst",), "203.0.113.9")]
    session._recorded_sign_ins.clear()  # another task of the portal
    signed_in(**claims)
    assert len(events()) == 1
    signed_in(**claims | {"auth_time": int(time.time())})
    assert len(events()) == 2


def test_without_an_address_the_origin_is_unknown(signed_in, events):
    signed_in("", auth_time=int(time.time()))
    assert [origin for *_, origin in events()] == ["unknown"]


def test_a_sign_in_that_cannot_be_recorded_shows_no_page(signed_in, monkeypatch):
    def away(*_, **__):
        raise EndpointConnectionError(endpoint_url="https://s3")

    monkeypatch.setattr(audit_log, "write_json", away)
    app = signed_in(auth_time=int(time.time()))
    assert len(app.error) == 1
    assert "audit log could not be written" in app.error[0].value
    assert not app.title
    assert not app.metric


def test_roles_and_deputyships_of_the_file_are_those_of_the_page(signed_in, empty_lake):
    admin = empty_lake.on_behalf_of(User("ada", "administrator"))
    today = datetime.now(UTC).date()
    people.grant(admin, "roe@hospital.org", ["clinician"], name="Dr. *Roe*", reason="new")
    people.grant(admin, "s-1", ["privacy_officer"], reason="new")
    people.name_deputy(admin, "roe@hospital.org", "s-1", today, today, reason="holiday")
    app = signed_in(auth_time=int(time.time()), **{"cognito:groups": ["analyst"]})
    assert not app.exception
    captions = [c.value for c in app.sidebar.caption]
    assert "lee · analyst, privacy officer" in captions
    assert r"Deputy for Dr. \*Roe\* \(roe@hospital.org\)" in captions


def test_an_unverified_email_is_neither_shown_nor_a_key_of_the_roles_file(signed_in, empty_lake):
    admin = empty_lake.on_behalf_of(User("ada", "administrator"))
    people.grant(admin, "roe@hospital.org", ["clinician"], reason="new")
    app = signed_in(auth_time=int(time.time()), email="roe@hospital.org", email_verified=False)
    assert "lee · viewer" in [c.value for c in app.sidebar.caption]
    app = signed_in(auth_time=int(time.time()), email="Roe@hospital.org", email_verified=True)
    assert "roe@hospital.org · clinician" in [c.value for c in app.sidebar.caption]
