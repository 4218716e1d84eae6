"""What a long history costs: a run, the list of runs and the command, after 1,000 runs and after ten."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from statistics import median
from unittest import mock

import streamlit as st
from streamlit.testing.v1 import AppTest

import portal
from infra.local.cloud import Cloud
from pipeline.data_generator import Options
from pipeline.data_generator.writer import generate
from portal.batches import service as batches
from portal.core.context import Context
from portal.core.settings import Settings
from portal.runs import service as runs
from tests.benchmarks.figures import Figure, Size, scratch_folder, seconds
from tests.benchmarks.first_start import HDP
from tests.support.long_history import remember_runs

FEW, MANY = 10, 1000
_PAGE = Path(portal.__file__).parent / "ui" / "app_pages" / "runs.py"


def cost(size: Size) -> Iterator[Figure]:
    few, many = (_measured(size, number) for number in (FEW, MANY))
    for name, value in many.items():
        yield Figure(f"{name}, {MANY:,} runs in the history", value, "s", f"{FEW} runs", few[name])


def _measured(size: Size, number: int) -> dict[str, float]:
    before = dict(os.environ)
    options = Options(patients=min(size.patients, 300), start=date(2025, 1, 1), end=date(2025, 12, 31))
    with scratch_folder() as folder, Cloud(remember_runs(folder / "state", number)) as cloud:
        os.environ.update({**cloud.environment(), "HDP_ROLE_CHOICE": "true"})
        st.cache_resource.clear()  # the pages' context is that of the process's first cloud
        st.cache_data.clear()
        context = Context(Settings.from_environment())
        files = generate(options, folder / "sample").folder
        batch_id = batches.import_folder(context, files, uploader="bench").batch_id
        warm = [_run(context, batch_id) for _ in range(1 + size.times)][1:]
        command = [str(HDP), "--state", str(cloud.state), "runs", "list", "--json"]
        found = {
            "a run": median(warm),
            "page runs": seconds(_page, size.times),
            "hdp runs list": seconds(
                lambda: subprocess.run(command, check=True, capture_output=True), size.times
            ),
        }
        os.environ.clear()
        os.environ.update(before)
    return found


def _run(context: Context, batch_id: str) -> float:
    began = time.perf_counter()
    run = runs.wait(context, runs.start(context, [batch_id]).run_id, poll=0.2)
    if run.status != "SUCCEEDED":
        sys.exit(f"The benchmark's run ended {run.status}: {run.cause}")
    return time.perf_counter() - began


def _page() -> None:
    link = "streamlit.{}page_link"  # where it leads to is known to app.py alone
    with mock.patch(link.format("")), mock.patch(link.format("delta_generator.DeltaGenerator.")):
        app = AppTest.from_file(str(_PAGE), default_timeout=300).run()
    if app.exception or app.error:
        sys.exit("The page of runs shows an error.")
