"""Pages of a foreign origin, in Chromium: none reaches the laptop cloud or the portal.

The foreign pages come from a server on another port, under a loopback address, a public one and a name that
the browser resolves to 127.0.0.1, as after DNS rebinding.
"""

from __future__ import annotations

import http.server
import shutil
import socket
import threading
from typing import ClassVar
from urllib.parse import urlsplit

import pytest

from tests.e2e.conftest import serving

REBOUND, PUBLIC = "rebound.example", "203.0.113.7"
SEEN = b"seen"


class Recorder(http.server.BaseHTTPRequestHandler):
    """Serves the foreign page; `posted` proves that a form of it does arrive where nothing forbids it."""

    protocol_version = "HTTP/1.1"
    posted: ClassVar[list[str]] = []

    def do_GET(self):
        self._answer(b"<!doctype html><title>foreign</title><body>")

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.posted.append(self.path)
        self._answer(SEEN)

    def _answer(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def foreign():
    """The port of the foreign pages' server."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


@pytest.fixture(scope="module")
def portal_port(cloud):
    with serving(HDP_ROLE_CHOICE="true") as address:
        yield urlsplit(address).port


@pytest.fixture(scope="module")
def chromium(playwright):
    """A browser that takes a foreign name and a public address to this machine."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        pytest.skip("there is no chromium: scripts/install-test-packages installs it")
    rules = f"MAP {REBOUND} 127.0.0.1, MAP {PUBLIC} 127.0.0.1"
    arguments = ["--no-sandbox", f"--host-resolver-rules={rules}", "--no-proxy-server"]
    running = playwright.chromium.launch(executable_path=executable, args=arguments)
    yield running
    running.close()


@pytest.fixture(scope="module", params=["127.0.0.1", "localhost", PUBLIC, REBOUND])
def foreign_address(request, foreign):
    return f"http://{request.param}:{foreign}/"


@pytest.fixture(scope="module")
def foreign_page(chromium, foreign_address):
    """The one page of a foreign origin; starting a page takes longer than most of what it tries."""
    context = chromium.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture
def page(foreign_page, foreign_address):
    """Load a page served from another origin."""
    return opened(foreign_page, foreign_address)


def opened(page, address):
    page.goto(address)
    assert page.title() == "foreign"
    return page


@pytest.fixture
def cloud_port(cloud):
    return urlsplit(cloud.endpoint).port


_FORM = """([url, fields]) => { const form = document.createElement('form')
    form.method = 'post'; form.action = url; form.enctype = 'text/plain'
    for (const [name, value] of Object.entries(fields)) {
        const input = document.createElement('input'); input.name = name; input.value = value;
        form.append(input) }
    document.body.append(form); form.submit() }"""


def submit(page, url, **fields):
    """Post a form as a person's click on a foreign page does; return the answer's status."""
    with page.expect_navigation(url=url) as answered:
        page.evaluate(_FORM, [url, fields])
    return answered.value.status


_FETCH = """async ([url, options]) => {
    try { const answer = await fetch(url, options); return [answer.type, answer.status, await answer.text()] }
    catch (error) { return ['failed', 0, String(error)] } }"""


def fetched(page, url, **options):
    return page.evaluate(_FETCH, [url, options])


_SOCKET = """url => new Promise(done => { const socket = new WebSocket(url)
    socket.onopen = () => done('open'); socket.onerror = () => done('refused') })"""


def test_a_form_of_the_foreign_page_does_arrive_elsewhere(page, foreign):
    """Without this, no test here would tell a refusal from a form that was never sent."""
    assert submit(page, f"http://127.0.0.1:{foreign}/elsewhere", a="1") == 200
    assert "/elsewhere" in Recorder.posted


def test_a_form_changes_nothing_in_the_cloud(page, foreign_address, cloud_port, aws):
    aws.client("s3").put_object(Bucket="hdp-bronze", Key="foreign/kept", Body=b"kept")
    for path in ("/moto-api/reset", "/hdp-code", "/hdp-bronze/patients", "/"):
        opened(page, foreign_address)
        url = f"http://127.0.0.1:{cloud_port}{path}"
        assert submit(page, url, key="foreign/made", file="x") == 403, path
        listed = aws.client("s3").list_objects_v2(Bucket="hdp-bronze", Prefix="foreign/")
        assert [item["Key"] for item in listed["Contents"]] == ["foreign/kept"], path


REQUESTS = [
    {},
    {"mode": "no-cors", "method": "POST", "body": "Action=GetCallerIdentity"},
    {"method": "PUT", "body": "import os"},
    {"method": "DELETE"},
    {"headers": {"X-Amz-Target": "AmazonAthena.StartQueryExecution"}, "method": "POST", "body": "{}"},
]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", REBOUND])
def test_a_fetch_reads_and_writes_nothing_in_the_cloud(page, cloud_port, aws, host):
    aws.client("s3").put_object(Bucket="hdp-bronze", Key="foreign/kept", Body=b"a patient")
    for options in REQUESTS:
        url = f"http://{host}:{cloud_port}/hdp-bronze/foreign/kept"
        kind, status, text = fetched(page, url, **options)
        assert (kind, status) in {("failed", 0), ("opaque", 0)}, options
        assert "a patient" not in text, options
        kept = aws.client("s3").get_object(Bucket="hdp-bronze", Key="foreign/kept")["Body"].read()
        assert kept == b"a patient", options


def test_a_fetch_reads_nothing_of_the_portal(page, portal_port):
    for path in ("/", "/_stcore/health", "/_stcore/host-config"):
        for host in ("127.0.0.1", "localhost", REBOUND):
            kind, _, text = fetched(page, f"http://{host}:{portal_port}{path}")
            assert kind == "failed", (host, path, text)


def test_a_form_is_refused_by_the_portal(page, portal_port):
    assert submit(page, f"http://127.0.0.1:{portal_port}/_stcore/upload_file/a/b", a="1") == 403


def test_a_foreign_page_cannot_frame_the_portal(page, portal_port):
    address = f"http://127.0.0.1:{portal_port}/"
    with page.expect_response(address) as answered:
        page.evaluate(
            "url => { const f = document.createElement('iframe'); f.src = url; document.body.append(f) }",
            address,
        )
    assert answered.value.status == 403


def test_a_web_socket_of_a_foreign_page_is_refused(page, portal_port, cloud_port):
    for path in ("/", "/_stcore/stream"):
        for port in (portal_port, cloud_port):
            assert page.evaluate(_SOCKET, f"ws://127.0.0.1:{port}{path}") == "refused", (port, path)


def test_a_web_socket_of_a_page_without_an_origin_of_its_own_is_refused(page, portal_port):
    """A sandboxed frame sends `Origin: null`."""
    said = page.evaluate(
        """code => new Promise(done => { addEventListener('message', event => done(event.data))
            const frame = document.createElement('iframe'); frame.sandbox = 'allow-scripts'
            frame.srcdoc = `<script>(${code}).then(answer => parent.postMessage(answer, '*'))</script>`
            document.body.append(frame) })""",
        f"({_SOCKET})('ws://127.0.0.1:{portal_port}/_stcore/stream')",
    )
    assert said == "refused"


@pytest.mark.parametrize("name", [REBOUND, PUBLIC])
def test_a_rebound_name_opens_neither_portal_nor_cloud(chromium, portal_port, cloud_port, name):
    context = chromium.new_context()
    try:
        page = context.new_page()
        for port in (portal_port, cloud_port):
            assert page.goto(f"http://{name}:{port}/").status == 403
            assert page.evaluate(_SOCKET, f"ws://{name}:{port}/_stcore/stream") == "refused"
            assert fetched(page, f"http://{name}:{port}/_stcore/health")[1] == 403
    finally:
        context.close()


@pytest.mark.parametrize(
    ("origin", "status"),
    [(None, 403), ("null", 403), ("http://evil.example", 403), ("http://127.0.0.1:1", 403), ("own", 101)],
)
def test_the_portal_takes_a_web_socket_of_its_own_origin_alone(portal_port, origin, status):
    own = f"http://127.0.0.1:{portal_port}"
    lines = [
        "GET /_stcore/stream HTTP/1.1",
        f"Host: 127.0.0.1:{portal_port}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        *([f"Origin: {own if origin == 'own' else origin}"] if origin else []),
    ]
    with socket.create_connection(("127.0.0.1", portal_port), timeout=20) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        assert connection.recv(4096).split(b" ")[1] == str(status).encode()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_person_opens_the_portal_under_both_names_of_this_machine(chromium, portal_port, host):
    context = chromium.new_context()
    try:
        page = context.new_page()
        page.goto(f"http://{host}:{portal_port}/")
        page.get_by_role("heading", level=1).first.wait_for(timeout=60_000)
    finally:
        context.close()
