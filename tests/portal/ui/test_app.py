"""The app's entry point."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import portal
from portal.core.auth import ROLES
from tests.support import page_drivers, role_tables


def test_no_directory_named_pages_lies_beside_the_app():
    """Streamlit would run the module of an address like /runs by itself, without sign-in and navigation."""
    directory = Path(portal.__file__).parent / "ui"
    assert (directory / "app.py").is_file()
    assert not (directory / "pages").exists()


@pytest.mark.parametrize(
    ("address", "role"),
    [
        ("clinician", "clinician"),
        ("Clinician", "clinician"),
        ("privacy_officer", "privacy_officer"),
        ("Privacy officer", "privacy_officer"),
        ("surgeon", "viewer"),
        (None, "engineer"),
    ],
)
def test_the_role_in_an_address_is_chosen_however_it_is_typed_and_no_unknown_one_has_rights(
    monkeypatch, address, role
):
    app = _app(monkeypatch, lambda pages: SimpleNamespace(url_path="alerts", run=lambda: None))
    if address:
        app.query_params["role"] = address
    app.run()
    page_drivers.forget_caches()
    assert not app.exception
    assert app.selectbox(key="role").value == role


def _app(monkeypatch, navigation):
    for name in ("HDP_PREFIX", "HDP_BUCKETS", "HDP_STATE_MACHINE_ARN"):
        monkeypatch.setenv(name, "hdp")
    monkeypatch.setenv("HDP_ROLE_CHOICE", "true")
    monkeypatch.setattr(st, "navigation", navigation)
    page_drivers.forget_caches()
    return AppTest.from_file(str(Path(portal.__file__).parent / "ui" / "app.py"), default_timeout=60)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_the_pages_of_the_table_and_no_others(monkeypatch, role):
    """A page that is not registered has no address: Streamlit answers it with the overview."""
    registered = []

    def navigation(pages):
        registered.extend(page.title for page in pages)
        return SimpleNamespace(url_path="alerts", run=lambda: None)

    app = _app(monkeypatch, navigation)
    app.session_state["role"] = role
    app.run()
    page_drivers.forget_caches()
    assert not app.exception
    assert sorted(registered) == sorted(n for n, roles in role_tables.pages().items() if role in roles)
