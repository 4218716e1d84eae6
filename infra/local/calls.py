"""Who called which AWS action: written down, so that permissions can be held against what is really done.

A caller is known by the access key that it signs with: services of the laptop cloud have one each, named after
the role that Terraform gives them.
"""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

_SIGNED = re.compile(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/aws4_request")
_REST = {
    ("lambda", "POST"): "InvokeFunction",
    ("scheduler", "GET"): "GetSchedule",
    ("scheduler", "PUT"): "UpdateSchedule",
    ("scheduler", "POST"): "CreateSchedule",
}
_SUBRESOURCES = {"location": "GetBucketLocation"}


def caller(environment: Mapping[str, str], role: str) -> dict[str, str]:
    """`environment` with the access key of a role."""
    return {**environment, "AWS_ACCESS_KEY_ID": role}


class Calls:
    """A WSGI application around another; each new (role, action, bucket, key) is one line of `path`."""

    def __init__(self, app: Callable[..., Iterable[bytes]], path: Path) -> None:
        self._app = app
        self._path = path
        self._seen: set[tuple[str, ...]] = set()
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        signed = _SIGNED.search(environ.get("HTTP_AUTHORIZATION", ""))
        if signed:
            role, service = signed.groups()
            self._note(role, service, environ)
        return self._app(environ, start_response)

    def _note(self, role: str, service: str, environ: dict[str, Any]) -> None:
        bucket, _, key = unquote(environ.get("PATH_INFO", "")).lstrip("/").partition("/")
        actions = _s3(environ, key) if service == "s3" else [_action(service, environ)]
        place = (bucket, key) if service == "s3" else ("", "")
        for action in actions:
            call = (role, f"{service}:{action}", *place)
            with self._lock:
                if call in self._seen:
                    continue
                self._seen.add(call)
                with self._path.open("a") as file:
                    file.write(json.dumps(call) + "\n")


def _action(service: str, environ: dict[str, Any]) -> str:
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return str(target).rpartition(".")[2]
    if found := _REST.get((service, environ["REQUEST_METHOD"])):
        return found
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return str(parse_qs(body.decode()).get("Action", ["Unknown"])[0])


def _s3(environ: dict[str, Any], key: str) -> list[str]:
    """The actions that AWS checks for a request to S3."""
    method, query = environ["REQUEST_METHOD"], environ.get("QUERY_STRING", "")
    names = parse_qs(query, keep_blank_values=True)
    for name, action in _SUBRESOURCES.items():
        if name in names:
            return [action]
    if not key:
        whole = {"GET": "ListBucket", "HEAD": "ListBucket", "PUT": "CreateBucket", "POST": "DeleteObject"}
        return [whole[method]]
    if method == "DELETE":
        return ["AbortMultipartUpload" if "uploadId" in names else "DeleteObject"]
    if method in {"GET", "HEAD"}:
        return ["GetObject"]
    locked = "HTTP_X_AMZ_OBJECT_LOCK_MODE" in environ
    return ["PutObject", "PutObjectRetention"] if locked else ["PutObject"]


def read(path: Path) -> set[tuple[str, ...]]:
    """The calls that were written down."""
    return {tuple(json.loads(line)) for line in path.read_text().splitlines()} if path.exists() else set()
