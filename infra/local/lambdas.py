"""Lambda of the laptop cloud: run each function's zip in its own process with its variables and role."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import uuid
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moto.awslambda_simple.models import LambdaSimpleBackend, lambda_simple_backends
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils

from infra.local.calls import caller
from infra.local.context import ACCOUNT, Context
from infra.local.process import JsonProcess, ProcessDied
from infra.local.runtimes import LAMBDA, site

_WORKER = Path(__file__).with_name("lambda_worker.py")


@dataclass
class _Warm:
    """The warm process of one deployed version of a function; it handles one event at a time."""

    version: str
    process: JsonProcess
    lock: threading.Lock = field(default_factory=threading.Lock)


class LambdaEngine:
    def __init__(self, context: Context) -> None:
        self.context = context
        self._warm: dict[str, _Warm] = {}
        self._lock = threading.Lock()
        context.on_stop.append(self.stop)

    def invoke(self, function: Any, body: str) -> tuple[bytes, bool]:
        """Invoke a function with the JSON event `body`; return the payload, and whether it is an error."""
        warm = self._process(function)
        with warm.lock:
            try:
                event = json.loads(body or "{}")
                answer = warm.process.ask({"event": event, "request_id": str(uuid.uuid4())})
            except ProcessDied as died:
                message = f"The function's process ended: {died}."
                answer = {"error": {"errorMessage": message, "errorType": "Lambda.ServiceException"}}
        failed = "error" in answer
        return json.dumps(answer["error"] if failed else answer["result"]).encode(), failed

    def stop(self) -> None:
        with self._lock:
            for warm in self._warm.values():
                warm.process.kill()
            self._warm.clear()

    def _process(self, function: Any) -> _Warm:
        variables = dict(function.environment_vars or {})
        stamp = json.dumps([function.code_sha_256, function.handler, variables], sort_keys=True)
        version = hashlib.sha256(stamp.encode()).hexdigest()[:16]
        with self._lock:
            warm = self._warm.get(function.function_name)
            if warm and warm.version == version and warm.process.is_alive:
                return warm
            if warm:
                warm.process.kill()
            warm = _Warm(version, self._start(function, version, variables))
            self._warm[function.function_name] = warm
            return warm

    def _start(self, function: Any, version: str, variables: dict[str, str]) -> JsonProcess:
        folder = self.context.work / "lambda" / f"{function.function_name}-{version}"
        if not folder.is_dir():
            with zipfile.ZipFile(io.BytesIO(function.code_bytes)) as archive:
                archive.extractall(folder)
        role = function.role.rpartition("/")[2]
        installed = site(self.context.work / "runtimes" / "lambda", LAMBDA)
        environment = {
            **caller(self.context.environment, role),
            **variables,
            "PYTHONPATH": str(installed),
            "PYTHONUNBUFFERED": "1",
        }
        environment.setdefault("AWS_LAMBDA_FUNCTION_NAME", function.function_name)
        log = self.context.work / "logs" / f"lambda-{function.function_name}.log"
        return JsonProcess(_WORKER, [str(folder), function.handler], environment, log)


def install(context: Context) -> None:
    engine = LambdaEngine(context)

    def invoke(
        backend: Any,
        function_name: str,
        qualifier: str | None,
        body: Any,
        headers: Any,
        response_headers: Any,
    ) -> bytes:
        function = backend.get_function(function_name, qualifier)
        payload, failed = engine.invoke(function, body.decode() if isinstance(body, bytes) else body)
        if failed:
            response_headers["x-amz-function-error"] = "Unhandled"
        return payload

    def invoke_from_state(parameters: dict[str, Any], region: str, **_: Any) -> dict[str, Any]:
        """Invoke a function directly: a client and an HTTP request would take longer than most functions."""
        function = lambda_simple_backends[ACCOUNT][region].get_function(parameters["FunctionName"], None)
        payload, failed = engine.invoke(function, parameters.get("Payload", b"{}").decode())
        answer = {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": json.loads(payload)}
        return {**answer, "FunctionError": "Unhandled"} if failed else answer

    LambdaSimpleBackend.invoke = invoke
    lambda_eval_utils._invoke_lambda_function = invoke_from_state
