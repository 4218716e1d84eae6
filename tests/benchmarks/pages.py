"""How long each page's script takes over a large release: at first, and with its answers at hand."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from streamlit.testing.v1 import AppTest

import portal
from tests.benchmarks import lake

_PAGES = Path(portal.__file__).parent / "app_pages"
_AGAIN = 5


def scripts() -> Iterator[tuple[str, str]]:
    os.environ["HDP_ROLE_CHOICE"] = "true"
    with lake.large() as sample, mock.patch("streamlit.page_link"):  # the pages are known to app.py alone
        sample.run()
        yield "rows", sample.size
        slowest = 0.0
        for page in sorted(_PAGES.glob("[a-z]*.py")):
            app = AppTest.from_file(str(page), default_timeout=300)
            first, *again = [_seconds(app) for _ in range(1 + _AGAIN)]
            if app.exception or app.error:
                sys.exit(f"The page {page.stem} shows an error: {[shown.value for shown in app.error]}")
            slowest = max(slowest, *again)
            yield f"{page.stem}, first and slowest of {_AGAIN} more", f"{first:.2f} s, {max(again):.2f} s"
        yield "slowest script on a warm cache (wanted: at most 1 s)", f"{slowest:.2f} s"


def _seconds(app: AppTest) -> float:
    began = time.perf_counter()
    app.run()
    return time.perf_counter() - began
