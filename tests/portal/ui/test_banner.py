"""Every alert has a page that it leads to."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

import portal
from portal.core.auth import User
from portal.runs import alerts
from portal.runs.alerts import Alert
from portal.ui import banner


def test_every_kind_of_alert_leads_somewhere():
    assert set(banner._PAGES) == set(get_args(alerts.Kind))
    pages = Path(portal.__file__).parent / "ui" / "app_pages"
    assert [page for page, _ in banner._PAGES.values() if not (pages / f"{page}.py").is_file()] == []


@pytest.mark.parametrize(
    ("role", "page", "kinds"),
    [
        ("engineer", "encounters", ["failed", "held"]),
        ("analyst", "encounters", []),
        ("clinician", "encounters", ["held"]),
        ("viewer", "encounters", []),
        ("engineer", "alerts", []),
        ("engineer", "", []),
        ("engineer", "run", ["held"]),
    ],
)
def test_an_alert_is_shown_to_who_can_act_and_not_on_the_page_it_leads_to(monkeypatch, role, page, kinds):
    shown = []
    found = [Alert("failed", "Run r1 failed.", "r1"), Alert("held", "Release r2 is held.", "r2")]
    monkeypatch.setattr(banner.session, "user", lambda: User("x", role))
    monkeypatch.setattr(banner.cache, "alerts", lambda: found)
    monkeypatch.setattr(banner, "show", lambda alert: shown.append(alert.kind))
    monkeypatch.setattr(banner.st, "query_params", {"run": "r1"})
    banner.draw(page)
    assert shown == kinds
