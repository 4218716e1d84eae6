"""The laptop cloud's process: `python -m infra.local.server --state DIR [--port N] [--prefix P]`.

It serves until nobody holds a lease on the state folder any longer (see `infra.local.cloud`).
"""

from __future__ import annotations

import argparse
import fcntl
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

from infra.local.engine import ENGINES
from infra.local.environment import environment
from infra.local.history import HistoryStore

HOST = "127.0.0.1"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--prefix", default="hdp")
    parser.add_argument("--engine", choices=ENGINES, default="sail")
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    options = parser.parse_args()
    work = options.state / "cloud"
    work.mkdir(parents=True, exist_ok=True)
    alone = (work / "server.lock").open("w")
    fcntl.flock(alone, fcntl.LOCK_EX)
    serve(options.state.resolve(), options.port, options.prefix, options.workers, options.engine)


def serve(state: Path, port: int, prefix: str, workers: int, engine: str) -> None:
    port = port or _free_port()
    os.environ["MOTO_PORT"] = str(port)
    endpoint = f"http://{HOST}:{port}"
    surroundings = environment(endpoint, prefix)
    for name in set(os.environ) - set(surroundings) - {"MOTO_PORT"}:
        del os.environ[name]
    os.environ.update(surroundings)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server, stop = _assemble(state, port, prefix, workers, engine, endpoint)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    from infra.local.provision import Provisioner  # noqa: PLC0415

    Provisioner(endpoint, prefix).run()
    announcement = state / "cloud.json"
    try:
        _announce(
            announcement,
            {"pid": os.getpid(), "port": port, "endpoint": endpoint, "prefix": prefix, "engine": engine},
        )
        _until_unused(state, announcement)
    finally:
        announcement.unlink(missing_ok=True)
        stop()
        os._exit(0)


def _assemble(state: Path, port: int, prefix: str, workers: int, engine: str, endpoint: str) -> Any:
    """moto with its four engines made real; imported here because moto reads MOTO_PORT on import."""
    from moto.core.config import default_user_config  # noqa: PLC0415
    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server  # noqa: PLC0415

    from infra.local import athena, catalog, glue, lambdas, named_queries, s3, stepfunctions  # noqa: PLC0415
    from infra.local.calls import Calls  # noqa: PLC0415
    from infra.local.context import Context  # noqa: PLC0415

    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    default_user_config["lambda"] = {"use_docker": False}
    store = HistoryStore(state / "cloud" / "history.sqlite")
    context = Context(state, prefix, endpoint, workers, engine, store, dict(os.environ))
    for service in (s3, catalog, glue, lambdas, stepfunctions, athena, named_queries):
        service.install(context)

    class Handler(MotoRequestHandler):  # type: ignore[misc]
        protocol_version = "HTTP/1.1"

        def log(self, *_: Any) -> None:
            """Requests are not logged: a path may name a person's file."""

    app = Calls(DomainDispatcherApplication(create_backend_app), state / "cloud" / "calls.jsonl")
    server = make_server(HOST, port, app, threaded=True, request_handler=Handler)

    def stop() -> None:
        for hook in context.on_stop:
            hook()
        store.close()

    return server, stop


def _announce(path: Path, document: dict[str, Any]) -> None:
    pending = path.with_suffix(".pending")
    pending.write_text(json.dumps(document))
    pending.replace(path)


def _until_unused(state: Path, announcement: Path) -> None:
    """Wait for the moment when no client holds a lease; the announcement goes before the lock does."""
    lease = (state / "cloud" / "lease").open("a")
    while True:
        time.sleep(0.5)
        try:
            fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        announcement.unlink(missing_ok=True)
        return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
