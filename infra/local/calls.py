"""Records which role called which AWS action on which resources, so that tests can compare it with the policies.

The role is the one whose key signed the request; `infra.local.gate` has verified it. A key that STS issues stands
for the role that was assumed.
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
_LEARNT_FROM = {"AssumeRole", "StartQueryExecution", "CreateNamedQuery"}


@dataclass(frozen=True)
class Call:
    """What AWS would decide on: every one of `resources` has to be allowed; `context` is what conditions look at."""

    role: str
    action: str
    resources: tuple[str, ...]
    context: dict[str, str] = field(default_factory=dict)


def caller(environment: Mapping[str, str], role: str) -> dict[str, str]:
    """Return `environment` with the key pair of a role in place of the key file that holds them all."""
    key = credentials.ensure(Path(environment["AWS_SHARED_CREDENTIALS_FILE"]), [role])[role]
    return {
        **environment,
        "AWS_ACCESS_KEY_ID": key.access_key,
        "AWS_SECRET_ACCESS_KEY": key.secret,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


class Calls:
    """A WSGI application around another; each new call of a role is one line of `path`.

    `workgroups` are those of the queries, executed or saved, that the cloud knew before it started.
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
        given = _parameters(environ)
        action = _action(service, environ, given)
        answer = self._app(environ, start_response)
        if action in _LEARNT_FROM:
            answer = [b"".join(answer)]
            self._learn(action, given, answer[0])
        if role != LAPTOP:
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
        """Remember a key that STS issues, and the workgroup of a query."""
        if action == "AssumeRole":
            issued = dict(_ISSUED.findall(answer.decode()))
            if "AccessKeyId" in issued:
                self._keys.issue(_key(given["RoleArn"].rpartition("/")[2], issued))
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


def _key(role: str, issued: Mapping[str, str]) -> Key:
    until = datetime.fromisoformat(issued["Expiration"].replace("Z", "+00:00"))
    return Key(role, issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"], until)


def _calls(
    role: str, service: str, action: str, given: Mapping[str, Any], workgroups: Mapping[str, str]
) -> Iterator[Call]:
    """A request as what AWS decides on: to hand a role to a service is a decision of its own.

    Who calls may always ask for its own name: AWS looks at no policy for that.
    """
    if action == "GetCallerIdentity":
        return
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
