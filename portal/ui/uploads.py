"""Stream uploads of the page Data to the staging prefix; Streamlit would keep each file in memory.

Streamlit receives a file in a form that it parses as a whole. The middleware passes the file's content on in
parts and gives Streamlit the same form with an empty file, so that its own checks (session, XSRF, size) and
its widget work as before. The page finds the content by the id that Streamlit gave the file.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from typing import Any

from anyio import to_thread
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from streamlit import config
from streamlit.runtime.scriptrunner import get_script_run_ctx

from portal.batches import staging
from portal.batches.staging import Staged, Upload
from portal.core.context import Context
from portal.core.errors import ServiceError, is_aws_error

log = logging.getLogger("portal")

_PATH = re.compile(r"/_stcore/upload_file/(?P<session>[^/]+)/(?P<file>[^/]+)$")
_MOST_SESSIONS = 1000


@dataclass
class _Session:
    """Uploads of a browser session on behalf of the user for whom the page was last drawn."""

    context: Context
    files: dict[str, Staged] = field(default_factory=dict)


_sessions: dict[str, _Session] = {}


def accept(context: Context) -> None:
    """Accept uploads of the current browser session on behalf of the user of `context`."""
    found = _sessions.pop(_session_id(), None)
    _sessions[_session_id()] = _Session(context, found.files if found else {})
    while len(_sessions) > _MOST_SESSIONS:
        _sessions.pop(next(iter(_sessions)))


def staged(file_id: str) -> Staged | None:
    """Return the uploaded file with an id of Streamlit, or None if its content is not known here."""
    found = _sessions.get(_session_id())
    return found.files.get(file_id) if found else None


def discard_all() -> None:
    """Delete the staged files of the current browser session."""
    found = _sessions.get(_session_id())
    for file_id in list(found.files) if found else ():
        _forget(_session_id(), file_id)


def _session_id() -> str:
    running = get_script_run_ctx()
    return running.session_id if running else ""


class StreamedUploads:
    """ASGI middleware: stage the content of uploaded files, and delete it when a file is removed."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        found = _PATH.search(scope["path"]) if scope["type"] == "http" else None
        if found and scope["method"] == "PUT":
            receive = _Body(receive, Headers(scope=scope), found["session"], found["file"])
        if found and scope["method"] == "DELETE":
            await to_thread.run_sync(_forget, found["session"], found["file"])
        await self._app(scope, receive, send)


def _forget(session_id: str, file_id: str) -> None:
    session = _sessions.get(session_id)
    known = session.files.pop(file_id, None) if session else None
    if session and known:
        try:
            staging.discard(session.context, known)
        except Exception as error:  # it is deleted after a day
            log.error("upload not deleted: %s", type(error).__name__)  # noqa: TRY400


class _Body:
    """The body of an upload: Streamlit, once it has checked the request, receives a form without content."""

    def __init__(self, receive: Any, headers: Headers, session_id: str, file_id: str) -> None:
        self._receive, self._headers = receive, headers
        self._session_id, self._file_id = session_id, file_id
        self._is_read = False

    async def __call__(self) -> Any:
        if self._is_read:
            return await self._receive()
        self._is_read = True
        session = _sessions.get(self._session_id)
        if session is None:
            raise HTTPException(403, "Files can only be uploaded on the page Data.")
        try:
            upload = await to_thread.run_sync(staging.begin, session.context)
        except ServiceError as error:
            raise HTTPException(403, str(error)) from None
        try:
            return await self._stage(session, upload)
        except BaseException as error:
            await to_thread.run_sync(upload.abort)
            if isinstance(error, Exception) and is_aws_error(error):
                log.error("upload failed: %s", type(error).__name__)  # noqa: TRY400  (no file names)
                raise HTTPException(503, "The file could not be stored. Upload it again.") from None
            raise

    async def _stage(self, session: _Session, upload: Upload) -> Any:
        """Stage the content, and return the ASGI message that Streamlit receives instead."""
        form = _Form(self._headers.get("content-type", ""), upload)
        message = await self._stream(form, upload)
        if message["type"] != "http.request":  # the browser is gone
            await to_thread.run_sync(upload.abort)
            return message
        body = form.without_content()
        session.files[self._file_id] = await to_thread.run_sync(upload.finish, form.name)
        return {"type": "http.request", "body": body, "more_body": False}

    async def _stream(self, form: _Form, upload: Upload) -> Any:
        """Write the request's body to the upload, and return the last message."""
        most = int(config.get_option("server.maxUploadSize")) << 20
        while True:
            message = await self._receive()
            form.write(message.get("body", b""))
            if upload.size > most:
                raise HTTPException(413, "File too large")
            if upload.has_part:
                await to_thread.run_sync(upload.send_part)
            if not message.get("more_body", False):
                return message


class _Form:
    """Parser of a form with one file, whose content goes to an upload."""

    def __init__(self, content_type: str, upload: Upload) -> None:
        _, options = parse_options_header(content_type)
        self._boundary = options.get(b"boundary", b"")
        if not self._boundary:
            raise HTTPException(400, "Expected a form with one file")
        self._headers, self._files = list[tuple[bytes, bytes]](), 0
        self._name = self._value = b""
        self._is_complete = False
        self._parser = MultipartParser(
            self._boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._end_header,
                "on_part_data": lambda data, start, end: upload.write(data[start:end]),
                "on_end": self._end,
            },
        )

    @property
    def name(self) -> str:
        disposition = dict(self._headers).get(b"content-disposition", b"")
        return parse_options_header(disposition)[1].get(b"filename", b"").decode("utf-8", "replace")

    def write(self, content: bytes) -> None:
        try:
            self._parser.write(content)
        except ValueError:  # FormParserError
            raise HTTPException(400, "The form cannot be read") from None

    def without_content(self) -> bytes:
        """Return the form with the headers of the file and no content; the form must be complete."""
        if not self._is_complete:
            raise HTTPException(400, "The form is cut off")
        lines = [b"--" + self._boundary, *(b": ".join(header) for header in self._headers)]
        return b"\r\n".join([*lines, b"", b"", b"--" + self._boundary + b"--", b""])

    def _begin(self) -> None:
        self._files += 1
        if self._files > 1:
            raise HTTPException(400, f"Expected 1 file, but got {self._files}")

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers.append((self._name.lower(), self._value))
        self._name = self._value = b""

    def _end(self) -> None:
        self._is_complete = True
