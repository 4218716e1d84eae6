"""A lake with four runs in its history, created once per state of the code and then copied.

Every test process starts its laptop cloud on a copy, so that no test waits for runs that were already made.
"""

from __future__ import annotations

import fcntl
import hashlib
import http.server
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO

from infra.local.cloud import Cloud
from pipeline.data_generator import Options
from pipeline.data_generator.writer import generate
from pipeline.releases.model import Release
from portal.athena import client as athena_client
from portal.batches import service as batches
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.settings import Settings
from portal.releases import service as releases
from portal.runs import service as runs
from portal.runs.model import Run

PROJECT = Path(__file__).parents[2]
CACHE = PROJECT / "build" / "test-lakes"
SOURCES = ("portal", "pipeline", "infra", "tests/support", "requirements/dev.txt")
SMALL = Options(patients=40, seed=11, start=date(2025, 1, 1), end=date(2025, 3, 31))
FAILS = "print('about to fail')\nraise ValueError('the disk is full')\n"
WAITS = "import threading\nthreading.Event().wait()\n"
FACTS = "facts.pickle"

BROKEN = {
    "patients.csv": ("patient_id,birth_date,sex,postal_code,state,updated_at",
                     ["Q1,1980-02-03,F,02115,MA,2025-01-01T00:00:00Z",
                      "Q2,03/09/1984,M,02115,MA,2025-01-01T00:00:00Z",
                      ",1990-01-02,M,02115,MA,2025-01-01T00:00:00Z"]),
    "encounters.csv": (
        "encounter_id,patient_id,admitted_at,discharged_at,encounter_class,updated_at",
        [
            "R1,Q1,2025-02-01T08:00:00Z,2025-02-01T09:00:00Z,AMB,2025-02-02T00:00:00Z",
            "R2,Q1,2025-02-05T08:00:00Z,2025-02-04T08:00:00Z,AMB,2025-02-05T00:00:00Z",
            "R3,Q1,2025-02-06T08:00:00Z,2025-02-06T09:00:00Z,AMB,2025-02-07T00:00:00Z",
            "R3,Q1,2025-02-06T08:00:00Z,2025-02-06T09:00:00Z,AMB,2025-02-07T00:00:00Z",
        ],
    ),
}  # fmt: skip


@dataclass(frozen=True)
class FailedRun:
    """A run over a batch with broken rows and the first batch, failed by the script of dim_time."""

    run: Run
    batch_id: str
    published_before: Release | None
    published_after: Release | None
    files_before: dict[str, int]
    encounters: int


@dataclass(frozen=True)
class Facts:
    """The runs of the lake, each as it was when it ended, and the messages that subscribers received."""

    killed: Run
    first: Run
    failed: FailedRun
    held: Run
    notifications: list[dict]


