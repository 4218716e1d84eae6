"""Record the AWS calls of all roles except `laptop`, so that tests can compare them with the roles' policies.

A call belongs to the role whose key signed the request; `infra.local.gate` has verified the signature. A key
issued by STS belongs to the assumed role.
"""

from __future__ import annotations

import io
import json
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from infra.local import arns, credentials
from infra.local.credentials import LAPTOP, Key, Keys
from infra.local.gate import ROLE, SERVICE

_ISSUED = re.compile(r"<(AccessKeyId|SecretAccessKey|SessionToken|Expiration)>([^<]+)<")
_QUERY = re.compile(rb'"(?:QueryExecutionId|NamedQueryId)": ?"([^"]+)"')
_REST = {
    ("lambda", "POST"): "InvokeFunction",
    ("scheduler", "GET"): "GetSchedule",
    ("scheduler", "PUT"): "UpdateSchedule",
    ("scheduler", "POST"): "CreateSchedule",
}
_SUBRESOURCES = {"location": "GetBucketLocation"}
_REMEMBERED = {"AssumeRole", "StartQueryExecution", "CreateNamedQuery"}


@dataclass(frozen=True)
class Call:
    """One authorization decision: `role` needs `action` on all `resources`; `context` has condition keys."""

    role: str
    action: str
    resources: tuple[str, ...]
    context: dict[str, str] = field(default_factory=dict)


