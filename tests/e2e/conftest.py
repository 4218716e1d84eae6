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
from playwright.sync_api import expect, sync_playwright

import portal as portal_package
from infra.local.cloud import Cloud
from portal.core.sign_in import LONGEST_SESSION
from portal.runs import service as runs
from tests.support import tokens
from tests.support.long_history import remember_runs
from tests.support.tokens import ENVIRONMENT, key_set

PORTAL = Path(portal_package.__file__).parent
SHOTS = Path(__file__).parents[2] / "screenshots"
TAKES_PICTURES = "HDP_SCREENSHOTS" in os.environ
ENDED = "Your session has ended: reload this page to sign in again."

expect.set_options(timeout=30_000)


@contextmanager
def serving(**environment):
    """The address of a portal with these variables set."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(PORTAL / "ui" / "asgi.py"),
        "--server.port",
        str(port),
    ]
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
def signed_in_portal(portal, first_run):
    """The same, where people sign in."""
    with key_set(portal), serving(**ENVIRONMENT, HDP_ROLE="") as address:
        yield address


@pytest.fixture(scope="session")
def empty_portal(tmp_path_factory):
    """A portal over a lake of its own in which nothing was ever published, for all its 10,000 runs."""
    with (
        Cloud(remember_runs(tmp_path_factory.mktemp("long") / "state"), workers=1) as cloud,
        serving(**cloud.environment(), HDP_ROLE_CHOICE="true") as address,
    ):
        yield address


@pytest.fixture
def stuck_run(portal, broken, first_run):
    """The newest run: it is over, for its first job has failed."""
    with broken("bronze_to_silver/patients"):
        run_id = runs.start(portal, list(first_run.batch_ids)).run_id
        return runs.wait(portal, run_id, seconds=300)


@pytest.fixture
def nothing_goes_on(portal):
    """A run that a failing test has left going is stopped: it would keep all later ones from starting."""
    yield
    for run in runs.list_runs(portal, 5):
        if not run.is_over:
            runs.stop(portal, run.run_id)


@pytest.fixture(scope="session")
def playwright():
    """Playwright, which starts once a process."""
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser(playwright):
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        pytest.skip("there is no chromium: scripts/install-test-packages installs it")
    running = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
    yield running
    running.close()


@pytest.fixture
def open_page(browser):
    """Opens a page of a browser of its own at an address, closed after the test."""
    contexts = []

    def opened(address, **options):
        contexts.append(
            browser.new_context(viewport={"width": 1440, "height": 1000}, base_url=address, **options)
        )
        return contexts[-1].new_page()

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_page, url):
    return open_page(url)


# signing in


@pytest.fixture
def person(open_page, signed_in_portal):
    """Somebody at a browser of their own who has just signed in: `person("lee", "analyst")`."""

    def signed_in(name, role):
        page = open_page(signed_in_portal)
        page.goto("/")
        expect(page.get_by_text("You are not signed in")).to_be_visible()
        sign_in(page, name, role)
        expect(page.get_by_text(f"{name} · {role}")).to_be_visible()
        return page

    return signed_in


def sign_in(page, name, role, seconds=3600):
    """What the load balancer does: it sends the browser back to where it was, now with tokens.

    It sends new ones with each request; here the same ones last for an hour. `seconds` is what is left of the
    session.
    """
    signed_in_at = time.time() + seconds - LONGEST_SESSION.total_seconds()
    claims = {"sub": name, "username": name, "cognito:groups": [role]}
    page.context.set_extra_http_headers(tokens.headers(signed_in_at, 3600, **claims))
    page.reload()


def session_ends(page, name, role, touch):
    """A session that ends while the page is open.

    `touch` is what the person does next, unless the page has told it by itself.
    """
    address = page.url
    sign_in(page, name, role, seconds=8)
    expect(page.get_by_role("heading", level=1).or_(page.get_by_text(ENDED)).first).to_be_visible()
    page.wait_for_function("end => Date.now() > end", arg=1000 * (time.time() + 8), timeout=20_000)
    if not page.get_by_text(ENDED).first.is_visible():
        touch(page)
    expect(page.get_by_text(ENDED).first).to_be_visible()
    expect(page.get_by_test_id("stMetricValue")).to_have_count(0)
    sign_in(page, name, role)
    settle(page)
    assert page.url == address
    expect(page.get_by_text(ENDED)).to_have_count(0)


# looking


_SETTLED = """() => new Promise((done, fail) => {
    const start = performance.now()
    let changed = start
    const observer = new MutationObserver(() => { changed = performance.now() })
    observer.observe(document, {subtree: true, childList: true, attributes: true, characterData: true})
    const look = () => {
        const now = performance.now()
        const app = document.querySelector('[data-testid=stApp]')
        const busy = app?.dataset.testScriptState !== 'notRunning'
            || document.querySelector('[data-testid=stStatusWidget], [data-testid=stSkeleton]')
        if (busy) changed = now
        if (now - changed > 300 || (!busy && now - start > 8000)) { observer.disconnect(); done() }
        else if (now - start > 60000) { observer.disconnect(); fail('the page has not settled') }
        else setTimeout(look, 50)
    }
    look()
})"""


APP = "[data-testid=stApp]"


def settle(page, landmark="h1"):
    """Wait until the page has drawn itself and nothing on it changes (a live part changes for ever.

    Until it rests).
    """
    page.wait_for_selector(landmark, timeout=40_000)
    page.evaluate(_SETTLED)


def stretch(page):
    """Make the window so high that the whole page is in it."""
    height = page.evaluate("(document.querySelector('[data-testid=stMain]') || document.body).scrollHeight")
    page.set_viewport_size({"width": page.viewport_size["width"], "height": min(int(height) + 20, 4000)})


def picture(page, name):
    """A picture of the window in the folder that git ignores, once it is at rest.

    In `make screenshots` only.
    """
    if not TAKES_PICTURES:
        return
    SHOTS.mkdir(exist_ok=True)
    settle(page, APP)
    page.screenshot(path=SHOTS / f"{name}.png")


def shot(page, name):
    """A picture of the whole page."""
    if not TAKES_PICTURES:
        return
    size = page.viewport_size
    stretch(page)
    picture(page, name)
    page.set_viewport_size(size)
