"""A warm process that runs Glue job scripts on an engine, one after another.

`infra.local.job_workers` starts it. It imports only `engine.py` of the project, by its path. Job scripts and
the package `pipeline` come from the code bucket, as on AWS; the package is reloaded if its file has changed.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import logging
import os
import runpy
import sys
import traceback
import zipimport
from pathlib import Path
from typing import Any


class _Code:
    """Put the deployed package on the module path; reload it if its file has changed."""

    def __init__(self) -> None:
        self._loaded: tuple[str, int, int] | None = None

    def use(self, wheel: str) -> None:
        stat = Path(wheel).stat()
        wanted = (wheel, stat.st_mtime_ns, stat.st_size)
        if wanted == self._loaded:
            return
        for name in [name for name in sys.modules if name.split(".")[0] == "pipeline"]:
            del sys.modules[name]
        zipimport._zip_directory_cache.clear()  # type: ignore[attr-defined]
        sys.path[:] = [wheel, *(entry for entry in sys.path if not entry.endswith(".whl"))]
        sys.path_importer_cache.clear()
        importlib.invalidate_caches()
        self._loaded = wanted


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Run a job script with its output appended to the request's log file.

    Return the state SUCCEEDED, or FAILED with the error.
    """
    with Path(request["log"]).open("a", buffering=1, encoding="utf-8") as log:
        logging.getLogger().handlers.clear()  # as on Glue, where a script must add its own handler
        sys.argv = [request["script"], *request["arguments"]]
        with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            try:
                runpy.run_path(request["script"], run_name="__main__")
            except SystemExit as exit_:
                if exit_.code not in {None, 0}:
                    return _failure(exit_, log)
            except BaseException as error:
                return _failure(error, log)
    return {"state": "SUCCEEDED"}


def _failure(error: BaseException, log: Any) -> dict[str, Any]:
    script_line = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" ({Path(script_line[0].filename).name}:{script_line[0].lineno})" if script_line else ""
    message = f"{type(error).__name__}: {error}"
    traceback.print_exception(error, file=log)
    return {"state": "FAILED", "error": f"{message.splitlines()[0][:1000]}{where}"}


def _engine_module() -> Any:
    """Import `engine.py` from this directory without adding the directory to the module path."""
    spec = importlib.util.spec_from_file_location("hdp_engine", Path(__file__).with_name("engine.py"))
    assert spec and spec.loader
    module = sys.modules["hdp_engine"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(requests_fd: int, answers_fd: int, name: str, root: Path, scratch: Path) -> None:
    with os.fdopen(requests_fd) as requests, os.fdopen(answers_fd, "w") as answers:
        engine = _engine_module().start(name, root, scratch)
        code = _Code()
        for line in requests:
            request = json.loads(line)
            if request.get("wheel"):
                code.use(request["wheel"])
            answer = {"state": "READY"}
            if "script" in request:
                engine.new_session()
                answer = run(request)
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], Path(sys.argv[4]), Path(sys.argv[5]))
