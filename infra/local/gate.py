"""Admit only signed requests from programs on this machine.

Requests of web pages are rejected: they are not signed, they have an Origin header, and after DNS rebinding
their Host header names another host.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from infra.local import credentials, signature
from infra.local.answers import answer, refuse
from infra.local.credentials import LAPTOP, Key, Keys
from infra.local.signature import SignatureError

ROLE, SERVICE = "hdp.role", "hdp.service"
"""Keys in the WSGI environment: the role that signed the request, and the requested service."""

HEALTH = "/_hdp/health"
_OWN_SITES = {"none", "same-origin"}
_NOT_OF_AWS = ("/moto-api", "/latest/")

Application = Callable[..., Iterable[bytes]]


class Refused(Exception):
    """The request names another host, comes from a web page, or uses the laptop cloud as a proxy."""


class Gate:
    """WSGI middleware that verifies requests, answers health checks and drops CORS headers of responses."""

    def __init__(self, app: Application, port: int, keys: Keys, state_id: str) -> None:
        self._app = app
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._keys = keys
        self._state_id = state_id
        self._is_open = threading.Event()
        self.own_key = credentials.new(LAPTOP)
        keys.issue(self.own_key)

    def open(self) -> None:
        """Admit waiting and later requests.

        Before that, only requests signed with `own_key`, which set the cloud up, do not wait.
        """
        self._is_open.set()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        try:
            self._check_sender(environ)
            key, service = self._verify(environ)
        except Refused as error:
            return refuse(environ, start_response, "AccessDenied", str(error))
        except SignatureError as error:
            return refuse(environ, start_response, error.code, str(error))
        if key is not self.own_key:
            self._is_open.wait()
        path = environ.get("PATH_INFO", "")
        if path == HEALTH and key.role == LAPTOP:
            return answer(start_response, "200 OK", "application/json", json.dumps({"state": self._state_id}))
        if path == HEALTH or path.startswith(_NOT_OF_AWS):
            return refuse(environ, start_response, "AccessDenied", "The laptop cloud serves AWS APIs only.")
        environ[ROLE], environ[SERVICE] = key.role, service

        def without_cors(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            kept = [each for each in headers if not each[0].lower().startswith("access-control-")]
            return start_response(status, kept, *rest)

        return self._app(environ, without_cors)

    def _check_sender(self, environ: dict[str, Any]) -> None:
        if environ.get("HTTP_HOST") not in self._hosts:
            raise Refused("The Host header is not this machine's address and port.")
        if "HTTP_ORIGIN" in environ or environ.get("HTTP_SEC_FETCH_SITE", "none") not in _OWN_SITES:
            raise Refused("Web pages cannot use the laptop cloud.")
        if not environ["RAW_URI"].startswith("/"):
            raise Refused("The laptop cloud is not a proxy.")

    def _verify(self, environ: dict[str, Any]) -> tuple[Key, str]:
        """Return the key of a request with a valid signature, and the requested service.

        Raise `SignatureError` if the signature is not valid. Read the body only if the signature covers it.
        """
        claim = signature.read_claim(environ)
        key = self._keys.find(claim.access_key)
        if key is None:
            raise SignatureError(
                "InvalidClientTokenId", "The access key does not belong to this laptop cloud."
            )
        signature.check_time(claim, key, datetime.now(UTC))
        signature.check(claim, key, environ, environ["RAW_URI"], lambda: _body(environ))
        return key, claim.service


def _body(environ: dict[str, Any]) -> bytes:
    """Return the request's body; leave it readable for the application."""
    stream = environ["wsgi.input"]
    if not isinstance(stream, io.BytesIO):
        is_chunked = environ.get("wsgi.input_terminated") and not environ.get("CONTENT_LENGTH")
        read = stream.read() if is_chunked else stream.read(int(environ.get("CONTENT_LENGTH") or 0))
        stream = environ["wsgi.input"] = io.BytesIO(read)
    return stream.getvalue()
