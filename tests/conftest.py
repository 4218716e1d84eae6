"""One laptop cloud and one Spark session a test run; each test has a bucket prefix of its own."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest

from infra.local.cloud import Cloud
from pipeline.generator import Options
from pipeline.generator.write import generate
from portal.auth import User
from portal.services import batches, releases, runs, warehouse
from portal.services.aws import Aws, ServiceError
from portal.settings import Settings

SYNTHEA = Path(__file__).parents[2] / "shared" / "data" / "synthea"
SMALL = Options(patients=40, seed=11, start=date(2025, 1, 1), end=date(2025, 3, 31))


@pytest.fixture(scope="session")
def cloud(tmp_path_factory):
    """A laptop cloud; from here on this process speaks to it, whatever AWS set-up the machine has."""
    state = Path(tempfile.mkdtemp(prefix="hdp-test-"))
    with Cloud(state, workers=1) as running:
        before = dict(os.environ)
        os.environ.update(running.environment())
        os.environ["HDP_USER"] = "tester"
        os.environ["HDP_TEST_STATE"] = str(state)
        yield running
        os.environ.clear()
        os.environ.update(before)
    shutil.rmtree(state, ignore_errors=True)


@pytest.fixture
def aws(cloud):
    """Makes boto3 clients of the laptop cloud."""
    return boto3.session.Session()


@pytest.fixture
def lake_prefix(request):
    """A bucket prefix that no other test has."""
    return f"t-{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16]}"


@pytest.fixture(scope="session")
def portal(cloud):
    """The portal's services on the laptop cloud."""
    return Aws(Settings.from_environment())


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    """A session of the laptop's engine (HDP_ENGINE, Sail by default) in this process, for transforms."""
    from infra.local import engine
    from pipeline.glue_jobs.job import SETTINGS

    folder = tmp_path_factory.mktemp("engine")
    running = engine.start(os.environ.get("HDP_ENGINE", "sail"), folder / "s3", folder / "work" / "scratch")
    session = running.new_session()
    for name, value in SETTINGS.items():
        session.conf.set(name, value)
    yield session
    running.stop()


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """A small clean extract in files."""
    return generate(SMALL, tmp_path_factory.mktemp("sample") / "extract")


@pytest.fixture(scope="session")
def killed_run(portal, sample):
    """The sample imported, its run failed by a kill -9 of the Spark worker while a job was running."""
    batch = batches.import_folder(portal, sample.folder, uploader="tester", seed=SMALL.seed)
    run = runs.start(portal, [batch.batch_id])
    while not any(job.state == "RUNNING" for job in runs.get(portal, run.run_id).jobs):
        time.sleep(0.2)
    # of this cloud alone: its workers name its state folder
    mine = ["pgrep", "-f", f"infra/local/job_worker.py .*{os.environ['HDP_TEST_STATE']}"]
    for pid in subprocess.run(mine, capture_output=True, text=True, check=True).stdout.split():
        os.kill(int(pid), signal.SIGKILL)
    return runs.wait(portal, run.run_id, seconds=120)


@pytest.fixture(scope="session")
def first_run(portal, killed_run):
    """The same run, gone on with after the kill, and published."""
    redriven = runs.resume(portal, killed_run.run_id)
    return runs.wait(portal, redriven.run_id, seconds=300)


@pytest.fixture
def synthea():
    if not SYNTHEA.is_dir():
        pytest.skip(f"the Synthea sample is not at {SYNTHEA}")
    return SYNTHEA


@pytest.fixture(scope="session")
def notifications(portal):
    """What subscribers of both topics are told, as documents."""
    received = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if document.get("Type") == "Notification":
                received.append(json.loads(document["Message"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sns = portal.client("sns")
    endpoint = f"http://127.0.0.1:{server.server_port}/"
    for topic in ("HDP_TOPIC_FAILED_ARN", "HDP_TOPIC_SUCCEEDED_ARN"):
        sns.subscribe(TopicArn=os.environ[topic], Protocol="http", Endpoint=endpoint)
    yield received
    server.shutdown()


@pytest.fixture(scope="session")
def broken(cloud):
    """The deployed script of a job fails for this long: `with broken("silver_to_gold/dim_time"):`."""

    @contextmanager
    def failing(script):
        path = cloud.state / "s3" / "hdp-code" / "scripts" / f"{script}.py"
        sound = path.read_text()
        path.write_text("print('about to fail')\nraise ValueError('the disk is full')\n")
        try:
            yield
        finally:
            path.write_text(sound)

    return failing


BROKEN = {
    "patients.csv": ("patient_id,birth_date,sex,postal_code,state,updated_at", ["Q1,1980-02-03,F,02115,MA,2025-01-01T00:00:00Z", "Q2,03/09/1984,M,02115,MA,2025-01-01T00:00:00Z", ",1990-01-02,M,02115,MA,2025-01-01T00:00:00Z"]),
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


@pytest.fixture(scope="session")
def failed_run(portal, first_run, broken, notifications, release_files, tmp_path_factory):
    """A batch with broken rows beside the first one, its run failed by the script of dim_time."""
    folder = tmp_path_factory.mktemp("broken")
    for name, (header, rows) in BROKEN.items():
        (folder / name).write_text("\n".join([header, *rows]) + "\n")
    batch = batches.import_folder(portal, folder, uploader="tester")
    published = releases.current(portal)
    before = release_files(first_run.run_id)
    with broken("silver_to_gold/dim_time"):
        started = runs.start(portal, [*first_run.batch_ids, batch.batch_id])
        with pytest.raises(ServiceError, match="has been writing since"):
            runs.start(portal, [batch.batch_id])
        run = runs.wait(portal, started.run_id, seconds=200)
    counted = warehouse.ask(portal, "SELECT count(*) FROM fact_encounter").frame
    return SimpleNamespace(
        run=run,
        batch_id=batch.batch_id,
        published_before=published,
        published_after=releases.current(portal),
        files_before=before,
        encounters=int(counted.iloc[0, 0]),
    )


@pytest.fixture(scope="session")
def held_run(portal, failed_run):
    """The same run gone on with: its release is held, for a row without its key."""
    return runs.wait(portal, runs.resume(portal, failed_run.run.run_id).run_id, seconds=200)


@pytest.fixture
def on_its_base(portal, held_run):
    """The release that the held one was made on, published for the test's duration; gives its id."""
    present = releases.current(portal).release_id
    base = releases.get(portal, held_run.run_id).base_release_id
    releases.publish(portal, base, reason="for a test")
    yield base
    releases.publish(portal, present, reason="the test is over")


@pytest.fixture
def acting(portal):
    """The portal's services on behalf of somebody: `acting("dr.lee", "clinician")`."""
    return lambda name, role: portal.acting(User(name, role))


@pytest.fixture(scope="session")
def release_files(cloud):
    """The Parquet files of a release with the times at which they were written."""

    def files(release_id):
        return {
            path: path.stat().st_mtime_ns
            for path in (cloud.state / "s3" / "hdp-gold").rglob("*.parquet")
            if f"release_id={release_id}" in path.parts
        }

    return files
