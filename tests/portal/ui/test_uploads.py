"""An upload goes to the staging prefix part by part; Streamlit gets the same form with an empty file."""

from __future__ import annotations

import asyncio
import hashlib
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from botocore.exceptions import EndpointConnectionError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from streamlit import config
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.web.server.starlette.starlette_routes import create_upload_routes

from portal.batches import staging
from portal.batches.staging import PART, Upload
from portal.core.auth import User
from portal.core.context import Context
from portal.core.settings import Settings
from portal.ui import uploads

PATH = "/hdp/_stcore/upload_file/{session}/f-1"
BOUNDARY = b"----browser"


class Discarding:
    """S3 that keeps only the hash of what is uploaded."""

    def __init__(self):
        self.hash, self.sizes, self.calls = hashlib.sha256(), [], []

    def __getattr__(self, call):
        def answer(**request):
            self.calls.append(call)
            if body := request.get("Body"):
                self.hash.update(body)
                self.sizes.append(len(body))
            return {"UploadId": "u", "ETag": "e"}

        return answer


@pytest.fixture
def s3(monkeypatch):
    """Uploads of the session "s-1" on behalf of an engineer."""
    found = Discarding()
    settings = Settings("hdp", "hdp", "arn:aws:states:us-east-1:1:stateMachine:m", "eve", "engineer")
    context = Context(settings).on_behalf_of(User("eve", "engineer", "s-eve"))
    monkeypatch.setattr(uploads, "_sessions", {"s-1": uploads._Session(context)})
    monkeypatch.setattr(uploads, "_session_id", lambda: "s-1")
    monkeypatch.setattr(staging, "begin", lambda of: Upload(found, "s3://b/_uploads/1", of.user.subject))
    monkeypatch.setattr(staging, "discard", lambda _, staged: found.calls.append(f"discard {staged.uri}"))
    monkeypatch.setattr(config, "get_option", {"server.maxUploadSize": 300, "server.baseUrlPath": "hdp"}.get)
    monkeypatch.setattr("streamlit.web.server.starlette.starlette_routes.is_xsrf_enabled", lambda: False)
    return found


@pytest.fixture
def app():
    """The middleware before Streamlit's own upload routes; yields its files, too."""
    files = MemoryUploadedFileManager("/_stcore/upload_file")
    runtime = SimpleNamespace(is_active_session=lambda session: session in {"s-1", "s-2"})
    routes = create_upload_routes(runtime, files, "hdp")
    return Starlette(routes=routes, middleware=[Middleware(uploads.StreamedUploads)]), files


def _form(content, name=b"p.csv"):
    """Yield the body of a form in chunks of the size that the server reads from a socket."""
    disposition = b'Content-Disposition: form-data; name="file"; filename="%s"' % name
    yield b"--%s\r\n%s\r\nContent-Type: text/csv\r\n\r\n" % (BOUNDARY, disposition)
    yield from content
    yield b"\r\n--%s--\r\n" % BOUNDARY


def _two_files():
    first, second = (list(_form([content])) for content in (b"a", b"b"))
    return [*first[:-1], b"\r\n", *second]


def _send(app, chunks, session="s-1", method="PUT", breaks_off=False):
    """Send a request and return the status of the response."""
    told, remaining = [], iter(chunks)

    async def receive():
        chunk = next(remaining, None)
        if chunk is None:
            return {
                "type": "http.disconnect" if breaks_off else "http.request",
                "body": b"",
                "more_body": False,
            }
        return {"type": "http.request", "body": chunk, "more_body": True}

    async def send(message):
        told.append(message)

    scope = {
        "type": "http", "method": method, "path": PATH.format(session=session), "query_string": b"",
        "headers": [(b"content-type", b"multipart/form-data; boundary=" + BOUNDARY)], "root_path": "",
        "http_version": "1.1", "scheme": "http", "server": ("127.0.0.1", 8501),
    }  # fmt: skip
    with ThreadPoolExecutor(1) as pool:  # Playwright leaves a running loop in the thread of other tests
        pool.submit(asyncio.run, app(scope, receive, send)).result()
    return next((each["status"] for each in told if each["type"] == "http.response.start"), None)


