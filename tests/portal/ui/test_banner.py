"""Every alert has a page that it leads to."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import portal
from portal.runs import alerts
from portal.ui import banner


def test_every_kind_of_alert_leads_somewhere():
    assert set(banner._PAGES) == set(get_args(alerts.Kind))
    pages = Path(portal.__file__).parent / "ui" / "app_pages"
    assert [page for page, _ in banner._PAGES.values() if not (pages / f"{page}.py").is_file()] == []
