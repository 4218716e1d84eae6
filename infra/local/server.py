"""The laptop cloud's process: `python -m infra.local.server --state DIR [OPTIONS]`.

It serves until the last lease on the state directory ends (see `infra.local.cloud`). It listens and announces
itself before it loads its services; requests wait in `infra.local.gate` until setup is complete.
"""

from __future__ import annotations

import argparse
import contextlib
import enum
import fcntl
import functools
import json
import logging
import os
import signal
import socket
import sqlite3
import sys
import threading
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from infra.local import credentials, state_folder
from infra.local.context import Context
from infra.local.credentials import LAPTOP, Keys, credentials_file, lake_secret
from infra.local.engine import ENGINES
from infra.local.environment import environment
from infra.local.history import HistoryStore

HOST = "127.0.0.1"

SURPLUS_SECONDS = 10.0
"""Seconds after which a server that is not announced any more is ended by the next one."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--prefix", default="hdp")
    parser.add_argument("--engine", choices=ENGINES, default="sail")
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    options = parser.parse_args()
    os.umask(0o077)  # inherited by workers and Lambdas
    work = options.state / "cloud"
    work.mkdir(parents=True, exist_ok=True)
    with _only_server(work / "server.lock"), _disk_errors_explained(options.state):
        state_folder.sweep(options.state)
        serve(options.state.resolve(), options.port, options.prefix, options.workers, options.engine)


@contextlib.contextmanager
def _only_server(path: Path) -> Iterator[None]:
    """Hold the lock of the state directory's server; the file names the process that holds it.

    A server that still runs although no command can find it any more is ended after `SURPLUS_SECONDS`.
    """
    with path.open("a+") as lock:
        deadline = time.monotonic() + SURPLUS_SECONDS
        while not _locked(lock):
            if time.monotonic() > deadline:
                _end_holder(lock)
            time.sleep(0.05)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _end_holder(lock: IO[str]) -> None:
    """Kill the process that the lock file names, which holds the lock."""
    lock.seek(0)
    with contextlib.suppress(ValueError, ProcessLookupError):
        os.kill(int(lock.read()), signal.SIGKILL)


@contextlib.contextmanager
def _disk_errors_explained(state: Path) -> Iterator[None]:
    """End with one sentence on standard error if the disk stops the start."""
    from infra.local.faults import explained  # noqa: PLC0415

    try:
        yield
    except (OSError, sqlite3.Error) as error:
        if sentence := explained(error, state):
            sys.exit(sentence)
        raise


def serve(state: Path, port: int, prefix: str, workers: int, engine: str) -> None:
    listening = socket.create_server((HOST, port), backlog=128)
    port = listening.getsockname()[1]
    endpoint = f"http://{HOST}:{port}"
    credentials.ensure(credentials_file(state), [LAPTOP])
    announcement = state / "cloud.json"
    ours = {"pid": os.getpid(), "port": port, "endpoint": endpoint, "prefix": prefix, "engine": engine}
    _announce(announcement, ours)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _take_environment(environment(endpoint, prefix, state), port)
    try:
        context = _start(state, prefix, workers, engine, endpoint, listening)
        try:
            _until_unused(state, announcement, ours)
        finally:
            announcement.unlink(missing_ok=True)
            _stop(context)
    except SystemExit:
        print("Stopped by SIGTERM.", file=sys.stderr, flush=True)  # noqa: T201
    finally:
        announcement.unlink(missing_ok=True)
    os._exit(0)


def _take_environment(variables: dict[str, str], port: int) -> None:
    """Replace the process environment by `variables` and MOTO_PORT, which moto reads on import."""
    os.environ.clear()
    os.environ.update({**variables, "MOTO_PORT": str(port)})


def _start(
    state: Path, prefix: str, workers: int, engine: str, endpoint: str, listening: socket.socket
) -> Context:
    from infra.local.provision import Provisioner  # noqa: PLC0415

    keys = Keys(credentials_file(state))
    store = HistoryStore(state / "cloud" / "history.sqlite")
    context = Context(state, prefix, endpoint, workers, engine, store, dict(os.environ))
    server, gate = _assemble(context, keys, listening)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Provisioner(endpoint, prefix, gate.own_key, lake_secret(state)).run()
    gate.open()
    return context


def _assemble(context: Context, keys: Keys, listening: socket.socket) -> Any:
    """Return an HTTP server for moto with our services installed, and the gate that its requests pass."""
    _skip_unused_imports()
    from moto.core.config import default_user_config  # noqa: PLC0415
    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server  # noqa: PLC0415

    from infra.local import athena, catalog, glue, lambdas, named_queries, s3, sns, stepfunctions  # noqa: PLC0415
    from infra.local.calls import Calls  # noqa: PLC0415
    from infra.local.faults import Faults  # noqa: PLC0415
    from infra.local.gate import Gate  # noqa: PLC0415

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    default_user_config["lambda"] = {"use_docker": False}
    for engine in (s3, catalog, glue, lambdas, stepfunctions, athena, named_queries, sns):
        engine.install(context)

    class Dispatcher(DomainDispatcherApplication):  # type: ignore[misc]
        # moto lists its package's folders for each request, a sixth of the server's time in a run
        get_backend_for_host = functools.lru_cache(DomainDispatcherApplication.get_backend_for_host)

    class Handler(MotoRequestHandler):  # type: ignore[misc]
        protocol_version = "HTTP/1.1"

        def log(self, *_: Any) -> None:
            """Do not log requests: a path may contain a patient identifier."""

    port = listening.getsockname()[1]
    app = Calls(
        Dispatcher(create_backend_app),
        context.work / "calls.jsonl",
        keys,
        _workgroups(context.store),
    )
    gate = Gate(Faults(app, context.state), port, keys, state_folder.identity(context.state))
    server = make_server(HOST, port, gate, threaded=True, request_handler=Handler, fd=listening.fileno())
    return server, gate


def _workgroups(store: HistoryStore) -> dict[str, str]:
    """Return the workgroup of each query and saved query in the history store, by ID."""
    executed = {key: query["workgroup"] for key, query in store.all("query")}
    return executed | {key: query["WorkGroup"] for key, query in store.all("named_query")}


def _skip_unused_imports() -> None:
    """Replace `moto.batch.utils` by a stub: importing moto's Batch and EC2, unused here, takes a second."""
    batch = types.ModuleType("moto.batch.utils")
    JobStatus = enum.StrEnum("JobStatus", ["SUCCEEDED", "FAILED"])
    vars(batch)["JobStatus"] = JobStatus
    sys.modules[batch.__name__] = batch


def _stop(context: Context) -> None:
    for hook in context.on_stop:
        hook()
    context.store.close()
    state_folder.sweep(context.state)


def _announce(path: Path, document: dict[str, Any]) -> None:
    pending = path.with_suffix(".pending")
    pending.write_text(json.dumps(document))
    pending.replace(path)


def _until_unused(state: Path, announcement: Path, ours: dict[str, Any]) -> None:
    """Wait until no client holds a lease, and remove the announcement while no client can take a new one.

    An announcement that somebody deleted is written again, so that no second server is started.
    """
    lease = (state / "cloud" / "lease").open("a")
    while True:
        time.sleep(0.5)
        try:
            fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not announcement.exists():
                _announce(announcement, ours)
            continue
        announcement.unlink(missing_ok=True)
        return


if __name__ == "__main__":
    main()
