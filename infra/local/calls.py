"""Who called which AWS action on what: written down, so that permissions can be held against what is really done.

A caller is known by the access key that it signs with: services of the laptop cloud have one each, named after
the role that Terraform gives them; a key that STS hands out stands for the role that was assumed.
"""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from infra.local import arns

_SIGNED = re.compile(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/aws4_request")
_KEY = re.compile(rb"<AccessKeyId>([^<]+)</AccessKeyId>")
_QUERY = re.compile(rb'"(?:QueryExecutionId|NamedQueryId)": ?"([^"]+)"')
_REST = {
    ("lambda", "POST"): "InvokeFunction",
    ("scheduler", "GET"): "GetSchedule",
    ("scheduler", "PUT"): "UpdateSchedule",
    ("scheduler", "POST"): "CreateSchedule",
}
_SUBRESOURCES = {"location": "GetBucketLocation"}
_LEARNT_FROM = {"AssumeRole", "StartQueryExecution", "CreateNamedQuery"}
_LAPTOP = "laptop"
"""Signs what sets the laptop cloud up, and what people and tests do themselves: no role's call."""


@dataclass(frozen=True)
class Call:
    """What AWS would decide on: every one of `resources` has to be allowed; `context` is what conditions look at."""

    role: str
    action: str
    resources: tuple[str, ...]
    context: dict[str, str] = field(default_factory=dict)


def caller(environment: Mapping[str, str], role: str) -> dict[str, str]:
    """`environment` with the access key of a role."""
    return {**environment, "AWS_ACCESS_KEY_ID": role}


class Calls:
    """A WSGI application around another; each new call of a role is one line of `path`."""

    def __init__(self, app: Callable[..., Iterable[bytes]], path: Path) -> None:
        self._app = app
        self._path = path
        self._seen: set[str] = set()
        self._roles: dict[str, str] = {}
        self._workgroups: dict[str, str] = {}
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        signed = _SIGNED.search(environ.get("HTTP_AUTHORIZATION", ""))
        if not signed:
            return self._app(environ, start_response)
        role, service = self._roles.get(signed[1], signed[1]), signed[2]
        if service == "s3":
            inner = self._app if role == _LAPTOP else self._s3_of(role)
            return inner(environ, start_response)
        given = _parameters(environ)
        action = _action(service, environ, given)
        answer = self._app(environ, start_response)
        if action in _LEARNT_FROM:
            answer = [b"".join(answer)]
            self._learn(action, given, answer[0])
        if role != _LAPTOP:
            for call in _calls(role, service, action, given, self._workgroups):
                self._note(call)
        return answer

    def _s3_of(self, role: str) -> Callable[..., Iterable[bytes]]:
        """S3 for a role. Whether a missing object may be called missing, AWS decides by ListBucket."""

        def noted(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            bucket, _, key = unquote(environ.get("PATH_INFO", "")).lstrip("/").partition("/")

            def started(status: str, *rest: Any) -> Any:
                if key and status.startswith("404") and environ["REQUEST_METHOD"] in {"GET", "HEAD"}:
                    self._note(Call(role, "s3:ListBucket", (arns.of_s3(bucket, ""),)))
                return start_response(status, *rest)

            for action, place in _s3_actions(environ, bucket, key):
                self._note(Call(role, f"s3:{action}", (place,)))
            return self._app(environ, started)

        return noted

    def _learn(self, action: str, given: Mapping[str, Any], answer: bytes) -> None:
        """Keys that stand for roles, and queries that lie in workgroups."""
        if action == "AssumeRole":
            for key in _KEY.findall(answer):
                self._roles[key.decode()] = given["RoleArn"].rpartition("/")[2]
        else:
            for query in _QUERY.findall(answer):
                self._workgroups[query.decode()] = given.get("WorkGroup", "primary")

    def _note(self, call: Call) -> None:
        line = json.dumps(asdict(call), sort_keys=True)
        with self._lock:
            if line in self._seen:
                return
            self._seen.add(line)
            with self._path.open("a") as file:
                file.write(line + "\n")


def _calls(
    role: str, service: str, action: str, given: Mapping[str, Any], workgroups: Mapping[str, str]
) -> Iterator[Call]:
    """A request as what AWS decides on: to hand a role to a service is a decision of its own."""
    context = {"sns:Protocol": str(given["Protocol"])} if action == "Subscribe" else {}
    yield Call(role, f"{service}:{action}", tuple(arns.of(service, action, given, workgroups)), context)
    if action == "UpdateSchedule" and "Target" in given:
        passed = {"iam:PassedToService": "scheduler.amazonaws.com"}
        yield Call(role, "iam:PassRole", (given["Target"]["RoleArn"],), passed)


def _parameters(environ: dict[str, Any]) -> dict[str, Any]:
    """The request's parameters, whichever of AWS's protocols it speaks; `path` is the address."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    path = environ.get("PATH_INFO", "")
    if "x-www-form-urlencoded" in environ.get("CONTENT_TYPE", ""):
        return {"path": path, **{name: values[0] for name, values in parse_qs(body.decode()).items()}}
    try:
        document = json.loads(body or b"{}")
    except ValueError:
        document = {}
    return {"path": path, **(document if isinstance(document, dict) else {})}


def _action(service: str, environ: dict[str, Any], given: Mapping[str, Any]) -> str:
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return str(target).rpartition(".")[2]
    return _REST.get((service, environ["REQUEST_METHOD"])) or str(given.get("Action", "Unknown"))


def _s3_actions(environ: dict[str, Any], bucket: str, key: str) -> list[tuple[str, str]]:
    """The actions that AWS checks for a request to S3, each with its place."""
    method, names = (
        environ["REQUEST_METHOD"],
        parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True),
    )
    place = arns.of_s3(bucket, key)
    for name, action in _SUBRESOURCES.items():
        if name in names:
            return [(action, place)]
    if not key and method == "POST":
        return [("DeleteObject", arns.of_s3(bucket, each)) for each in _deleted(environ)]
    if not key:
        return [("CreateBucket" if method == "PUT" else "ListBucket", place)]
    if method == "DELETE":
        return [("AbortMultipartUpload" if "uploadId" in names else "DeleteObject", place)]
    if method in {"GET", "HEAD"}:
        return [("GetObject", place)]
    locked = "HTTP_X_AMZ_OBJECT_LOCK_MODE" in environ
    return [(action, place) for action in (["PutObject", "PutObjectRetention"] if locked else ["PutObject"])]


def _deleted(environ: dict[str, Any]) -> list[str]:
    """The keys of a request that deletes several objects."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return [unquote(key) for key in re.findall(r"<Key>([^<]+)</Key>", body.decode())]


def read(path: Path) -> list[Call]:
    """The calls that were written down."""
    lines = path.read_text().splitlines() if path.exists() else []
    found = [json.loads(line) for line in lines]
    return [Call(each["role"], each["action"], tuple(each["resources"]), each["context"]) for each in found]
