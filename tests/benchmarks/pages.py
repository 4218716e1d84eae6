"""How long each page's script takes over a large release: at first, and from its cache."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import streamlit as st
from streamlit.testing.v1 import AppTest

import portal
from portal.runs import service as runs
from tests.benchmarks import lake
from tests.benchmarks.figures import Figure, Size

_PAGES = Path(portal.__file__).parent / "ui" / "app_pages"
_AGAIN = 5


def scripts(size: Size) -> Iterator[Figure]:
    os.environ["HDP_ROLE_CHOICE"] = "true"
    st.cache_resource.clear()  # the pages' context is that of the process's first cloud
    st.cache_data.clear()
    link = "streamlit.{}page_link"  # where it leads to is known to app.py alone
    with (
        lake.large(size) as sample,
        mock.patch(link.format("")),
        mock.patch(link.format("delta_generator.DeltaGenerator.")),
    ):
        sample.run()
        run_id = runs.list_runs(sample.aws, 1)[0].run_id
        for page in sorted(_PAGES.glob("[a-z]*.py")):
            app = AppTest.from_file(str(page), default_timeout=300)
            app.query_params["run"] = run_id
            first, *again = [_seconds(app) for _ in range(1 + _AGAIN)]
            if app.exception or app.error:
                sys.exit(f"The page {page.stem} shows an error: {[shown.value for shown in app.error]}")
            yield Figure(f"page {page.stem}, slowest of {_AGAIN}", max(again), "s", "the first time", first)


def _seconds(app: AppTest) -> float:
    began = time.perf_counter()
    app.run()
    return time.perf_counter() - began
