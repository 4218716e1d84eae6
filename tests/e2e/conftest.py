"""The portal as a person meets it: streamlit on a free port, Debian's Chromium."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

import portal as portal_package

PORTAL = Path(portal_package.__file__).parent
SHOTS = Path(__file__).parents[2] / "screenshots"


@contextmanager
def serving(**environment):
    """The address of a portal with these variables set."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(PORTAL / "app.py"), "--server.port", str(port)]
    command += ["--server.address", "127.0.0.1", "--server.headless", "true"]
    process = subprocess.Popen(
        command,
        cwd=PORTAL,
        env={**os.environ, "PYTHONPATH": str(PORTAL.parent), **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        for _ in range(300):
            try:
                direct.open(f"{address}/_stcore/health", timeout=1)
                break
            except OSError:
                time.sleep(0.1)
        yield address
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def url(cloud, first_run):
    """The portal's address, over a lake with one published release."""
    with serving(HDP_ROLE_CHOICE="true") as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        pytest.skip("there is no chromium: scripts/install-test-packages installs it")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def page(browser, url):
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, base_url=url)
    yield context.new_page()
    context.close()


def settle(page):
    """Wait until the page has drawn itself."""
    page.wait_for_selector("h1", timeout=40_000)
    page.wait_for_function(
        "!document.querySelector('[data-testid=stStatusWidget]') && !document.querySelector('[data-testid=stSkeleton]')"
        " && document.querySelector('[data-testid=stApp]').dataset.testScriptState !== 'running'",
        timeout=60_000,
    )
    page.wait_for_timeout(400)


def shot(page, name):
    """A picture of the whole page in the folder that git ignores."""
    SHOTS.mkdir(exist_ok=True)
    size = page.viewport_size
    height = page.evaluate("(document.querySelector('[data-testid=stMain]') || document.body).scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": min(int(height) + 20, 4000)})
    page.wait_for_timeout(300)
    page.screenshot(path=SHOTS / f"{name}.png")
    page.set_viewport_size(size)
