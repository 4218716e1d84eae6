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
from portal.services import runs
from tests.benchmarks import lake

_PAGES = Path(portal.__file__).parent / "app_pages"
_AGAIN = 5


def scripts() -> Iterator[tuple[str, str]]:
    os.environ["HDP_ROLE_CHOICE"] = "true"
    link = "streamlit.{}page_link"  # where it leads to is known to app.py alone
    with (
        lake.large() as sample,
        mock.patch(link.format("")),
        mock.patch(link.format("delta_generator.DeltaGenerator.")),
    ):
        sample.run()
        run_id = runs.list_runs(sample.aws, 1)[0].run_id
        yield "rows", sample.size
        slowest = 0.0
        for page in sorted(_PAGES.glob("[a-z]*.py")):
            app = AppTest.from_file(str(page), default_timeout=300)
            app.query_params["run"] = run_id
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
