"""Runs one Lambda function's handler, warm, in a process of its own. Started by `infra.local.lambdas`."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import traceback
from types import SimpleNamespace
from typing import Any


def main(questions_fd: int, answers_fd: int, folder: str, handler_name: str) -> None:
    sys.path.insert(0, folder)
    handler: Any = None
    with os.fdopen(questions_fd) as questions, os.fdopen(answers_fd, "w") as answers:
        for line in questions:
            question = json.loads(line)
            try:
                handler = handler or _load(handler_name)
                context = SimpleNamespace(aws_request_id=question["request_id"])
                with contextlib.redirect_stdout(sys.stderr):
                    answer = {"result": handler(question["event"], context)}
            except Exception as error:
                trace = traceback.format_tb(error.__traceback__)
                what = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": trace}
                answer = {"error": what}
            answers.write(json.dumps(answer, default=str) + "\n")
            answers.flush()


def _load(handler_name: str) -> Any:
    module, _, function = handler_name.rpartition(".")
    return getattr(importlib.import_module(module), function)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
