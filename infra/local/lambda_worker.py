"""A warm process that runs one Lambda function's handler. Started by `infra.local.lambdas`."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import traceback
from types import SimpleNamespace
from typing import Any


def main(requests_fd: int, answers_fd: int, folder: str, handler_name: str) -> None:
    """Answer each JSON line with one JSON line: the handler's result or error."""
    sys.path.insert(0, folder)
    handler: Any = None
    with os.fdopen(requests_fd) as requests, os.fdopen(answers_fd, "w") as answers:
        for line in requests:
            request = json.loads(line)
            try:
                handler = handler or _load(handler_name)
                context = SimpleNamespace(aws_request_id=request["request_id"])
                with contextlib.redirect_stdout(sys.stderr):
                    answer = {"result": handler(request["event"], context)}
            except Exception as error:
                trace = traceback.format_tb(error.__traceback__)
                details = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": trace}
                answer = {"error": details}
            answers.write(json.dumps(answer, default=str) + "\n")
            answers.flush()


def _load(handler_name: str) -> Any:
    module, _, function = handler_name.rpartition(".")
    return getattr(importlib.import_module(module), function)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