def caller(environment: Mapping[str, str], role: str) -> dict[str, str]:
    """Return `environment` with the key pair of `role` instead of the credentials file with all roles' keys.

    If the file has no key pair of `role`, create it.
    """
    key = credentials.ensure(Path(environment["AWS_SHARED_CREDENTIALS_FILE"]), [role])[role]
    return {
        **environment,
        "AWS_ACCESS_KEY_ID": key.access_key,
        "AWS_SECRET_ACCESS_KEY": key.secret,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


class Calls:
    """WSGI middleware that appends the calls of all roles except the laptop's to `path`, as JSON lines.

    Equal calls are recorded once per start of the cloud. `workgroups` gives the workgroup of each query and
    saved query from before the start.
    """

    def __init__(
        self, app: Callable[..., Iterable[bytes]], path: Path, keys: Keys, workgroups: Mapping[str, str]
    ) -> None:
        self._app = app
        self._path = path
        self._keys = keys
        self._seen: set[str] = set()
        self._workgroups = dict(workgroups)
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        role, service = environ[ROLE], environ[SERVICE]
        if service == "s3":
            inner = self._app if role == LAPTOP else self._s3_of(role)
            return inner(environ, start_response)
        parameters = _parameters(environ)
        action = _action(service, environ, parameters)
        response = self._app(environ, start_response)
        if action in _REMEMBERED:
            response = [b"".join(response)]
            self._remember(action, parameters, response[0])
        if role != LAPTOP:
            for call in _calls(role, service, action, parameters, self._workgroups):
                self._record(call)
        return response

    def _s3_of(self, role: str) -> Callable[..., Iterable[bytes]]:
        """Return an S3 application that records the calls of a role.

        Reading a missing object also counts as s3:ListBucket: AWS returns 404 only with that permission.
        """

        def recorded(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            bucket, _, key = unquote(environ.get("PATH_INFO", "")).lstrip("/").partition("/")

            def started(status: str, *rest: Any) -> Any:
                if key and status.startswith("404") and environ["REQUEST_METHOD"] in {"GET", "HEAD"}:
                    self._record(Call(role, "s3:ListBucket", (arns.of_s3(bucket, ""),)))
                return start_response(status, *rest)

            context = _s3_context(environ)
            for action, resource in _s3_actions(environ, bucket, key):
                self._record(Call(role, f"s3:{action}", (resource,), context))
            return self._app(environ, started)

        return recorded

    def _remember(self, action: str, parameters: Mapping[str, Any], response: bytes) -> None:
        """Accept the key that AssumeRole issued, or remember the workgroup of a started or saved query."""
        if action == "AssumeRole":
            issued = dict(_ISSUED.findall(response.decode()))
            if "AccessKeyId" in issued:
                self._keys.issue(_key(parameters["RoleArn"].rpartition("/")[2], issued))
        else:
            for query in _QUERY.findall(response):
                self._workgroups[query.decode()] = parameters.get("WorkGroup", "primary")

    def _record(self, call: Call) -> None:
        line = json.dumps(asdict(call), sort_keys=True)
        with self._lock:
            if line in self._seen:
                return
            self._seen.add(line)
            with self._path.open("a") as file:
                file.write(line + "\n")


def _key(role: str, issued: Mapping[str, str]) -> Key:
    until = datetime.fromisoformat(issued["Expiration"].replace("Z", "+00:00"))
    return Key(role, issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"], until)


def _calls(
    role: str, service: str, action: str, parameters: Mapping[str, Any], workgroups: Mapping[str, str]
) -> Iterator[Call]:
    """Yield the authorization decisions of a request.

    UpdateSchedule with a target has two: it also passes the target's role to the scheduler. GetCallerIdentity
    has none, because AWS checks no policy for it.
    """
    if action == "GetCallerIdentity":
        return
    context = {"sns:Protocol": str(parameters["Protocol"])} if action == "Subscribe" else {}
    yield Call(role, f"{service}:{action}", tuple(arns.of(service, action, parameters, workgroups)), context)
    if action == "UpdateSchedule" and "Target" in parameters:
        passed = {"iam:PassedToService": "scheduler.amazonaws.com"}
        yield Call(role, "iam:PassRole", (parameters["Target"]["RoleArn"],), passed)


def _parameters(environ: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a form or JSON body, and the URL path as `path`; leave the body readable.

    A body in another format has no parameters.
    """
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


def _action(service: str, environ: dict[str, Any], parameters: Mapping[str, Any]) -> str:
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return str(target).rpartition(".")[2]
    return _REST.get((service, environ["REQUEST_METHOD"])) or str(parameters.get("Action", "Unknown"))


def _s3_actions(environ: dict[str, Any], bucket: str, key: str) -> list[tuple[str, str]]:
    """Return the actions that AWS checks for an S3 request, each with its resource."""
    method = environ["REQUEST_METHOD"]
    names = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    resource = arns.of_s3(bucket, key)
    for name, action in _SUBRESOURCES.items():
        if name in names:
            return [(action, resource)]
    if not key and method == "POST":
        return [("DeleteObject", arns.of_s3(bucket, each)) for each in _deleted(environ)]
    if not key:
        return [("CreateBucket" if method == "PUT" else "ListBucket", resource)]
    if method == "DELETE":
        return [("AbortMultipartUpload" if "uploadId" in names else "DeleteObject", resource)]
    if method in {"GET", "HEAD"}:
        return [("GetObject", resource)]
    retention = ["PutObjectRetention"] if "HTTP_X_AMZ_OBJECT_LOCK_MODE" in environ else []
    return [(action, resource) for action in ("PutObject", *retention)]


def _s3_context(environ: Mapping[str, Any]) -> dict[str, str]:
    """Return the condition keys of an S3 request: `s3:if-none-match` for a PUT with this header."""
    condition = environ.get("HTTP_IF_NONE_MATCH") if environ["REQUEST_METHOD"] == "PUT" else None
    return {"s3:if-none-match": condition} if condition else {}


def _deleted(environ: dict[str, Any]) -> list[str]:
    """Return the keys in a request that deletes several objects; leave its body readable."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return [unquote(key) for key in re.findall(r"<Key>([^<]+)</Key>", body.decode())]


def read(path: Path) -> list[Call]:
    """Return the calls recorded in the file `path`; if it does not exist, an empty list."""
    lines = path.read_text().splitlines() if path.exists() else []
    found = [json.loads(line) for line in lines]
    return [Call(each["role"], each["action"], tuple(each["resources"]), each["context"]) for each in found]