def _chunks(size):
    block = bytes(range(256)) * 256
    for _ in range(size // len(block)):
        yield block


def _hash(size):
    found = hashlib.sha256()
    for chunk in _chunks(size):
        found.update(chunk)
    return found.hexdigest()


def test_a_file_is_staged_under_its_name_and_hash_and_streamlit_keeps_none_of_it(s3, app):
    served, files = app
    size = 2 * PART + (1 << 16)
    assert _send(served, _form(_chunks(size), "Stationsübergabe.csv".encode())) == 204
    (record,) = files.get_files("s-1", ["f-1"])
    assert (record.name, record.type, record.data) == ("Stationsübergabe.csv", "text/csv", b"")
    staged = uploads.staged("f-1")
    assert (staged.name, staged.size, staged.supplier) == ("Stationsübergabe.csv", size, "s-eve")
    assert staged.sha256 == s3.hash.hexdigest() == _hash(size)
    assert s3.sizes == [PART, PART, 1 << 16]
    assert s3.calls[0] == "create_multipart_upload"


def _peak(s3, app, size):
    tracemalloc.start()
    try:
        assert _send(app, _form(_chunks(size))) == 204
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_size_of_a_file(s3, app):
    small, large = (_peak(s3, app[0], size) for size in (2 * PART, 16 * PART))
    assert sum(s3.sizes) == 18 * PART
    assert large < 4 * PART
    assert large < 1.5 * small


def test_only_a_session_of_the_page_data_may_upload(s3, app):
    assert _send(app[0], _form([b"a"]), session="s-2") == 403
    assert _send(app[0], _form([b"a"]), session="unknown") == 400
    assert s3.calls == []


def test_who_may_no_longer_import_may_not_upload(s3, app, monkeypatch):
    monkeypatch.undo()
    settings = Settings("hdp", "hdp", "arn:aws:states:us-east-1:1:stateMachine:m", "vic", "viewer")
    monkeypatch.setattr("streamlit.web.server.starlette.starlette_routes.is_xsrf_enabled", lambda: False)
    monkeypatch.setitem(uploads._sessions, "s-1", uploads._Session(Context(settings).sealed()))
    assert _send(app[0], _form([b"a"])) == 403


def test_a_file_over_the_limit_is_refused_while_it_is_sent_and_given_up(s3, app, monkeypatch):
    monkeypatch.setattr(config, "get_option", {"server.maxUploadSize": 9, "server.baseUrlPath": "hdp"}.get)
    assert _send(app[0], _form(_chunks(4 * PART))) == 413
    assert s3.calls[-1] == "abort_multipart_upload"
    assert sum(s3.sizes) < 2 * PART
    assert uploads.staged("f-1") is None


def test_a_browser_that_goes_away_leaves_no_parts(s3, app):
    chunks = [*list(_form(_chunks(2 * PART)))[:-1]]
    with pytest.raises(ClientDisconnect):
        _send(app[0], chunks, breaks_off=True)
    assert "abort_multipart_upload" in s3.calls
    assert uploads.staged("f-1") is None


@pytest.mark.parametrize("body", [[b"no form"], _two_files(), [b""], [*_form([b"a"])][:2]])
def test_a_body_that_is_no_form_with_one_file_is_refused(s3, app, body):
    assert _send(app[0], body) == 400


def test_an_error_of_s3_is_said_without_the_files_name(s3, app, caplog, monkeypatch):
    def away(**_):
        raise EndpointConnectionError(endpoint_url="https://s3")

    monkeypatch.setattr(s3, "put_object", away, raising=False)
    assert _send(app[0], _form([b"a"], b"Garcia.csv")) == 503
    assert "upload failed: EndpointConnectionError" in caplog.text
    assert "Garcia" not in caplog.text
    assert uploads.staged("f-1") is None


def test_a_file_that_is_removed_from_the_page_is_deleted(s3, app):
    served, files = app
    assert _send(served, _form([b"a"])) == 204
    assert _send(served, [], method="DELETE") == 204
    assert s3.calls[-1] == "discard s3://b/_uploads/1"
    assert uploads.staged("f-1") is None
    assert files.get_files("s-1", ["f-1"]) == []
