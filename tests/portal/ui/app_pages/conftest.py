"""Pages by AppTest as somebody with a role, over the lake of the first run or over an empty one."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from tests.support import page_drivers


@pytest.fixture
def filled_lake(portal, first_run, monkeypatch):
    """The pages over the lake that the first run has filled; gives its services."""
    monkeypatch.setenv("HDP_ROLE_CHOICE", "true")
    page_drivers.without_page_links(monkeypatch)
    page_drivers.forget_caches()
    yield portal
    page_drivers.forget_caches()


@pytest.fixture
def as_role():
    """Opens a page as a role, with the address's parameters."""

    def opened(name, role, **query):
        app = AppTest.from_file(str(page_drivers.PAGES / f"{name}.py"), default_timeout=60)
        app.session_state["role"] = role
        for key, value in query.items():
            app.query_params[key] = value
        return app.run()

    return opened


def press(app, label, number=0):
    """Click the button with that label."""
    return [b for b in app.button if b.label == label][number].click().run()


def parameter(app, name):
    """A parameter of the address.

    One that the page has set is a text, one that the test has set is a list.
    """
    value = app.query_params[name]
    return value[0] if isinstance(value, list) else value