def code_hash() -> str:
    """Return a hash of everything a lake depends on; it includes the date, as alerts show ages of runs."""
    digest = hashlib.sha256(datetime.now(UTC).date().isoformat().encode())
    digest.update(f"{sys.version} {os.environ.get('HDP_ENGINE', '')}".encode())
    for source in SOURCES:
        path = PROJECT / source
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(PROJECT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def snapshot() -> Path:
    """Return the directory of this code's lake; the first of several processes creates it."""
    target = CACHE / code_hash()
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (target / FACTS).exists():
            for old in CACHE.glob("*/"):
                shutil.rmtree(old)
            _make_in_a_process(target)
    return target


def copy(target: Path) -> Facts:
    """Copy this code's lake to the state directory `target`; return the facts about its runs."""
    source = snapshot()
    links = shutil.ignore_patterns("runtimes")  # each cloud creates its own links to installed packages
    shutil.copytree(source / "state", target, dirs_exist_ok=True, ignore=links)
    return pickle.loads((source / FACTS).read_bytes())


def _make_in_a_process(target: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.support import lakes; lakes.make(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", program, str(target)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"The lake for the tests could not be created:\n{done.stdout}{done.stderr}"[-6000:]
        )


def make(target: Path) -> None:
    """Create the lake in `target`; write the facts last, after its cloud has ended."""
    shutil.rmtree(target, ignore_errors=True)
    with Cloud(target / "state", workers=1) as cloud:
        os.environ.update({**cloud.environment(), "HDP_USER": "tester"})
        portal = Context(Settings.from_environment())
        with subscribed(portal) as notifications:
            facts = _history(cloud, portal, target / "sample", notifications)
    ended(cloud)
    (target / FACTS).write_bytes(pickle.dumps(facts))


def _history(cloud: Cloud, portal: Context, folder: Path, notifications: list[dict]) -> Facts:
    sample = generate(SMALL, folder / "small")
    first_batch = batches.import_folder(portal, sample.folder, uploader="tester", seed=SMALL.seed)
    killed = _killed(cloud, portal, first_batch.batch_id)
    first = runs.wait(portal, runs.resume(portal, killed.run_id).run_id, seconds=300)
    if not first.is_published:
        raise RuntimeError(f"the first run was not published: {first}")
    failed = _failed(cloud, portal, first, _broken_batch(portal, folder / "broken"))
    held = runs.wait(portal, runs.resume(portal, failed.run.run_id).run_id, seconds=300)
    return Facts(killed, first, failed, held, list(notifications))


def _killed(cloud: Cloud, portal: Context, batch_id: str) -> Run:
    """Return a run that failed because its worker was killed while a job was running."""
    with script(cloud, "bronze_to_silver/patients", WAITS):
        run = runs.start(portal, [batch_id])
        while not _is_running(portal, run.run_id, "bronze_to_silver_patients"):
            if runs.get(portal, run.run_id).is_over:
                raise RuntimeError(f"the run ended before its job: {runs.get(portal, run.run_id)}")
            time.sleep(0.05)
        kill_workers(cloud)
        return runs.wait(portal, run.run_id, seconds=120)


def _is_running(portal: Context, run_id: str, job: str) -> bool:
    return any(each.job == job and each.state == "RUNNING" for each in runs.get(portal, run_id).jobs)


def kill_workers(cloud: Cloud) -> None:
    """Kill the workers of this cloud: processes whose command contains its state directory."""
    wanted = ["pgrep", "-f", f"infra/local/[a-z]*_worker.py .*{cloud.state}"]
    for pid in subprocess.run(wanted, capture_output=True, text=True, check=True).stdout.split():
        os.kill(int(pid), signal.SIGKILL)


def _broken_batch(portal: Context, folder: Path) -> str:
    folder.mkdir()
    for name, (header, rows) in BROKEN.items():
        (folder / name).write_text("\n".join([header, *rows]) + "\n")
    return batches.import_folder(portal, folder, uploader="tester").batch_id


def _failed(cloud: Cloud, portal: Context, first: Run, batch_id: str) -> FailedRun:
    published = releases.current(portal)
    before = release_files(cloud.state, first.run_id)
    with script(cloud, "silver_to_gold/dim_time", FAILS):
        started = runs.start(portal, [*first.batch_ids, batch_id])
        _refuses_a_second(portal, batch_id)
        run = runs.wait(portal, started.run_id, seconds=300)
    counted = athena_client.run_query(portal, "SELECT count(*) FROM fact_encounter").frame
    after = releases.current(portal)
    return FailedRun(run, batch_id, published, after, before, int(counted.iloc[0, 0]))


def _refuses_a_second(portal: Context, batch_id: str) -> None:
    try:
        runs.start(portal, [batch_id])
    except ServiceError as error:
        if "has been writing since" in str(error):
            return
        raise
    raise RuntimeError("a second run was started while the first was writing")


def release_files(state: Path, release_id: str) -> dict[str, int]:
    """Return the modification times (ns) of a release's Parquet files by path."""
    gold = state / "s3" / "hdp-gold"
    return {
        str(path.relative_to(gold)): path.stat().st_mtime_ns
        for path in gold.rglob("*.parquet")
        if f"release_id={release_id}" in path.parts
    }


@contextmanager
def script(cloud: Cloud, name: str, text: str) -> Iterator[None]:
    """Replace the script of a job by `text` within the block."""
    path = cloud.state / "s3" / "hdp-code" / "scripts" / f"{name}.py"
    original = path.read_text()
    path.write_text(text)
    try:
        yield
    finally:
        path.write_text(original)


@contextmanager
def held(cloud: Cloud, name: str) -> Iterator[Callable[[], None]]:
    """Delay the start of a job by some seconds, or until the yielded function is called."""
    path = cloud.state / "s3" / "hdp-code" / "scripts" / f"{name}.py"
    with tempfile.TemporaryDirectory() as folder:
        wait = (
            f"import pathlib, time\nwhile pathlib.Path({folder!r}, 'held').exists():\n    time.sleep(0.05)\n"
        )
        lever = Path(folder, "held")
        lever.touch()
        with script(cloud, name, f"{wait}exec(compile({path.read_text()!r}, {path.name!r}, 'exec'))\n"):
            yield lambda: lever.unlink(missing_ok=True)


@contextmanager
def subscribed(portal: Context) -> Iterator[list[dict]]:
    """Yield the list of messages that subscribers of both topics receive, as parsed JSON."""
    received: list[dict] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if document.get("Type") == "Notification" and document["Message"].startswith("{"):
                received.append(json.loads(document["Message"]))  # a test message is plain text
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sns, subscriptions = portal.client("sns"), []
    for topic in ("HDP_TOPIC_FAILED_ARN", "HDP_TOPIC_SUCCEEDED_ARN"):
        endpoint = f"http://127.0.0.1:{server.server_port}/"
        made = sns.subscribe(TopicArn=os.environ[topic], Protocol="http", Endpoint=endpoint)
        subscriptions.append(made["SubscriptionArn"])
    try:
        yield received
    finally:
        for arn in subscriptions:
            sns.unsubscribe(SubscriptionArn=arn)
        server.shutdown()
        server.server_close()


def ended(cloud: Cloud, seconds: float = 30) -> None:
    """Wait until the process of an unused cloud has written everything and ended."""
    deadline = time.monotonic() + seconds
    with (cloud.state / "cloud" / "server.lock").open("a") as held:
        while not _locks(held):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the cloud of {cloud.state} has not ended after {seconds} s")
            time.sleep(0.05)


def _locks(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
